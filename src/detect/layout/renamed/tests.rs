use serde_json::json;

use super::*;

fn restored(document: Value) -> Result<Value, Rejection> {
    let Value::Object(document) = document else {
        panic!("it is an object")
    };
    restore(document).map(Value::Object)
}

#[test]
fn fields_are_found_without_case_and_separators() {
    let expected = json!({
        "auditID": "1",
        "requestURI": "/",
        "userAgent": "kubectl",
        "user": {"username": "a", "groups": ["g"], "extra": {"x.io/y": ["z"]}},
        "objectRef": {"resource": "pods", "apiGroup": "apps"},
        "annotations": {"authorization.k8s.io/decision": "allow"},
    });
    for (separator, case) in [("_", false), ("__", false), ("-", true), ("_", true)] {
        let name = |text: &str| {
            let name = text.replace('.', separator);
            if case { name.to_lowercase() } else { name }
        };
        let document: Map<String, Value> = [
            ("auditID", json!("1")),
            ("requestURI", json!("/")),
            ("userAgent", json!("kubectl")),
            ("user.username", json!("a")),
            ("user.groups", json!(["g"])),
            ("objectRef.resource", json!("pods")),
            ("objectRef.apiGroup", json!("apps")),
        ]
        .into_iter()
        .map(|(field, value)| (name(field), value))
        .chain([
            (format!("{}x.io/y", name("user.extra.")), json!(["z"])),
            (
                format!("{}authorization.k8s.io/decision", name("annotations.")),
                json!("allow"),
            ),
        ])
        .collect();
        assert_eq!(
            restored(document.clone().into()),
            Ok(expected.clone()),
            "{document:?}"
        );
    }
}

#[test]
fn snake_case_and_lower_case_members_keep_what_is_in_them() {
    assert_eq!(
        restored(json!({
            "audit_id": "1", "source_ips": ["192.0.2.1"], "objectref": {"api_group": "", "name": "a"},
            "request_object": {"kind": "Pod", "spec": {"host_pid": true}},
        })),
        Ok(json!({
            "auditID": "1", "sourceIPs": ["192.0.2.1"], "objectRef": {"apiGroup": "", "name": "a"},
            "requestObject": {"kind": "Pod", "spec": {"host_pid": true}},
        }))
    );
}

#[test]
fn bodies_that_were_flattened_under_their_names_are_built_again() {
    assert_eq!(
        restored(json!({
            "requestObject_kind": "Pod",
            "requestObject_metadata_labels_a_b": "c",
            "requestObject_spec_containers": [{"image": "i"}],
            "user_groups_0": "a",
            "user_groups_1": "b",
        })),
        Ok(json!({
            "requestObject": {
                "kind": "Pod",
                "metadata": {"labels": {"a_b": "c"}},
                "spec": {"containers": [{"image": "i"}]},
            },
            "user": {"groups": ["a", "b"]},
        }))
    );
}

#[test]
fn what_cannot_be_put_back_is_rejected() {
    for document in [
        json!({"requestobject_spec_hostpid": true}),
        json!({"request_object_spec_host_pid": true}),
        json!({"audit_id": "1", "auditid": "2"}),
    ] {
        assert_eq!(
            restored(document.clone()),
            Err(Rejection::Renamed),
            "{document}"
        );
    }
}

#[test]
fn what_stands_under_its_own_name_is_kept_and_other_names_stay() {
    for document in [
        json!({"userAgent": "kubectl", "user_agent": "other"}),
        json!({"user": {"username": "a"}, "user_username": "b"}),
        json!({"user_name": "a", "user.name": "a", "log_level": "info", "_id": "1"}),
        json!({"user_agent": {"original": "an object of another schema"}}),
    ] {
        let restored = restored(document.clone()).expect("nothing is doubtful");
        for (name, value) in document.as_object().expect("an object") {
            let is_kept = restored.get(name) == Some(value) || is_renamed(name);
            assert!(is_kept, "{name} of {document}");
        }
    }
}

#[test]
fn an_event_is_not_lost_for_a_body_that_a_caller_wrote() {
    let event = restored(json!({"audit_id": "1", "requestObject": {"api_version": "v1"}}));
    assert_eq!(event.expect("it is an event")[MARK], Value::Null);
    let event = restored(json!({"auditID": "1", "requestObject": {"api_version": "v1"}}));
    assert_eq!(event.expect("it is an event").get(MARK), None);
}

#[test]
fn names_of_members_are_recognised_within_names() {
    for name in [
        "requestObject",
        "request_object",
        "a.requestObject.b",
        "x_responseobject",
        "user",
    ] {
        assert!(is_inside(name), "{name}");
    }
    for name in [
        "log",
        "kubernetes.audit",
        "userdata",
        "_source",
        "requests",
        "",
    ] {
        assert!(!is_inside(name), "{name}");
    }
}
