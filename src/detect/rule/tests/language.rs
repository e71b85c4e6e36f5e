//! What alerts say of what happened, and the parts of the language that decide it.

use serde_json::json;

use super::{super::*, made};
use crate::detect::{document::Document, layout::Layout};

fn decided(definition: serde_json::Value, event: serde_json::Value) -> String {
    said(
        &made(definition).expect("a valid rule"),
        &Event::from_value(event),
    )
}

fn said(rule: &Rule, event: &Event) -> String {
    match rule.evaluate(event).map(|found| found.outcome) {
        None => "no match".to_owned(),
        Some(Outcome::Alert(finding)) => {
            format!("{}: {}", finding.severity.word(), finding.message)
        }
        Some(Outcome::Excepted(met)) => format!("excepted by {}", met.join(" and ")),
        Some(Outcome::Undecided(gap)) => gap.word().to_owned(),
    }
}

fn secret_rule() -> serde_json::Value {
    json!({
        "title": "Secret changed",
        "severity": "High",
        "selections": [{"name": "s", "all": [
            {"field": "objectRef.resource", "equals": "secrets"},
        ]}],
    })
}

#[test]
fn an_alert_says_what_did_not_happen_and_is_less_severe() {
    let event = |verb: &str, code: u16, uri: &str| {
        json!({"verb": verb, "requestURI": uri, "stage": "ResponseComplete",
            "objectRef": {"resource": "secrets"}, "responseStatus": {"code": code}})
    };
    let cases = [
        (event("update", 200, "/s"), "high: Secret changed"),
        (event("update", 403, "/s"), "medium: denied: Secret changed"),
        (event("update", 401, "/s"), "medium: denied: Secret changed"),
        (event("update", 404, "/s"), "medium: failed: Secret changed"),
        (
            event("update", 200, "/s?dryRun=All"),
            "medium: dry run: Secret changed",
        ),
        (
            event("update", 200, "/s?dryRun=all"),
            "high: Secret changed",
        ),
        (event("get", 200, "/s?dryRun=All"), "high: Secret changed"),
    ];
    for (event, expected) in cases {
        let mut all = secret_rule();
        all["outcomes"] = json!(["Success", "Denied", "Failure", "DryRun"]);
        assert_eq!(decided(all, event.clone()), expected, "{event}");
        let by_default = match expected.starts_with("high") {
            true => expected,
            false => "no match",
        };
        assert_eq!(decided(secret_rule(), event.clone()), by_default, "{event}");
    }
}

#[test]
fn a_request_that_was_only_received_is_not_decided() {
    let event = json!({"stage": "RequestReceived", "objectRef": {"resource": "secrets"}});
    assert_eq!(decided(secret_rule(), event.clone()), "no match");
    let mut received = secret_rule();
    received["selections"][0]["all"]
        .as_array_mut()
        .expect("a list")
        .push(json!({"field": "stage", "equals": "RequestReceived"}));
    assert_eq!(decided(received, event), "high: Secret changed");
}

#[test]
fn a_dry_run_is_one_only_where_the_apiserver_takes_it_for_one() {
    let mut rule = secret_rule();
    rule["selections"][0]["all"] = json!([{"field": "outcome", "equals": "dryRun"}]);
    let event = |verb: &str, subresource: &str, body: serde_json::Value| {
        json!({"verb": verb, "requestURI": "/x?dryRun=All", "level": "Request",
            "objectRef": {"resource": "pods", "subresource": subresource},
            "requestObject": body})
    };
    let no_body = || json!(null);
    for (event, is_dry_run) in [
        (event("create", "", no_body()), true),
        (event("create", "exec", no_body()), false),
        (event("create", "token", no_body()), false),
        (event("delete", "", no_body()), true),
        (event("delete", "", json!({"kind": "DeleteOptions"})), false),
        (
            event(
                "delete",
                "",
                json!({"kind": "DeleteOptions", "dryRun": ["All"]}),
            ),
            true,
        ),
    ] {
        let found = decided(rule.clone(), event.clone()) != "no match";
        assert_eq!(found, is_dry_run, "{event}");
    }
}

