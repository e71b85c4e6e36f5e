use serde_json::{Value, json};

use super::*;
use crate::detect::{definition::RuleDefinition, rule::RuleIdentity};

fn warnings(definition: Value) -> Vec<String> {
    let definition: RuleDefinition = serde_json::from_value(definition).expect("it is whole");
    let identity = RuleIdentity {
        namespace: "n".to_owned(),
        name: "r".to_owned(),
        uid: String::new(),
    };
    let rule = Rule::new(identity, &definition).expect("the rule is valid");
    let warning = |warning: &Warning| {
        let rests = warning
            .message
            .strip_prefix("rests on ")
            .expect("it rests on a field");
        format!(
            "{} {}",
            warning.place,
            rests.split(',').next().unwrap_or_default()
        )
    };
    lint(&rule).iter().map(warning).collect()
}

/// The fields on which an exception with these predicates rests.
fn of_exception(all: Value, any: Value) -> Vec<String> {
    of_exception_for("create", all, any)
}

fn of_exception_for(verb: &str, all: Value, any: Value) -> Vec<String> {
    warnings(json!({
        "title": "t", "severity": "Low",
        "selections": [{"name": "s", "all": [{"field": "verb", "equals": verb}]}],
        "exceptions": [{"name": "e", "all": all, "any": any}],
    }))
}

#[test]
fn an_exception_on_a_choice_of_the_caller_is_forgeable() {
    for field in [
        "userAgent",
        "sourceIPs",
        "requestURI",
        "auditID",
        "incomplete",
        "request.query.watch",
        "request.query.dryRun",
        "request.command",
        "requestObject.metadata.name",
        "podSpec.allContainers.image",
        "responseObject.kind",
        "objectRef.name",
        "objectRef.uid",
        "actor.username",
        "impersonatedUser.username",
        "impersonatedUser.extra.scopes",
    ] {
        let found = of_exception(json!([{"field": field, "equals": "x"}]), json!([]));
        assert_eq!(found, [format!("spec.exceptions[0] {field}")]);
    }
}

#[test]
fn an_exception_that_names_the_caller_is_not() {
    for caller in [
        json!({"field": "user.username", "equals": "system:kube-scheduler"}),
        json!({"field": "user.username", "startsWith": "system:serviceaccount:kube-system:"}),
        json!({"field": "user.username", "endsWith": "@example.com"}),
        json!({"field": "user.username", "matches": "^ci-"}),
        json!({"field": "user.groups", "in": ["sre", "system:nodes"]}),
        json!({"field": "user.extra.arn", "equals": "arn:aws:iam::1:role/ci"}),
        json!({"field": "source.ip", "cidr": "10.0.0.0/8"}),
    ] {
        let choice = json!({"field": "userAgent", "startsWith": "argocd"});
        assert_eq!(
            of_exception(json!([choice, caller]), json!([])),
            [""; 0],
            "{caller}"
        );
    }
}

#[test]
fn a_name_that_anybody_may_have_names_nobody() {
    for caller in [
        json!({"field": "user.username", "exists": "Present"}),
        json!({"field": "user.username", "startsWith": "system:"}),
        json!({"field": "user.username", "startsWith": "system:serviceaccount:"}),
        json!({"field": "user.username", "contains": "deployer"}),
        json!({"field": "user.username", "endsWith": ":deployer"}),
        json!({"field": "user.username", "matches": "deployer"}),
        json!({"field": "user.groups", "in": ["sre", "system:authenticated"]}),
        json!({"field": "user.groups", "startsWith": "system:serviceaccounts"}),
    ] {
        assert_eq!(
            of_exception(json!([caller]), json!([])).len(),
            1,
            "{caller}"
        );
    }
}

#[test]
fn what_was_asked_for_is_no_choice() {
    for field in [
        "verb",
        "objectRef.namespace",
        "objectRef.resource",
        "objectRef.subresource",
        "request.path",
        "responseStatus.code",
        "decision",
        "stage",
    ] {
        let found = of_exception(json!([{"field": field, "equals": "x"}]), json!([]));
        assert_eq!(found, [""; 0], "{field}");
    }
    let not_impersonated = json!([{"field": "impersonatedUser.username", "exists": "Absent"}]);
    assert_eq!(of_exception(not_impersonated, json!([])), [""; 0]);
}

