//! The custom resource definitions, made from the types. What this prints is what `crds/` holds.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Value, json};

use super::{job::AnalysisJob, rule::K8sCopRule};

/// Both definitions as YAML: the name of the file, and the text of it.
pub fn crds() -> Vec<(&'static str, String)> {
    vec![
        ("k8scop.io_analysisjobs.yaml", yaml(AnalysisJob::crd())),
        ("k8scop.io_k8scoprules.yaml", yaml(K8sCopRule::crd())),
    ]
}

fn yaml(crd: CustomResourceDefinition) -> String {
    let text = serde_saphyr::to_string(&document(crd)).expect("a definition is plain data");
    format!("---\n{}\n", text.trim_end())
}

fn document(crd: CustomResourceDefinition) -> Value {
    let mut document = serde_json::to_value(crd).expect("a definition is plain data");
    for version in list(&mut document["spec"]["versions"]) {
        let schema = &mut version["schema"]["openAPIV3Schema"];
        tidy(schema);
        schema["properties"]["status"]["default"] = pending();
    }
    document
}

fn list(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_array_mut().into_iter().flatten()
}

/// An optional field is left out, not set to null; a whole bound is written as one; the lines of
/// a paragraph are joined, for `kubectl explain` wraps them itself.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("nullable") == Some(&Value::Bool(true)) {
                fields.remove("nullable");
            }
            if let Some(Value::String(text)) = fields.get_mut("description") {
                *text = paragraphs(text);
            }
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Number(number) => {
            if let Some(whole) = number
                .as_f64()
                .filter(|n| n.fract() == 0.0 && n.abs() < 1e15)
            {
                *schema = Value::from(whole as i64);
            }
        }
        _ => {}
    }
}

fn paragraphs(text: &str) -> String {
    let joined = text.split("\n\n").map(|lines| lines.replace('\n', " "));
    joined.collect::<Vec<_>>().join("\n\n")
}

/// What a new object shows before the operator has seen it, so that nobody takes it for done.
fn pending() -> Value {
    json!({"conditions": [{
        "type": "Ready",
        "status": "Unknown",
        "reason": "Pending",
        "message": "No operator has looked at this yet.",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }]})
}
