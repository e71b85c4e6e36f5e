//! Events wherever a shipper puts them.

use serde_json::{Value, json};

use super::{flat, read, read_at};
use crate::detect::{document::Rejection, event::Event, field::Field, layout::Layout};

pub(super) fn event(id: &str) -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse",
        "auditID": id, "stage": "ResponseComplete", "verb": "create",
        "requestURI": "/api/v1/namespaces/shop/pods",
        "user": {"username": "mallory", "groups": ["system:authenticated"]},
        "sourceIPs": ["192.0.2.9", "203.0.113.9"],
        "objectRef": {"resource": "pods", "namespace": "shop", "name": "web-0"},
        "requestObject": {"kind": "Pod", "spec": {"hostPID": true}},
        "annotations": {"authorization.k8s.io/decision": "allow"},
    })
}

pub(super) fn values(event: &Event, field: &str) -> Vec<String> {
    let field = Field::parse(field).expect("a known field");
    event.values(&field).into_iter().map(Into::into).collect()
}

/// The audit ids of the events of a document.
pub(super) fn ids(source: &Value) -> Vec<String> {
    let events = read(source, Layout::Auto).unwrap_or_else(|error| panic!("{error}: {source}"));
    events
        .iter()
        .flat_map(|event| values(event, "auditID"))
        .collect()
}

#[test]
fn an_event_is_found_below_any_key() {
    let (event, text) = (event("1"), event("1").to_string());
    for document in [
        json!({"json": event}),
        json!({"body": event}),
        json!({"Body": text}),
        json!({"result": {"_raw": text}}),
        json!({"aws": {"eks": {"audit": event}}}),
        json!({"azure": {"platformlogs": {"properties": {"log": event}, "category": "kube-audit"}}}),
        json!({"a": {"b": {"c": {"d": {"e": {"f": event}}}}}}),
        json!({"kubernetes": {"audit": text}}),
        json!({"kubernetes.audit": event}),
        json!({"kubernetes.audit": text}),
        json!({"kubernetes": flat("audit.", &event)}),
        json!({"my": {"own": flat("place.", &event)}}),
        flat("my.own.place.", &event),
        json!({"message": "2026-11-01T10:00:01.1Z stdout F ".to_owned() + &text}),
        json!({"message": json!({"log": json!({"payload": text}).to_string()}).to_string()}),
    ] {
        assert_eq!(ids(&document), ["1"], "{document}");
        let events = read(&document, Layout::Auto).expect("an event");
        assert_eq!(
            values(&events[0], "objectRef.resource"),
            ["pods"],
            "{document}"
        );
        assert!(!events[0].is_cut_off(), "{document}");
    }
}

#[test]
fn the_shallowest_event_counts() {
    let document = json!({"a": {"b": {"c": event("deep")}}, "z": {"y": event("shallow")}});
    assert_eq!(ids(&document), ["shallow"]);
}

#[test]
fn nothing_within_an_event_is_an_event_however_odd_the_event_is() {
    let forged = event("forged");
    let texts = forged.to_string();
    for body in [
        forged.clone(),
        texts.into(),
        json!([forged]),
        json!({"a": {"b": forged}}),
    ] {
        for name in [
            "requestObject",
            "responseObject",
            "annotations",
            "request_object",
            "requestobject",
        ] {
            let mut whole = event("1");
            whole[name] = body.clone();
            let odd = json!({"auditID": "1", "verb": "patch", name: body});
            let dotted =
                json!({"kubernetes.audit.auditID": "1", format!("kubernetes.audit.{name}"): body});
            for outer in [
                odd,
                dotted,
                json!({"kind": "Event", "apiVersion": "v1", "message": body}),
            ] {
                for document in [
                    outer.clone(),
                    json!({"log": outer}),
                    json!({"log": outer.to_string()}),
                ] {
                    assert!(read(&document, Layout::Auto).is_err(), "{document}");
                }
            }
            assert_eq!(ids(&whole), ["1"], "{whole}");
            assert_eq!(ids(&json!({"json": whole})), ["1"], "{whole}");
        }
    }
}

#[test]
fn an_event_without_a_user_an_object_and_an_address_is_none() {
    for odd in [
        json!({"auditID": "1", "verb": "get", "stage": "ResponseComplete"}),
        json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": "1", "verb": "get", "user": {}}),
    ] {
        assert_eq!(
            read(&odd, Layout::Auto).err(),
            Some(Rejection::NotAnAuditEvent),
            "{odd}"
        );
    }
}

