use serde_json::json;

use super::*;
use crate::{
    api::{convert::read_part, job::AnalysisJobSpec},
    detect::definition::{Predicate, RuleDefinition},
};

/// The problem of a predicate that has this operator.
fn of_operator(name: &str, value: Value) -> String {
    let predicate = json!({"field": "verb", name: value});
    read_part::<Predicate>("p", &predicate)
        .expect_err("it is wrong")
        .to_string()
}

#[test]
fn a_number_or_boolean_where_text_is_expected_is_to_be_quoted() {
    for name in [
        "equals",
        "startsWith",
        "endsWith",
        "contains",
        "matches",
        "cidr",
    ] {
        for (value, text) in [
            (json!(403), "403"),
            (json!(true), "true"),
            (json!(1.5), "1.5"),
        ] {
            assert_eq!(
                of_operator(name, value),
                format!("p.{name}: must be a text; quote it: \"{text}\"")
            );
        }
    }
    assert_eq!(
        of_operator("in", json!(["a", 403])),
        "p.in[1]: must be a text; quote it: \"403\""
    );
}

#[test]
fn a_list_for_an_operator_of_one_value_names_the_one_for_lists() {
    for (one, many) in [
        ("equals", "in"),
        ("matches", "matchesAny"),
        ("startsWith", "startsWithAny"),
        ("endsWith", "endsWithAny"),
        ("contains", "containsAny"),
        ("cidr", "cidrAny"),
    ] {
        assert_eq!(
            of_operator(one, json!(["a", "b"])),
            format!("p.{one}: takes one value; for a list of them use `{many}`: {many}: [...]")
        );
        assert_eq!(
            of_operator(many, json!("create")),
            format!("p.{many}: must be a list: {many}: [create]")
        );
    }
}

#[test]
fn a_value_that_needs_quotes_in_a_list_is_shown_with_them() {
    for (value, shown) in [
        (json!(403), r#"["403"]"#),
        (json!("a: b"), r#"["a: b"]"#),
        (json!("*"), r#"["*"]"#),
        (json!("10.0.0.0/8"), r#"["10.0.0.0/8"]"#),
        (json!("system/x"), "[system/x]"),
    ] {
        assert_eq!(
            of_operator("in", value),
            format!("p.in: must be a list: in: {shown}")
        );
    }
}

#[test]
fn other_types_are_refused_with_their_remedy() {
    for (name, value, message) in [
        (
            "equals",
            json!({"a": 1}),
            "must be a text, not a mapping; quote a text that begins with a brace",
        ),
        (
            "in",
            json!({"a": 1}),
            "must be a list: begin each item with a dash, or write [...]",
        ),
        (
            "in",
            Value::Null,
            "is empty; write a list, or remove the key",
        ),
        ("field", json!(["a"]), "must be a text, not a list"),
        (
            "field",
            Value::Null,
            "is empty; write a text, or remove the key",
        ),
        (
            "atLeast",
            json!("400"),
            "must be a whole number; remove the quotes: 400",
        ),
        (
            "atMost",
            json!(1.5),
            "must be a whole number, for example 400",
        ),
        (
            "exists",
            json!(true),
            "must be Present or Absent, not \"true\"",
        ),
    ] {
        assert_eq!(of_operator(name, value), format!("p.{name}: {message}"));
    }
}

#[test]
fn a_word_near_to_one_of_an_enumeration_is_corrected() {
    let rule = |key: &str, value: Value| {
        let mut rule = json!({
            "title": "t", "severity": "Low", "selections": [],
            "tests": [{"name": "n", "event": {}, "expect": "Match"}],
        });
        match key {
            "expect" => rule["tests"][0][key] = value,
            _ => rule[key] = value,
        }
        read_part::<RuleDefinition>("spec", &rule)
            .expect_err("it is wrong")
            .to_string()
    };
    assert_eq!(
        rule("severity", "high".into()),
        "spec.severity: must be Informational, Low, Medium, High or Critical, not \"high\"; \
         did you mean \"High\"?"
    );
    assert_eq!(
        rule("severity", 3.into()),
        "spec.severity: must be Informational, Low, Medium, High or Critical, not \"3\""
    );
    assert_eq!(
        rule("expect", "match".into()),
        "spec.tests[0].expect: must be Match, NoMatch, Excepted or Undecided, not \"match\"; \
         did you mean \"Match\"?"
    );
    assert_eq!(
        rule("state", "enabled".into()),
        "spec.state: must be Enabled or Disabled, not \"enabled\"; did you mean \"Enabled\"?"
    );
    let job = json!({"mode": "streaming", "source": {"index": "a"}});
    assert_eq!(
        read_part::<AnalysisJobSpec>("spec", &job)
            .expect_err("it is wrong")
            .to_string(),
        "spec.mode: must be Streaming or Static, not \"streaming\"; did you mean \"Streaming\"?"
    );
}

#[test]
fn a_missing_key_and_a_list_of_texts_where_mappings_are_expected_are_named() {
    let rule = |rule: Value| {
        read_part::<RuleDefinition>("spec", &rule)
            .expect_err("it is wrong")
            .to_string()
    };
    assert_eq!(
        rule(json!({"severity": "Low", "selections": []})),
        "spec: `title` is missing; it must be given"
    );
    assert_eq!(
        rule(json!({"title": "t", "severity": "Low", "selections": ["verb"]})),
        "spec.selections[0]: must be a mapping: its keys below it, each followed by a colon"
    );
    assert_eq!(rule(Value::Null), "spec: is empty; write its keys below it");
}

#[test]
fn every_value_that_is_right_is_read_as_serde_json_reads_it() {
    let value = json!({
        "title": "t", "severity": "Low",
        "selections": [{"name": "s", "all": [{"field": "verb", "atLeast": -4, "atMost": 7}]}],
        "tests": [{"name": "n", "expect": "Match",
            "event": {"a": [null, true, 1, -1, 1.5, "x", {"b": {}}], "big": u64::MAX}}],
    });
    let read: RuleDefinition = read_part("spec", &value).expect("it is right");
    let expected: RuleDefinition = serde_json::from_value(value).expect("it is right");
    assert_eq!(read, expected);
}
