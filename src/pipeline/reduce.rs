//! The smallest alert that is still one: for a sink that refuses the whole for what is in it.

use serde_json::{Map, Value, json};

use crate::detect::alert::Alert;

/// Longest text that is carried over.
const LONGEST: usize = 256;

/// The same alert with a few fixed fields only, marked `k8scop.reduced`. Id, index and category
/// are unchanged.
pub fn reduce(alert: &Alert) -> Alert {
    let carried = |path: &[&str]| text(&alert.document, path);
    let document = json!({
        "@timestamp": carried(&["@timestamp"]),
        "event": {
            "kind": "alert",
            "module": "k8scop",
            "dataset": "k8scop.alerts",
            "id": alert.id,
            "created": carried(&["event", "created"]),
        },
        "message": "an alert that the index refused to take whole",
        "rule": {"name": alert.rule, "category": alert.category},
        "kubernetes": {"audit": {"auditID": carried(&["kubernetes", "audit", "auditID"])}},
        "k8scop": {
            "tenant": carried(&["k8scop", "tenant"]),
            "job": carried(&["k8scop", "job"]),
            "severity": carried(&["k8scop", "severity"]),
            "fingerprint": carried(&["k8scop", "fingerprint"]),
            "event": {"key": carried(&["k8scop", "event", "key"])},
            "source": {
                "index": carried(&["k8scop", "source", "index"]),
                "id": carried(&["k8scop", "source", "id"]),
            },
            "reduced": true,
        },
    });
    Alert {
        document: without_nulls(document),
        ..alert.clone()
    }
}

/// The text at a path, whether its names are nested objects or one dotted name.
fn text(document: &Value, path: &[&str]) -> Option<String> {
    let nested = path
        .iter()
        .try_fold(document, |value, name| value.get(name));
    let found = nested.or_else(|| document.get(path.join(".")))?;
    let text = found.as_str()?;
    Some(text.chars().take(LONGEST).collect())
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::definition::Severity;

    #[test]
    fn a_reduced_alert_keeps_its_identity_and_nothing_that_was_chosen_by_others() {
        let whole = Alert {
            id: "0f".repeat(20),
            rule: "security/pod-exec".to_owned(),
            category: "Exec".to_owned(),
            severity: Severity::Medium,
            time: None,
            source_time: None,
            fingerprint: "f".repeat(64),
            rule_uid: "11111111-2222-3333-4444-555555555555".to_owned(),
            match_hash: "0123456789abcdef".to_owned(),
            document: json!({
                "@timestamp": "2026-11-01T00:00:00Z",
                "message": "x".repeat(40_000),
                "user": {"name": {"an": "object"}},
                "k8scop": {"job": "prod", "source": {"index": "logstash", "id": "1"}},
            }),
        };
        let expected = Alert {
            document: json!({
                "@timestamp": "2026-11-01T00:00:00Z",
                "event": {
                    "kind": "alert", "module": "k8scop", "dataset": "k8scop.alerts",
                    "id": "0f".repeat(20),
                },
                "message": "an alert that the index refused to take whole",
                "rule": {"name": "security/pod-exec", "category": "Exec"},
                "kubernetes": {"audit": {}},
                "k8scop": {
                    "job": "prod", "event": {}, "source": {"index": "logstash", "id": "1"},
                    "reduced": true,
                },
            }),
            ..whole.clone()
        };
        assert_eq!(reduce(&whole), expected);
    }
}
