//! The rules and jobs of the soak.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{NAMESPACE, SINK, SOURCE};

/// The rules: the resource whose reading they alert.
pub const RULES: [&str; 2] = ["secrets", "configmaps"];

/// A rule that speaks of its edition, and matches the same events in each.
pub fn rule(name: &str, edition: u64) -> Value {
    object("K8sCopRule", name, rule_spec(name, edition))
}

pub fn rule_spec(name: &str, edition: u64) -> Value {
    json!({
        "title": format!("Edition {edition}"), "severity": "Medium", "category": "Soak",
        "selections": [{"name": "read", "all": [
            {"field": "verb", "equals": "get"},
            {"field": "objectRef.resource", "equals": name},
        ]}],
        "message": "{user.username} read {objectRef.name}",
    })
}

/// The same rule with a pattern that cannot be compiled.
pub fn broken_rule(name: &str, edition: u64) -> Value {
    let mut rule = rule(name, edition);
    rule["spec"]["selections"][0]["all"][0] = json!({"field": "verb", "matches": "("});
    rule
}

pub fn streaming_job(name: &str, start: Timestamp, suspend: bool) -> Value {
    let spec = json!({
        "mode": "Streaming", "startTime": format!("{start:.0}"), "fetchDelaySeconds": 1,
        "suspend": suspend,
        "source": {"index": format!("{SOURCE}-*")}, "sink": {"index": SINK},
    });
    object("AnalysisJob", name, spec)
}

pub fn static_job(name: &str, start: Timestamp, end: Timestamp) -> Value {
    let spec = json!({
        "mode": "Static", "startTime": format!("{start:.0}"), "endTime": format!("{end:.3}"),
        "source": {"index": format!("{SOURCE}-*")}, "sink": {"index": SINK},
    });
    object("AnalysisJob", name, spec)
}

fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "k8scop.io/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec,
    })
}