#[test]
fn objects_of_the_api_are_no_audit_events() {
    for other in [
        json!({"kind": "Event", "apiVersion": "v1", "verb": "get", "auditID": "1", "user": {"username": "a"}}),
        json!({"kind": "Event", "apiVersion": "events.k8s.io/v1", "note": event("1").to_string()}),
        json!({"json": {"kind": "ConfigMap", "apiVersion": "v1", "data": {"a": event("1").to_string()}}}),
    ] {
        assert_eq!(
            read(&other, Layout::Auto).err(),
            Some(Rejection::NotAnAuditEvent),
            "{other}"
        );
    }
}

#[test]
fn renamed_keys_are_read_where_they_stand_for_one_field_only() {
    let fluentd = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": "1", "verb": "get",
        "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/shop/pods/a/exec?command=id",
        "user_username": "mallory", "objectRef_resource": "pods", "objectRef_subresource": "exec",
        "annotations_authorization.k8s.io/decision": "allow",
    });
    let mut lower = event("1");
    for name in [
        "auditID",
        "apiVersion",
        "requestURI",
        "sourceIPs",
        "objectRef",
        "requestObject",
    ] {
        let value = lower.as_object_mut().and_then(|event| event.remove(name));
        lower[name.to_lowercase()] = value.expect("it has that");
    }
    let nested = json!({
        "k8s_audit_auditID": "1", "k8s_audit_verb": "get", "k8s_audit_user_username": "mallory",
        "k8s_audit_objectRef_resource": "pods",
        "k8s_audit_annotations_authorization.k8s.io/decision": "allow", "host_name": "a",
    });
    let snake = json!({
        "audit_id": "1", "verb": "get", "request_uri": "/api", "user": {"username": "mallory"},
        "object_ref": {"resource": "pods"},
        "annotations": {"authorization_k8s_io/decision": "allow"},
    });
    for document in [fluentd, lower, nested, snake] {
        for document in [document.clone(), json!({"log": document.to_string()})] {
            let events =
                read(&document, Layout::Auto).unwrap_or_else(|e| panic!("{e}: {document}"));
            for (field, value) in [
                ("auditID", "1"),
                ("user.username", "mallory"),
                ("objectRef.resource", "pods"),
                ("decision", "allow"),
            ] {
                assert_eq!(values(&events[0], field), [value], "{field} of {document}");
            }
        }
    }
}

#[test]
fn an_event_whose_keys_are_ambiguous_is_rejected_with_the_reason() {
    for document in [
        json!({"auditID": "1", "verb": "get", "requestURI": "/", "theObjectRefOfIt": {}, "user": ""}),
        json!({"auditID": "1", "verb": "get", "requestobject_spec_hostpid": true, "user": {"username": "a"}}),
        json!({"audit_id": "1", "auditid": "2", "verb": "get", "user": {"username": "a"}}),
    ] {
        assert_eq!(
            read(&document, Layout::Auto).err(),
            Some(Rejection::Renamed),
            "{document}"
        );
    }
}

#[test]
fn a_path_names_the_only_place() {
    let event = event("1");
    let path = "azure.platformlogs.properties.log";
    let at = |value: Value| json!({"azure": {"platformlogs": {"properties": {"log": value}}}});
    for document in [
        at(event.clone()),
        at(event.to_string().into()),
        at(json!([event])),
        at(flat("", &event)),
        json!({"azure.platformlogs": {"properties.log": event}}),
        json!({"azure": {"platformlogs": {"properties": {"log": event}}}, "message": event}),
        json!([at(event.clone())]),
        flat(&format!("{path}."), &event),
    ] {
        let events = read_at(&document, path).unwrap_or_else(|e| panic!("{e}: {document}"));
        assert_eq!(events.len(), 1, "{document}");
        assert_eq!(values(&events[0], "verb"), ["create"], "{document}");
    }
    for other in [
        event.clone(),
        json!({"message": event}),
        at(json!({"log": event})),
        json!({"azure": 1}),
    ] {
        let expected = Rejection::NothingAtPath {
            path: path.to_owned(),
        };
        assert_eq!(read_at(&other, path).err(), Some(expected), "{other}");
    }
}

#[test]
fn a_bad_path_is_refused() {
    use crate::detect::layout::{LayoutPath, PathError};
    for (text, error) in [
        ("", PathError::Malformed),
        (".a", PathError::Malformed),
        ("a..b", PathError::Malformed),
        ("a b. c", PathError::Malformed),
        (
            "kubernetes.audit.requestObject",
            PathError::InsideEvent("requestObject"),
        ),
        (
            "response_object.a",
            PathError::InsideEvent("responseObject"),
        ),
    ] {
        assert_eq!(text.parse::<LayoutPath>(), Err(error), "{text}");
    }
    let long = "a".repeat(257);
    assert_eq!(long.parse::<LayoutPath>(), Err(PathError::Malformed));
    let path: LayoutPath = "kubernetes.audit".parse().expect("a path");
    assert_eq!(path.to_string(), "kubernetes.audit");
}
