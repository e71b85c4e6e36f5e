//! Random events.

use serde_json::{Map, Value, json};

use super::TEXTS;
use crate::detect::chance::Chance;

/// An event with any of the fields, each of which may be missing or of the wrong kind.
pub fn event(chance: &mut Chance) -> Value {
    let mut event = Map::new();
    let mut put = |name: &str, value: Value| drop(event.insert(name.to_owned(), value));
    put("verb", verb(chance));
    put("stage", stage(chance));
    put("level", json!(chance.one_of(&LEVELS)));
    put(
        "user",
        object(chance, &[("username", scalar), ("groups", list)]),
    );
    put("impersonatedUser", object(chance, &[("username", scalar)]));
    put("sourceIPs", list(chance));
    put("userAgent", long_or_scalar(chance));
    put(
        "objectRef",
        object(
            chance,
            &[
                ("resource", resource),
                ("name", scalar),
                ("subresource", scalar),
            ],
        ),
    );
    put("requestURI", Value::String(uri(chance)));
    put("responseStatus", object(chance, &[("code", scalar)]));
    put("annotations", annotations(chance));
    put("requestObject", request_body(chance));
    put("responseObject", body(chance));
    if chance.percent(30) {
        put("requestObject", Value::Null);
    }
    if chance.percent(30) {
        event.remove("requestObject");
        event.remove("responseObject");
    }
    event.retain(|_, _| chance.percent(85));
    Value::Object(event)
}

const LEVELS: [&str; 3] = ["Metadata", "Request", "RequestResponse"];

fn verb(chance: &mut Chance) -> Value {
    match chance.percent(50) {
        true => scalar(chance),
        false => json!(chance.one_of(&["create", "update", "patch", "patch", "delete", "list"])),
    }
}

fn stage(chance: &mut Chance) -> Value {
    match chance.percent(30) {
        true => scalar(chance),
        false => match chance.below(8) {
            0 => json!("RequestReceived"),
            1 => json!("Panic"),
            _ => json!("ResponseComplete"),
        },
    }
}

fn annotations(chance: &mut Chance) -> Value {
    let decision = match chance.percent(70) {
        true => scalar(chance),
        false => json!("forbid"),
    };
    let mut annotations = json!({"authorization.k8s.io/decision": decision});
    if chance.percent(10) {
        annotations["audit.k8s.io/truncated"] = json!("true");
    }
    annotations
}

/// The body of a request, which may be the operations of a JSON patch or the options of a delete.
fn request_body(chance: &mut Chance) -> Value {
    match chance.below(6) {
        0 => json!([
            {"op": "add", "path": "/spec/containers/0/image", "value": scalar(chance)},
            {"op": "add", "path": "/spec/hostPID", "value": scalar(chance)},
            {"op": chance.one_of(&["add", "copy", "remove"]), "path": "/spec/volumes/-",
                "value": {"hostPath": {"path": scalar(chance)}}},
        ]),
        1 => json!({"kind": "DeleteOptions", "dryRun": list(chance), "command": list(chance)}),
        _ => body(chance),
    }
}

type Make = fn(&mut Chance) -> Value;

fn object(chance: &mut Chance, members: &[(&str, Make)]) -> Value {
    let members = members
        .iter()
        .map(|(name, make)| ((*name).to_owned(), make(chance)));
    Value::Object(members.collect())
}

fn scalar(chance: &mut Chance) -> Value {
    match chance.below(12) {
        0 => json!(chance.below(500)),
        1 => json!(chance.percent(50)),
        2 if chance.percent(5) => json!(1e300),
        2 => chance.one_of(&[json!(1.5), json!(-1)]).clone(),
        3 => odd(chance),
        _ => json!(chance.one_of(&TEXTS)),
    }
}

/// What a well-formed event never has in this place.
fn odd(chance: &mut Chance) -> Value {
    let odd = [
        json!(null),
        json!(""),
        json!([]),
        json!({}),
        json!({"a": "get"}),
        json!([["get"]]),
    ];
    chance.one_of(&odd).clone()
}

fn list(chance: &mut Chance) -> Value {
    match chance.below(5) {
        0 => scalar(chance),
        _ => (0..chance.below(4)).map(|_| scalar(chance)).collect(),
    }
}

fn resource(chance: &mut Chance) -> Value {
    json!(chance.one_of(&["pods", "pods", "secrets", "deployments", "roles"]))
}

/// Texts around the end of what patterns look at.
fn long_or_scalar(chance: &mut Chance) -> Value {
    match chance.percent(1) {
        true => json!(format!("{}exec", "ü".repeat(32 * 1024 - chance.below(4)))),
        false => scalar(chance),
    }
}

fn uri(chance: &mut Chance) -> String {
    let path = *chance.one_of(&[
        "/api/v1/pods",
        "/api/v1/namespaces/a/pods/web-0/exec",
        "//api/v1/./x/../pods/%77eb/",
        "",
    ]);
    let query = *chance.one_of::<&str>(&[
        "",
        "?command=get&command=exec",
        "?command=10.0.0.7",
        "?dryRun=All",
        "?a=b&command=%00&command",
    ]);
    format!("{path}{query}")
}

fn body(chance: &mut Chance) -> Value {
    let containers = containers(chance);
    let mut body = match chance.below(4) {
        0 => json!({"rules": rules(chance), "note": scalar(chance)}),
        1 => json!({"spec": {"template": {"spec": {"containers": containers}}}}),
        _ => json!({"spec": {
            "containers": containers,
            "initContainers": self::containers(chance),
            "volumes": volumes(chance),
            "hostPID": scalar(chance),
            "nodeSelector": {"kubernetes.io/os": scalar(chance)},
        }}),
    };
    if chance.percent(30) {
        body["kind"] = json!(chance.one_of(&["Pod", "Deployment", "Secret"]));
    }
    if chance.percent(20) {
        body["note"] = json!(r#"{"hostPath":{"path":"/"},"privileged":true,"image":"get"}"#);
    }
    match chance.percent(8) {
        true => json!(body.to_string()),
        false => body,
    }
}

fn containers(chance: &mut Chance) -> Value {
    let container = |chance: &mut Chance| {
        let mut container = object(chance, &[("image", scalar), ("command", list)]);
        container["securityContext"] = object(chance, &[("privileged", scalar)]);
        container["ports"] = json!([object(chance, &[("containerPort", scalar)])]);
        match chance.percent(5) {
            true => scalar(chance),
            false => container,
        }
    };
    (0..chance.below(4)).map(|_| container(chance)).collect()
}

fn volumes(chance: &mut Chance) -> Value {
    let volume = |chance: &mut Chance| match chance.below(4) {
        0 => json!({"name": scalar(chance), "emptyDir": {}}),
        1 => json!({"name": scalar(chance), "hostPath": odd(chance)}),
        2 => json!({"name": scalar(chance), "projected": {"path": scalar(chance)}}),
        _ => json!({"name": scalar(chance), "hostPath": {"path": scalar(chance)}}),
    };
    (0..chance.below(4)).map(|_| volume(chance)).collect()
}

fn rules(chance: &mut Chance) -> Value {
    (0..chance.below(4))
        .map(|_| object(chance, &[("verbs", list), ("resources", list)]))
        .collect()
}
