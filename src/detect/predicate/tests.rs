use serde_json::{Value, json};

use super::*;
use crate::detect::problem::Problems;

fn holds(predicate: Value, event: Value) -> bool {
    let definition = serde_json::from_value(predicate).expect("a definition");
    let mut problems = Problems::default();
    let predicate = compile(&definition, None, "predicate", &mut problems);
    predicate
        .unwrap_or_else(|| panic!("{problems:?}"))
        .truth(&Event::from_value(event))
        .is_true()
}

/// Events for which a predicate holds, and events for which it does not.
fn check(predicate: Value, holding: &[Value], failing: &[Value]) {
    for event in holding {
        assert!(
            holds(predicate.clone(), event.clone()),
            "{predicate} {event}"
        );
    }
    for event in failing {
        assert!(
            !holds(predicate.clone(), event.clone()),
            "{predicate} {event}"
        );
    }
}

#[test]
fn text_is_compared_whole_and_case_sensitively() {
    let verb = |verb: &str| json!({ "verb": verb });
    check(
        json!({"field": "verb", "equals": "get"}),
        &[verb("get")],
        &[verb("GET"), verb("gets"), verb("")],
    );
    check(
        json!({"field": "verb", "in": ["watch", "list", "get"]}),
        &[verb("get"), verb("list"), verb("watch")],
        &[verb("create"), json!({})],
    );
    check(
        json!({"field": "verb", "startsWithAny": ["wa", "li"]}),
        &[verb("watch"), verb("list")],
        &[verb("Watch"), verb("await")],
    );
    check(
        json!({"field": "verb", "endsWith": "ch"}),
        &[verb("watch"), verb("patch")],
        &[verb("patchy")],
    );
    check(
        json!({"field": "verb", "contains": "at"}),
        &[verb("watch")],
        &[verb("get")],
    );
    check(
        json!({"field": "verb", "matches": "^(?i)W"}),
        &[verb("watch"), verb("WATCH")],
        &[verb("await")],
    );
}

#[test]
fn a_list_holds_when_any_element_does() {
    let groups = |groups: &[&str]| json!({"user": {"groups": groups}});
    check(
        json!({"field": "user.groups", "equals": "sre"}),
        &[groups(&["dev", "sre"])],
        &[groups(&["dev"]), groups(&[])],
    );
}

#[test]
fn numbers_and_booleans_are_compared_by_their_json_text() {
    let code = |code: Value| json!({"responseStatus": {"code": code}});
    check(
        json!({"field": "responseStatus.code", "equals": "403"}),
        &[code(json!(403)), code(json!("403"))],
        &[code(json!(4030))],
    );
    check(
        json!({"field": "responseStatus.code", "equals": "true"}),
        &[code(json!(true))],
        &[code(json!(1))],
    );
}

#[test]
fn bounds_are_for_numbers_alone_and_may_stand_together() {
    let code = |code: Value| json!({"responseStatus": {"code": code}});
    check(
        json!({"field": "responseStatus.code", "atLeast": 400, "atMost": 499}),
        &[
            code(json!(400)),
            code(json!(499)),
            code(json!("404")),
            code(json!(450.5)),
        ],
        &[
            code(json!(399)),
            code(json!(499.5)),
            code(json!("4xx")),
            code(json!("NaN")),
            json!({}),
        ],
    );
    check(
        json!({"field": "responseStatus.code", "atLeast": i64::MAX}),
        &[code(json!(i64::MAX))],
        &[code(json!(i64::MAX - 1)), code(json!("inf"))],
    );
}

#[test]
fn missing_and_empty_values_meet_absence_alone() {
    let nothing = [
        json!({}),
        json!({"user": null}),
        json!({"user": {"username": ""}}),
        json!({"user": {"username": null}}),
        json!({"user": {"username": []}}),
    ];
    let alice = [json!({"user": {"username": "alice"}})];
    check(
        json!({"field": "user.username", "exists": "Absent"}),
        &nothing,
        &alice,
    );
    check(
        json!({"field": "user.username", "exists": "Present"}),
        &alice,
        &nothing,
    );
    check(
        json!({"field": "user.username", "matches": "^[^x]"}),
        &alice,
        &nothing,
    );
    check(
        json!({"field": "user.username", "atMost": 1}),
        &[],
        &nothing,
    );
}

#[test]
fn an_object_is_present() {
    check(
        json!({"field": "impersonatedUser", "exists": "Present"}),
        &[json!({"impersonatedUser": {"username": "root"}})],
        &[json!({"impersonatedUser": {}}), json!({})],
    );
}

#[test]
fn networks_hold_addresses() {
    let from = |ip: &str| json!({"sourceIPs": ["192.0.2.1", ip]});
    check(
        json!({"field": "source.ip", "cidrAny": ["10.0.0.0/8", "fd00::/8"]}),
        &[from("10.1.2.3"), from("::ffff:10.1.2.3"), from("fd00::1")],
        &[from("11.0.0.1"), from("unknown")],
    );
}
