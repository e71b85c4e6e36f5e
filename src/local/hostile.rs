//! Streams that nobody should write, and somebody will.

use proptest::prelude::*;
use serde_json::{Value, json};

/// A stream of audit events and rubbish, whole and broken, in lines and not.
pub fn stream() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 0..24).prop_map(|pieces| pieces.concat())
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => event().prop_map(|event| line(&event)),
        3 => event().prop_map(|event| event.to_string().into_bytes()),
        2 => event().prop_map(|event| pretty(&event)),
        1 => prop::collection::vec(event(), 0..4).prop_map(|all| json!(all).to_string().into_bytes()),
        1 => prop::collection::vec(event(), 0..4).prop_map(|all| pretty(&json!(all))),
        1 => prop::collection::vec(event(), 0..4)
            .prop_map(|all| line(&json!({"kind": "EventList", "items": all}))),
        2 => (event(), any::<prop::sample::Index>(), any::<bool>()).prop_map(|(event, at, ends)| {
            let mut bytes = pretty(&event);
            bytes.truncate(at.index(bytes.len()));
            bytes.extend(ends.then_some(b'\n'));
            bytes
        }),
        6 => prop::sample::select(RUBBISH).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..8),
    ]
}

const RUBBISH: &[&str] = &[
    "\n",
    "\r\n",
    "\n\n",
    " ",
    "\t",
    "\u{c}",
    ",",
    "[",
    "]",
    "]\n",
    ",\n  ",
    "{",
    "}",
    "}\n",
    "{}",
    "{}\n",
    "{{",
    "\"",
    "\\",
    "\\\n",
    "{\"a\":\"",
    "{\"a\":\"\\",
    "{\"a\":[\n",
    "{\"a\":[}\n",
    "no json \"at\" all\n",
    "null\n",
    "{\"verb\":\"get\",\"stage\":\"Panic\"} {\"stage\":\"Panic\"}\n",
    "{\"stage\":\"Panic\"} # why\n",
    "\u{feff}",
    "\u{feff}{\"stage\":\"Panic\"}\n",
    "{\"stage\":\"Panic\",\"stage\":\"Panic\"}\n",
    " {\"stage\":\"Panic\"},\r\n",
];

/// An audit event, or nearly one.
pub fn event() -> impl Strategy<Value = Value> {
    let verb = prop::sample::select(&["get", "list", "create"][..]);
    let text = prop_oneof![
        any::<String>(),
        prop::sample::select(&["}\n{", "\"", "\\", "\\\"}", "[[[", "{\n{", "é\u{1b}"][..])
            .prop_map(str::to_owned),
    ];
    (verb, 0..4_u8, text, any::<bool>()).prop_map(|(verb, id, text, is_event)| {
        let mut event = json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "verb": verb,
            "requestURI": text, "user": {"username": text, "groups": [text]},
            "requestObject": {"spec": {"containers": [{"image": text}, {}, []]}},
        });
        if id > 0 {
            event["auditID"] = json!(format!("a-{id}"));
        }
        if !is_event {
            event["kind"] = json!("Pod");
        }
        event
    })
}

fn line(value: &Value) -> Vec<u8> {
    format!("{value}\n").into_bytes()
}

fn pretty(value: &Value) -> Vec<u8> {
    serde_json::to_vec_pretty(value).expect("a value is JSON")
}
