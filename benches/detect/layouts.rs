//! The same events as shippers store them.

use bytes::Bytes;
use k8scop::detect::document::Document;
use serde_json::{Map, Value, json};

/// Names of layouts, each with the documents in that layout.
pub fn all(documents: &[Document]) -> Vec<(&'static str, Vec<Document>)> {
    let stored = |store: fn(&str) -> String| -> Vec<Document> {
        let store = |document: &Document| {
            let event = str::from_utf8(&document.source).expect("an event is UTF-8");
            Document {
                source: Bytes::from(store(event)),
                ..document.clone()
            }
        };
        documents.iter().map(store).collect()
    };
    vec![
        ("Raw", stored(str::to_owned)),
        ("Elastic", stored(elastic)),
        ("an object below `json`", stored(below_json)),
        ("Wrapped, text in `log`", stored(wrapped)),
        ("Dotted", stored(dotted)),
    ]
}

fn elastic(event: &str) -> String {
    format!(
        r#"{{"@timestamp":"2026-11-01T10:00:00.000Z","agent":{{"type":"filebeat"}},"kubernetes":{{"audit":{event}}},"event":{{"kind":"event","dataset":"kubernetes.audit_logs"}}}}"#
    )
}

fn below_json(event: &str) -> String {
    format!(
        r#"{{"@timestamp":"2026-11-01T10:00:00.000Z","json":{event},"input":{{"type":"log"}}}}"#
    )
}

fn wrapped(event: &str) -> String {
    json!({"log": format!("{event}\n"), "stream": "stdout", "kubernetes": {"pod_name": "kube-apiserver-1"}})
        .to_string()
}

fn dotted(event: &str) -> String {
    let event = serde_json::from_str(event).expect("an event is JSON");
    let mut flat = Map::new();
    flatten("kubernetes.audit", &event, &mut flat);
    Value::Object(flat).to_string()
}

/// Lists keep their elements, as indices do that were fed with them.
fn flatten(name: &str, value: &Value, flat: &mut Map<String, Value>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (member, value) in members {
                flatten(&format!("{name}.{member}"), value, flat);
            }
        }
        _ => drop(flat.insert(name.to_owned(), value.clone())),
    }
}
