use serde_json::json;

use super::*;

fn resolved(prefix: &str, answer: Value) -> Option<FaultReason> {
    let resolved: Resolved = serde_json::from_value(answer).expect("an answer");
    resolved.check(prefix).err().map(|fault| fault.reason)
}

fn alias(name: &str, indices: &[&str]) -> Value {
    json!({"indices": [], "aliases": [{"name": name, "indices": indices}], "data_streams": []})
}

fn data_stream(name: &str) -> Value {
    json!({"aliases": [], "data_streams": [{"name": name, "backing_indices": []}]})
}

#[test]
fn what_can_lead_an_alert_elsewhere_is_refused() {
    let refused = Some(FaultReason::SinkNotDeterministic);
    let rows = [
        (alias("alerts-2026.11.23", &["real-1"]), refused),
        (alias("alerts-undated", &["real-1"]), refused),
        (alias("alerts-quarantine", &["real-1"]), refused),
        (alias("alerts", &["alerts-000001"]), refused),
        (alias("alerts", &["alerts-2026.11.23", "other"]), refused),
        (data_stream("alerts"), refused),
        (data_stream("alerts-2026.11.23"), refused),
        // Names to search by, and what belongs to somebody else.
        (alias("alerts", &["alerts-2026.11.23"]), None),
        (alias("alerts-all", &["alerts-2026.11.23", "other"]), None),
        (alias("alerts-exec-2026.11.23", &["other"]), None),
        (data_stream("alerts-other"), None),
        (json!({"indices": [{"name": "alerts"}]}), None),
        (json!({}), None),
    ];
    for (answer, expected) in rows {
        assert_eq!(resolved("alerts", answer.clone()), expected, "{answer}");
    }
}

#[test]
fn a_category_stands_for_any_word() {
    let refused = |name: &str| resolved("a-{category}-z", alias(name, &["other"])).is_some();
    assert!(refused("a-exec-z-2026.11.23"));
    assert!(refused("a-enum-z-undated"));
    assert!(!refused("a-exec-2026.11.23"));
    assert!(!refused("a-exec-z"));
}

#[test]
fn a_foreign_template_is_refused_where_it_takes_no_alerts() {
    let check = |mappings: Value| {
        let answer = json!({"template": {"mappings": mappings}, "overlapping": []});
        let simulated: Simulated = serde_json::from_value(answer).expect("an answer");
        simulated.check().err().map(|fault| fault.reason)
    };
    let rows = [
        (
            json!({"dynamic": "strict"}),
            Some(FaultReason::SinkTemplateMissing),
        ),
        (
            json!({"_data_stream_timestamp": {"enabled": true}}),
            Some(FaultReason::SinkNotDeterministic),
        ),
        (
            json!({"dynamic": "strict", "_meta": {"managed_by": "k8scop"}}),
            None,
        ),
        (json!({"dynamic": "true"}), None),
        (json!({}), None),
    ];
    for (mappings, expected) in rows {
        assert_eq!(check(mappings.clone()), expected, "{mappings}");
    }
}

#[test]
fn messages_fit_a_condition() {
    for answer in [alias("alerts", &["x"]), data_stream("alerts")] {
        let resolved: Resolved = serde_json::from_value(answer).expect("an answer");
        let fault = resolved.check("alerts").expect_err("refused");
        assert!(fault.message.chars().count() <= 256, "{fault}");
    }
}
