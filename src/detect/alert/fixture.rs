//! An alert for tests.

use serde_json::Value;

use super::Alert;
use crate::detect::definition::Severity;

/// An alert of which a test changes what it is about.
pub fn an_alert() -> Alert {
    Alert {
        id: "0f".repeat(20),
        rule: "security/pod-exec".to_owned(),
        category: "Exec".to_owned(),
        severity: Severity::Medium,
        time: None,
        source_time: None,
        fingerprint: "f".repeat(64),
        rule_uid: "11111111-2222-3333-4444-555555555555".to_owned(),
        match_hash: "0123456789abcdef".to_owned(),
        document: Value::Null,
    }
}