#[test]
fn a_special_case_has_the_severity_of_the_first_condition_that_holds() {
    let mut rule = secret_rule();
    rule["selections"] = json!([
        {"name": "s", "all": [{"field": "objectRef.resource", "equals": "secrets"}]},
        {"name": "system", "all": [{"field": "objectRef.namespace", "equals": "kube-system"}]},
        {"name": "deletes", "all": [{"field": "verb", "equals": "delete"}]},
    ]);
    rule["condition"] = json!("s");
    rule["severityWhen"] = json!([
        {"condition": "system and deletes", "severity": "Critical"},
        {"condition": "system", "severity": "Low"},
    ]);
    let event = |namespace: &str, verb: &str| json!({"verb": verb, "objectRef": {"resource": "secrets", "namespace": namespace}});
    for (namespace, verb, expected) in [
        ("kube-system", "delete", "critical: Secret changed"),
        ("kube-system", "update", "low: Secret changed"),
        ("shop", "delete", "high: Secret changed"),
    ] {
        assert_eq!(decided(rule.clone(), event(namespace, verb)), expected);
    }
}

fn containers(privileged_image: &str) -> serde_json::Value {
    json!({"verb": "create", "objectRef": {"resource": "pods"}, "requestObject": {"kind": "Pod",
    "spec": {"containers": [
        {"name": "sidecar", "image": "trusted/proxy"},
        {"name": "main", "image": privileged_image, "securityContext": {"privileged": true}},
    ]}}})
}

#[test]
fn no_sidecar_buys_an_exception_for_another_container() {
    let privileged = json!({"name": "privileged", "forEach": "podSpec.allContainers",
        "all": [{"field": "securityContext.privileged", "equals": "true"}]});
    let trusted = json!({"field": "image", "startsWith": "trusted/"});
    let mut with_none = privileged.clone();
    with_none["none"] = json!([trusted]);
    let by_none = json!({"title": "Privileged", "severity": "High", "selections": [with_none],
        "message": "{podSpec.allContainers.image}"});
    let by_exception = json!({"title": "Privileged", "severity": "High",
        "selections": [privileged], "message": "{podSpec.allContainers.image}",
        "exceptions": [{"name": "trusted", "forEach": "podSpec.allContainers",
            "all": [trusted]}]});
    for (rule, quiet) in [(by_none, "no match"), (by_exception, "excepted by trusted")] {
        assert_eq!(
            decided(rule.clone(), containers("evil/main")),
            "high: evil/main, trusted/proxy"
        );
        assert_eq!(decided(rule, containers("trusted/main")), quiet);
    }
}

#[test]
fn the_entries_of_a_map_are_elements_with_a_key_and_a_value() {
    let rule = json!({"title": "Script stored", "severity": "Low", "selections": [
        {"name": "script", "forEach": "requestObject.data", "all": [
            {"field": "key", "endsWith": ".sh"},
            {"field": "value", "contains": "curl"},
        ]},
    ]});
    let event = |data: serde_json::Value| json!({"requestObject": {"data": data}});
    let (same, others) = (
        event(json!({"a.sh": "curl x", "b": "y"})),
        event(json!({"a.sh": "echo", "b": "curl x"})),
    );
    assert_eq!(decided(rule.clone(), same), "low: Script stored");
    assert_eq!(decided(rule, others), "no match");
}

#[test]
fn a_rule_about_a_body_that_the_event_lacks_is_undecided() {
    let rule = json!({"title": "Privileged", "severity": "High", "selections": [
        {"name": "writes", "all": [{"field": "verb", "in": ["create", "patch"]}]},
        {"name": "privileged", "forEach": "podSpec.allContainers",
            "all": [{"field": "securityContext.privileged", "equals": "true"}]},
    ]});
    let event = |verb: &str, level: &str, body: serde_json::Value| {
        json!({"verb": verb, "level": level, "objectRef": {"resource": "pods"},
            "requestObject": body})
    };
    let image = json!({"spec": {"containers": [{"name": "a", "image": "x"}]}});
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    for (event, expected) in [
        (event("create", "Metadata", json!(null)), "BodiesMissing"),
        (event("get", "Metadata", json!(null)), "no match"),
        (event("create", "Request", image.clone()), "no match"),
        (event("patch", "Request", image), "BodiesMissing"),
        (event("patch", "Request", label), "no match"),
    ] {
        assert_eq!(decided(rule.clone(), event.clone()), expected, "{event}");
    }
    let mut truncated = event("create", "RequestResponse", json!(null));
    truncated["annotations"] = json!({"audit.k8s.io/truncated": "true"});
    assert_eq!(decided(rule.clone(), truncated), "BodiesTruncated");
    let mut refused = event("create", "Metadata", json!(null));
    refused["annotations"] = json!({"authorization.k8s.io/decision": "forbid"});
    assert_eq!(decided(rule, refused), "no match");
}

