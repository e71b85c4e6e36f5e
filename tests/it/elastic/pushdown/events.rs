//! Audit events as shippers store them, and as none should.

use serde_json::{Value, json};

/// Longer than some indices take.
pub(super) const LONG: &str = "a-name-that-is-longer-than-some-indices-take";

const VERBS: [&str; 9] = [
    "get",
    "create",
    "watch",
    "patch",
    "update",
    "list",
    "GET",
    " get",
    "deletecollection",
];
const RESOURCES: [&str; 5] = ["pods", "secrets", "leases", "Secrets", LONG];
const SUBRESOURCES: [&str; 3] = ["", "exec", "status"];

/// An event of somebody else.
pub(super) fn event(verb: &str, resource: &str, subresource: &str) -> Value {
    let mut event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "stage": "ResponseComplete",
        "level": "Metadata", "verb": verb, "requestURI": format!("/api/v1/{resource}"),
        "user": {"username": "alice", "groups": ["dev", "system:authenticated"]},
        "objectRef": {"resource": resource, "namespace": "web", "subresource": subresource},
        "requestReceivedTimestamp": "2026-11-23T07:00:00.000000Z",
    });
    if subresource.is_empty() {
        event["objectRef"]
            .as_object_mut()
            .expect("an object")
            .remove("subresource");
    }
    event
}

/// The document of the raw layout.
pub(super) fn raw(event: Value) -> Value {
    event
}

/// The document of Elastic's layout.
pub(super) fn elastic(event: Value) -> Value {
    json!({"kubernetes": {"audit": event}, "message": event.to_string()})
}

/// Documents of a layout, each with a time, and with an audit id that begins so.
pub(super) fn all(layout: fn(Value) -> Value, ids: &str) -> Vec<Value> {
    let documents = stored(plain().into_iter().chain(hostile()), layout, ids);
    at_times(documents.chain(odd(ids)))
}

/// The same without those that no shipper should store.
pub(super) fn usual(layout: fn(Value) -> Value, ids: &str) -> Vec<Value> {
    at_times(stored(plain().into_iter(), layout, ids))
}

/// The documents of events, each with an audit id of its own where it is not said to have none.
fn stored(
    events: impl Iterator<Item = Value>,
    layout: fn(Value) -> Value,
    ids: &str,
) -> impl Iterator<Item = Value> {
    events.enumerate().map(move |(number, mut event)| {
        if event.get("auditID").is_none() {
            event["auditID"] = json!(format!("{ids}-{number}"));
        }
        if event["auditID"].is_null() {
            event.as_object_mut().expect("an object").remove("auditID");
        }
        layout(event)
    })
}

fn at_times(documents: impl Iterator<Item = Value>) -> Vec<Value> {
    let documents = documents.enumerate().map(|(number, mut document)| {
        let (hour, minute) = (7 + number / 60, number % 60);
        document["@timestamp"] = json!(format!("2026-11-23T{hour:02}:{minute:02}:00Z"));
        document
    });
    documents.collect()
}

/// Every verb with every resource.
fn plain() -> Vec<Value> {
    let mut events = Vec::new();
    for verb in VERBS {
        for resource in RESOURCES {
            for subresource in SUBRESOURCES {
                events.push(event(verb, resource, subresource));
            }
        }
    }
    events
}

/// An event of the server's that is changed in one place.
fn changed(pointer: &str, value: Value) -> Value {
    let mut event = event("get", "secrets", "exec");
    *event.pointer_mut(pointer).expect("it is there") = value;
    event
}

/// Events with values that are no single plain text, and others that are in no usual place.
fn hostile() -> Vec<Value> {
    let odd = [
        json!(["get", "create"]),
        json!([["secrets"], ["exec"]]),
        json!(["patch", LONG, "get"]),
        json!(["update", LONG]),
        json!([]),
        json!([null, "get"]),
        json!(null),
        json!(""),
        json!(true),
        json!(1e3),
        json!(403),
        json!("Ünïcode\u{0}"),
        json!("system:anonymous"),
        json!(LONG),
        json!("get\n"),
    ];
    let places = [
        "/verb",
        "/objectRef/resource",
        "/objectRef/subresource",
        "/user/username",
        "/user/groups",
    ];
    let mut events: Vec<_> = places
        .iter()
        .flat_map(|place| odd.iter().map(|value| changed(place, value.clone())))
        .collect();
    let mut anonymous = event("watch", "pods", "");
    anonymous["user"]["username"] = json!("system:anonymous");
    anonymous["objectRef"]["namespace"] = json!("shop");
    let mut true_verb = event("patch", "pods", "exec");
    true_verb["verb"] = json!(true);
    let mut of_long_group = event("patch", "pods", "");
    of_long_group["user"]["groups"] = json!(["x", LONG, "y"]);
    let mut users = event("get", "pods", "");
    users["objectRef"]["namespace"] = json!("shop");
    users["user"] = json!([{"username": "bob"}, {"username": "system:anonymous"}]);
    let mut references = event("get", "x", "");
    references["objectRef"] = json!([{"resource": "pods"}, {"resource": "secrets"}]);
    let mut as_text = event("get", "x", "");
    as_text["objectRef"] = json!(r#"{"resource":"secrets","namespace":"web"}"#);
    let mut flat = event("delete", "x", "");
    flat.as_object_mut().expect("an object").remove("objectRef");
    flat["objectRef.resource"] = json!("secrets");
    let mut half_flat = event("delete", "pods", "");
    half_flat["objectRef.resource"] = json!("secrets");
    let mut without_id = event("patch", "secrets", "");
    without_id["auditID"] = Value::Null;
    let mut without_verb = event("patch", "secrets", "");
    without_verb
        .as_object_mut()
        .expect("an object")
        .remove("verb");
    events.extend([
        anonymous,
        true_verb,
        of_long_group,
        users,
        references,
        as_text,
        flat,
        half_flat,
        without_id,
        without_verb,
    ]);
    events
}

/// Documents whose event lies elsewhere, and some that hold none.
fn odd(ids: &str) -> Vec<Value> {
    let found = |id: &str| {
        let mut event = event("get", "secrets", "");
        event["auditID"] = json!(format!("{ids}-{id}"));
        event
    };
    vec![
        json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1",
            "items": [event("patch", "pods", ""), found("in-list")]}),
        json!({"message": found("in-text").to_string()}),
        json!({"log": found("in-object")}),
        json!({"message": "GET /healthz 200"}),
        json!({"verb": "patch", "message": found("beside-a-verb").to_string()}),
        json!({"auditID": "alone"}),
        json!({}),
    ]
}
