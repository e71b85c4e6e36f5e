use serde_json::json;

use super::*;

fn field(name: &str) -> Field {
    Field::parse(name).expect("a known field")
}

fn values(event: &Value, name: &str) -> Vec<String> {
    let event = Event::from_value(event.clone());
    let values = event.values(&field(name));
    values.into_iter().map(Cow::into_owned).collect()
}

fn none() -> Vec<String> {
    Vec::new()
}

#[test]
fn values_are_texts_through_all_lists() {
    let event = json!({
        "verb": "create",
        "responseStatus": {"code": 201},
        "user": {"groups": ["a", "", "b"], "extra": {"x.io/y": ["1", "2"]}},
        "requestObject": {"spec": {"hostPID": true, "containers": [
            {"image": "i", "ports": [{"n": 1}, {"n": 2}]}, {"image": "j"}, {"image": null}, "odd",
        ]}},
    });
    for (name, expected) in [
        ("verb", vec!["create"]),
        ("responseStatus.code", vec!["201"]),
        ("user.groups", vec!["a", "b"]),
        ("user.extra[\"x.io/y\"]", vec!["1", "2"]),
        ("requestObject.spec.hostPID", vec!["true"]),
        ("requestObject.spec.containers.image", vec!["i", "j"]),
        ("requestObject.spec.containers.ports.n", vec!["1", "2"]),
        ("requestObject.spec", vec![]),
        ("userAgent", vec![]),
    ] {
        assert_eq!(values(&event, name), expected, "{name}");
    }
}

#[test]
fn what_is_empty_is_absent() {
    let event = Event::from_value(json!({
        "verb": "", "user": {}, "sourceIPs": [], "userAgent": null,
        "objectRef": {"resource": "pods"}, "requestObject": {"items": [{}], "spec": {"a": false}},
    }));
    let exists = |name: &str| event.exists(&field(name));
    let absent = [
        "verb",
        "user",
        "sourceIPs",
        "userAgent",
        "requestObject.items",
    ];
    assert!(!absent.into_iter().any(exists));
    let present = [
        "objectRef",
        "objectRef.resource",
        "requestObject",
        "requestObject.spec.a",
    ];
    assert!(present.into_iter().all(exists));
}

#[test]
fn derived_fields_follow_the_event() {
    let event = json!({
        "requestURI": "/api/v1/namespaces/shop/pods/web-0/%65xec?command=ls&tty=true&command=-l",
        "sourceIPs": ["203.0.113.1", "192.0.2.9"],
        "user": {"username": "alice"},
        "impersonatedUser": {"username": "bob"},
        "annotations": {"authorization.k8s.io/decision": "forbid"},
    });
    for (name, expected) in [
        (
            "request.path",
            vec!["/api/v1/namespaces/shop/pods/web-0/exec"],
        ),
        ("request.query.command", vec!["ls", "-l"]),
        ("request.query.tty", vec!["true"]),
        ("request.command", vec!["ls -l"]),
        ("source.ip", vec!["192.0.2.9"]),
        ("actor.username", vec!["bob"]),
        ("decision", vec!["forbid"]),
    ] {
        assert_eq!(values(&event, name), expected, "{name}");
        assert_eq!(values(&json!({}), name), none(), "{name}");
    }
}

#[test]
fn a_decision_is_never_guessed() {
    let odd = json!({"annotations": {"authorization.k8s.io/decision": "perhaps"}});
    assert_eq!(values(&odd, "decision"), none());
    assert_eq!(
        values(&json!({"responseStatus": {"code": 403}}), "decision"),
        none()
    );
}

/// A body of each kind that holds a pod template.
fn templates() -> Vec<(&'static str, &'static str, Value)> {
    let spec = json!({"containers": [{"image": "i"}], "initContainers": [{"image": "j"}]});
    let workload = json!({"spec": {"template": {"spec": spec}}});
    let cron = json!({"spec": {"jobTemplate": workload}});
    vec![
        ("Pod", "pods", json!({"spec": spec})),
        ("Deployment", "deployments", workload.clone()),
        ("ReplicaSet", "replicasets", workload.clone()),
        ("StatefulSet", "statefulsets", workload.clone()),
        ("DaemonSet", "daemonsets", workload.clone()),
        ("Job", "jobs", workload.clone()),
        ("ReplicationController", "replicationcontrollers", workload),
        ("CronJob", "cronjobs", cron),
        (
            "PodTemplate",
            "podtemplates",
            json!({"template": {"spec": spec}}),
        ),
    ]
}