#[test]
fn an_object_that_can_have_no_pod_spec_is_decided_without_its_body() {
    let rule = json!({"title": "Host network", "severity": "High", "selections": [
        {"name": "s", "all": [{"field": "podSpec.hostNetwork", "equals": "true"}]},
    ]});
    for (resource, group, expected) in [
        ("leases", "coordination.k8s.io", "no match"),
        ("configmaps", "", "no match"),
        ("pods", "", "BodiesMissing"),
        ("rollouts", "argoproj.io", "BodiesMissing"),
    ] {
        let event = json!({"verb": "update", "level": "Metadata",
            "objectRef": {"resource": resource, "apiGroup": group}});
        assert_eq!(decided(rule.clone(), event), expected, "{resource}");
    }
}

#[test]
fn an_object_has_no_value_to_compare() {
    let rule = json!({"title": "t", "severity": "Low", "selections": [{"name": "s", "all": [
        {"field": "requestObject", "contains": "privileged"},
        {"field": "requestObject.data", "equals": "x"},
        {"field": "requestObject.metadata.labels", "exists": "Present"},
    ]}]});
    let problems = made(rule).expect_err("both are refused");
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "spec.selections[0].all[0].contains: requestObject is an object, which has no value \
             to compare; name a field within it, or use exists",
            "spec.selections[0].all[1].equals: requestObject.data is an object, which has no \
             value to compare; name a key of it, or use forEach: requestObject.data and the \
             fields key and value of its entries",
        ]
    );
}

#[test]
fn an_event_that_is_not_whole_is_incomplete() {
    let rule = json!({"title": "Incomplete", "severity": "Low", "selections": [{"name": "s",
        "all": [{"field": "incomplete", "in": ["truncated", "cutOff"]}]}]});
    let truncated = json!({"annotations": {"audit.k8s.io/truncated": "true"}});
    assert_eq!(decided(rule.clone(), truncated), "low: Incomplete");
    assert_eq!(decided(rule.clone(), json!({"verb": "get"})), "no match");
    assert_eq!(decided_up_to_cut(rule, ""), "low: Incomplete");
}

/// What a rule makes of an event that is cut off behind these members.
fn decided_up_to_cut(definition: serde_json::Value, members: &str) -> String {
    let source = format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a","verb":"create",
        "user":{{"username":"a"}},{members}"requestURI":"/a"#
    );
    let document = Document {
        index: String::new(),
        id: String::new(),
        time: None,
        source: source.into(),
        is_rebuilt: false,
    };
    let events = Event::read(&document, Layout::Auto).expect("an event up to the cut");
    said(&made(definition).expect("a valid rule"), &events[0])
}

#[test]
fn what_stands_whole_before_a_cut_is_decided() {
    let about = |field: &str| {
        json!({"title": "t", "severity": "Low", "selections": [{"name": "s", "all": [
            {"field": field, "equals": "exec"}]}]})
    };
    let whole = r#""objectRef":{"resource":"pods"},"#;
    let subresource = || about("objectRef.subresource");
    assert_eq!(decided_up_to_cut(subresource(), whole), "no match");
    assert_eq!(decided_up_to_cut(subresource(), ""), "EventsCutOff");
    let open = r#""objectRef":{"resource":"pods","#;
    assert_eq!(decided_up_to_cut(subresource(), open), "EventsCutOff");
    assert_eq!(decided_up_to_cut(about("verb"), open), "no match");
}

#[test]
fn nobody_is_impersonated_where_the_object_stands_before_a_cut() {
    let rule = || {
        json!({"title": "t", "severity": "Low", "selections": [{"name": "s", "all": [
            {"field": "impersonatedUser", "exists": "Absent"}]}]})
    };
    let whole = r#""objectRef":{"resource":"pods"},"#;
    assert_eq!(decided_up_to_cut(rule(), whole), "low: t");
    assert_eq!(decided_up_to_cut(rule(), ""), "EventsCutOff");
    let open = r#""impersonatedUser":{"groups":["a"],"#;
    assert_eq!(decided_up_to_cut(rule(), open), "no match");
}

#[test]
fn an_annotation_is_found_as_each_store_returns_it() {
    let rule = json!({"title": "Refused", "severity": "Low", "selections": [{"name": "s", "all": [
        {"field": "annotations[\"authorization.k8s.io/decision\"]", "equals": "forbid"},
        {"field": "outcome", "equals": "denied"},
    ]}]});
    for annotations in [
        json!({"authorization.k8s.io/decision": "forbid"}),
        json!({"authorization_k8s_io/decision": "forbid"}),
        json!({"authorization": {"k8s": {"io/decision": "forbid"}}}),
    ] {
        let event = json!({"verb": "get", "annotations": annotations});
        assert_eq!(
            decided(rule.clone(), event),
            "informational: denied: Refused",
            "{annotations}"
        );
    }
}
