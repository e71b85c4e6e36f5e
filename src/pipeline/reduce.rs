//! What is sent in place of an alert that its index refuses for what is in it: the smallest that is
//! still one, and at last a record that holds it as a text.

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
            "fingerprint": alert.fingerprint,
            "rule": {"uid": known(&alert.rule_uid), "match_hash": known(&alert.match_hash)},
            "event": {"key": carried(&["k8scop", "event", "key"])},
            "source": {
                "index": carried(&["k8scop", "source", "index"]),
                "id": carried(&["k8scop", "source", "id"]),
                "time": carried(&["k8scop", "source", "time"]),
            },
            "reduced": true,
        },
    });
    Alert {
        document: without_nulls(document),
        ..alert.clone()
    }
}

/// The record of an alert that `index` refuses in every form, for the quarantine index. It has the
/// alert's id, and what it is recognised by.
pub fn quarantined(alert: &Alert, index: &str, reason: &str) -> Alert {
    let document = json!({
        "@timestamp": text(&alert.document, &["@timestamp"]),
        "message": "an alert that its index refused; k8scop.quarantine.alert is the whole of it",
        "rule": {"name": alert.rule, "category": alert.category},
        "kubernetes": {"audit": {"auditID": text(&alert.document, &["kubernetes", "audit", "auditID"])}},
        "k8scop": {
            "job": text(&alert.document, &["k8scop", "job"]),
            "severity": alert.severity.word(),
            "fingerprint": alert.fingerprint,
            "rule": {"uid": known(&alert.rule_uid), "match_hash": known(&alert.match_hash)},
            "quarantine": {
                "index": index,
                "reason": reason,
                "alert": alert.document.to_string(),
            },
        },
    });
    Alert {
        document: without_nulls(document),
        ..alert.clone()
    }
}

fn known(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
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
    use crate::detect::alert::fixture::an_alert;

    fn whole() -> Alert {
        Alert {
            fingerprint: "f1".to_owned(),
            rule_uid: "uid".to_owned(),
            match_hash: String::new(),
            document: json!({
                "@timestamp": "2026-11-01T00:00:00Z",
                "message": "x".repeat(40_000),
                "user": {"name": {"an": "object"}},
                "k8scop": {"job": "prod", "source": {"index": "logstash", "id": "1"}},
            }),
            ..an_alert()
        }
    }

    #[test]
    fn a_reduced_alert_keeps_its_identity_and_nothing_that_was_chosen_by_others() {
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
                    "fingerprint": "f1", "rule": {"uid": "uid"}, "reduced": true,
                },
            }),
            ..whole()
        };
        assert_eq!(reduce(&whole()), expected);
    }

    #[test]
    fn a_quarantine_record_holds_the_whole_alert_and_its_identity() {
        let expected = Alert {
            document: json!({
                "@timestamp": "2026-11-01T00:00:00Z",
                "message": "an alert that its index refused; k8scop.quarantine.alert is the whole of it",
                "rule": {"name": "security/pod-exec", "category": "Exec"},
                "kubernetes": {"audit": {}},
                "k8scop": {
                    "job": "prod", "severity": "medium",
                    "fingerprint": "f1", "rule": {"uid": "uid"},
                    "quarantine": {
                        "index": "alerts-undated", "reason": "too long",
                        "alert": whole().document.to_string(),
                    },
                },
            }),
            ..whole()
        };
        assert_eq!(
            quarantined(&whole(), "alerts-undated", "too long"),
            expected
        );
    }
}