#[test]
fn the_pod_spec_is_found_in_every_workload() {
    for (kind, resource, mut body) in templates() {
        let patch = json!({"objectRef": {"resource": resource}, "requestObject": body});
        assert_eq!(
            values(&patch, "podSpec.allContainers.image"),
            ["i", "j"],
            "{kind} patch"
        );
        body["kind"] = kind.into();
        let request = json!({"requestObject": body});
        assert_eq!(
            values(&request, "podSpec.allContainers.image"),
            ["i", "j"],
            "{kind}"
        );
        let response = json!({"requestObject": null, "responseObject": body});
        assert_eq!(
            values(&response, "podSpec.containers.image"),
            ["i"],
            "{kind} response"
        );
    }
}

#[test]
fn other_bodies_have_no_pod_spec() {
    let spec = json!({"spec": {"containers": [{"image": "i"}]}});
    let mut list = spec.clone();
    list["kind"] = "PodList".into();
    for event in [
        json!({"objectRef": {"resource": "pods"}, "responseObject": list}),
        json!({"objectRef": {"resource": "services"}, "requestObject": spec}),
        json!({"objectRef": {"resource": "pods", "subresource": "binding"}, "requestObject": spec}),
        json!({"requestObject": "text"}),
    ] {
        assert_eq!(
            values(&event, "podSpec.containers.image"),
            none(),
            "{event}"
        );
    }
}

#[test]
fn an_element_is_looked_at_alone() {
    let event = Event::from_value(json!({"requestObject": {"kind": "Pod", "spec": {
        "containers": [{"name": "a", "securityContext": {"privileged": true}}],
        "ephemeralContainers": [{"name": "b", "args": ["x", "y"]}],
    }}}));
    let list = field("podSpec.allContainers");
    let inner = |name| Field::parse_in_element(&list, name).expect("a path");
    let seen: Vec<_> = event
        .elements(&list, false)
        .iter()
        .map(|element| {
            let values = |name| element.values(&inner(name)).join(",");
            let context = element.exists(&inner("securityContext"));
            (
                values("name"),
                values("securityContext.privileged"),
                values("args"),
                context,
            )
        })
        .collect();
    let row = |name: &str, privileged: &str, args: &str, context| {
        (
            name.to_owned(),
            privileged.to_owned(),
            args.to_owned(),
            context,
        )
    };
    assert_eq!(
        seen,
        [row("a", "true", "", true), row("b", "", "x,y", false)]
    );
}

#[test]
fn a_dot_is_the_element_itself() {
    let event = Event::from_value(json!({
        "user": {"groups": ["a", "b"]}, "requestURI": "/exec?command=c&command=d",
    }));
    for (name, expected) in [
        ("user.groups", ["a", "b"]),
        ("request.query.command", ["c", "d"]),
    ] {
        let list = field(name);
        let itself = Field::parse_in_element(&list, ".").expect("a path");
        let elements = event.elements(&list, false);
        let values: Vec<_> = elements
            .iter()
            .flat_map(|element| element.values(&itself))
            .collect();
        assert_eq!(values, expected);
        assert!(elements.iter().all(|element| element.exists(&itself)));
    }
}

#[test]
fn the_time_is_the_requests_before_any_other() {
    let event = |received: Value, stage: Value, document: Option<&str>| Event {
        document_time: document.map(str::to_owned),
        ..Event::of_root(json!({"requestReceivedTimestamp": received, "stageTimestamp": stage}))
    };
    let (a, b, c) = (
        "2026-11-01T00:00:01Z",
        "2026-11-01T00:00:02Z",
        "2026-11-01T01:00:03+01:00",
    );
    for (event, expected) in [
        (
            event(json!(a), json!(b), Some(c)),
            Some("2026-11-01T00:00:01Z"),
        ),
        (
            event(json!(""), json!(b), Some(c)),
            Some("2026-11-01T00:00:02Z"),
        ),
        (
            event(json!("soon"), json!({}), Some(c)),
            Some("2026-11-01T00:00:03Z"),
        ),
        (
            event(json!(1_793_491_200_000_i64), json!(b), None),
            Some("2026-11-01T00:00:00Z"),
        ),
        (
            event(json!(-1), json!("0001-01-01T00:00:00Z"), Some("2026")),
            Some("1970-01-01T00:00:02.026Z"),
        ),
        (event(json!(null), json!(null), None), None),
    ] {
        assert_eq!(
            event.time().map(|time| time.to_string()).as_deref(),
            expected
        );
    }
}