#[test]
fn every_alternative_must_name_the_caller() {
    let caller = json!({"field": "user.username", "equals": "alice"});
    let choice = json!({"field": "userAgent", "equals": "x"});
    let either = json!([caller, choice]);
    assert_eq!(
        of_exception(json!([]), either),
        ["spec.exceptions[0] userAgent"]
    );
    assert_eq!(of_exception(json!([caller]), json!([choice])), [""; 0]);
    assert_eq!(of_exception(json!([choice]), json!([caller])), [""; 0]);
}

#[test]
fn the_name_of_an_object_is_a_choice_where_it_may_be_created() {
    let name = || json!([{"field": "objectRef.name", "equals": "x"}]);
    for (verb, warned) in [("get", 0), ("delete", 0), ("create", 1), ("patch", 1)] {
        assert_eq!(
            of_exception_for(verb, name(), json!([])).len(),
            warned,
            "{verb}"
        );
    }
    let exec = json!([
        {"field": "objectRef.name", "equals": "x"},
        {"field": "objectRef.subresource", "equals": "exec"},
    ]);
    assert_eq!(of_exception(exec, json!([])), [""; 0]);
}

#[test]
fn a_negated_selection_is_an_exception() {
    let with_condition = |condition: &str| {
        warnings(json!({
            "title": "t", "severity": "Low", "condition": condition,
            "selections": [
                {"name": "write", "all": [{"field": "verb", "equals": "create"}]},
                {"name": "agent", "all": [{"field": "userAgent", "equals": "x"}]},
                {"name": "known", "any": [{"field": "user.username", "equals": "alice"}]},
                {"name": "image", "forEach": "podSpec.allContainers",
                    "all": [{"field": "image", "startsWith": "x/"}]},
            ],
        }))
    };
    let agent = "spec.selections[1] userAgent";
    let image = "spec.selections[3] podSpec.allContainers.image";
    for (condition, found) in [
        ("write and agent and known and image", vec![]),
        ("write and not agent and known and image", vec![agent]),
        ("write and not (agent and known) and image", vec![]),
        ("write and not (agent or known) and image", vec![agent]),
        ("write and not (agent and (known or image))", vec![agent]),
        (
            "write and not agent and not image and not known",
            vec![agent, image],
        ),
        ("write and not (not agent and not known) and image", vec![]),
    ] {
        assert_eq!(with_condition(condition), found, "{condition}");
    }
}

#[test]
fn what_a_selection_excludes_is_an_exception_but_for_the_bodies_that_it_looks_at() {
    let excluding = |field: &str, operator: &str, value: &str| {
        warnings(json!({
            "title": "t", "severity": "Low",
            "selections": [{
                "name": "s",
                "all": [{"field": "verb", "equals": "create"}],
                "none": [{"field": field, operator: value}],
            }],
        }))
    };
    assert_eq!(
        excluding("userAgent", "startsWith", "x"),
        ["spec.selections[0] userAgent"]
    );
    for (field, operator, value) in [
        ("user.username", "equals", "alice"),
        ("podSpec.serviceAccountName", "equals", "x"),
        ("impersonatedUser.username", "exists", "Present"),
    ] {
        assert_eq!(excluding(field, operator, value), [""; 0], "{field}");
    }
}

#[test]
fn an_exception_may_exclude_too() {
    let of_none = |all: Value| {
        warnings(json!({
            "title": "t", "severity": "Low",
            "selections": [{"name": "s", "all": [{"field": "verb", "equals": "create"}]}],
            "exceptions": [{
                "name": "e", "all": all,
                "none": [{"field": "requestObject.spec.replicas", "equals": "0"}],
            }],
        }))
    };
    assert_eq!(
        of_none(json!([])),
        ["spec.exceptions[0] requestObject.spec.replicas"]
    );
    let caller = json!([{"field": "user.username", "equals": "alice"}]);
    assert_eq!(of_none(caller), [""; 0]);
}
