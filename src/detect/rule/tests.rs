mod language;

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::detect::alert::Evidence;

fn made(definition: serde_json::Value) -> Result<Rule, Vec<Problem>> {
    let identity = RuleIdentity {
        namespace: "shop".to_owned(),
        name: "pod-exec".to_owned(),
        uid: String::new(),
    };
    let definition = serde_json::from_value(definition).expect("a definition");
    Rule::new(identity, &definition)
}

fn exec() -> serde_json::Value {
    json!({
        "title": "Command executed in a pod",
        "severity": "Medium",
        "category": "Exec",
        "selections": [
            {"name": "session", "all": [
                {"field": "objectRef.resource", "in": ["pods"]},
                {"field": "objectRef.subresource", "in": ["exec", "attach"]},
                {"field": "request.path", "matches": "/pods/(?<pod>[^/]+)/"},
            ]},
            {"name": "system", "any": [{"field": "user.username", "startsWith": "system:node:"}]},
        ],
        "condition": "session and not system",
        "message": "{user.username} ran {request.command} in {objectRef.namespace}/{pod}",
        "exceptions": [
            {"name": "break-glass", "all": [{"field": "user.groups", "in": ["sre"]}]},
            {"name": "probe", "all": [{"field": "userAgent", "startsWith": "probe/"}]},
        ],
    })
}

fn exec_event() -> serde_json::Value {
    json!({
        "verb": "get",
        "user": {"username": "alice", "groups": ["dev", "system:authenticated"]},
        "objectRef": {"resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web-0"},
        "requestURI": "/api/v1/namespaces/shop/pods/web-0/exec?command=id&command=-u",
    })
}

fn with(mut value: serde_json::Value, pointer: &str, part: serde_json::Value) -> serde_json::Value {
    *value.pointer_mut(pointer).expect("a part of it") = part;
    value
}

fn problems(definition: serde_json::Value) -> String {
    let problems = made(definition).expect_err("the definition must be refused");
    for problem in &problems {
        assert!(problem.message.chars().count() <= 256, "{problem}");
    }
    let lines: Vec<_> = problems
        .iter()
        .map(|problem| format!("{} {problem}", problem.reason.as_str()))
        .collect();
    lines.join("\n")
}

fn outcome(event: serde_json::Value) -> Option<String> {
    let rule = made(exec()).expect("a valid rule");
    let event = Event::from_value(event);
    let found = rule.evaluate(&event)?;
    Some(match found.outcome {
        Outcome::Alert(finding) => finding.message,
        Outcome::Excepted(met) => format!("excepted by {}", met.join(" and ")),
        Outcome::Undecided(gap) => gap.word().to_owned(),
    })
}

#[test]
fn a_match_has_a_message_captures_and_evidence() {
    let rule = made(exec()).expect("a valid rule");
    let event = Event::from_value(exec_event());
    let field = |name| Field::parse(name).expect("a known field");
    let evidence = |name, operator, value: &str| Evidence {
        selection: "session".to_owned(),
        field: field(name),
        operator,
        values: vec![value.to_owned()],
    };
    assert_eq!(
        rule.evaluate(&event).map(|found| found.outcome),
        Some(Outcome::Alert(Finding {
            message: "alice ran id -u in shop/web-0".to_owned(),
            severity: Severity::Medium,
            outcome: Some(RequestOutcome::Success),
            matched: Vec::new(),
            context: Vec::new(),
            captures: BTreeMap::from([("pod".to_owned(), "web-0".to_owned())]),
            evidence: vec![
                evidence("objectRef.resource", "in", "pods"),
                evidence("objectRef.subresource", "in", "exec"),
                evidence(
                    "request.path",
                    "matches",
                    "/api/v1/namespaces/shop/pods/web-0/exec"
                ),
            ],
        }))
    );
}

#[test]
fn a_selection_that_the_condition_negates_prevents_a_match() {
    let node = with(exec_event(), "/user/username", json!("system:node:a"));
    assert_eq!(outcome(node), None);
}

#[test]
fn every_exception_that_is_met_is_named() {
    let mut event = with(exec_event(), "/user/groups", json!(["dev", "sre"]));
    assert_eq!(
        outcome(event.clone()),
        Some("excepted by break-glass".to_owned())
    );
    event["userAgent"] = json!("probe/1.0");
    assert_eq!(
        outcome(event),
        Some("excepted by break-glass and probe".to_owned())
    );
}

#[test]
fn predicates_under_for_each_are_about_one_and_the_same_element() {
    let rule = made(json!({
        "title": "Privileged container from elsewhere",
        "severity": "High",
        "selections": [{"name": "container", "forEach": "podSpec.allContainers", "all": [
            {"field": "securityContext.privileged", "equals": "true"},
            {"field": "image", "matches": "^(?<registry>[^/]+)/"},
        ]}],
        "message": "from {registry}",
    }))
    .expect("a valid rule");
    let pod = |privileged: [bool; 2]| {
        let container = |image: &str, privileged: bool| json!({"image": image, "securityContext": {"privileged": privileged}});
        Event::from_value(json!({
            "objectRef": {"resource": "pods"},
            "requestObject": {"kind": "Pod", "spec": {"containers": [
                container("nginx", privileged[0]),
                container("evil.example/x", privileged[1]),
            ]}},
        }))
    };
    assert_eq!(rule.evaluate(&pod([true, false])), None);
    let event = pod([false, true]);
    let Some(Match {
        outcome: Outcome::Alert(finding),
        ..
    }) = rule.evaluate(&event)
    else {
        panic!("the second container meets both predicates");
    };
    assert_eq!(finding.message, "from evil.example");
}

#[test]
fn secrets_are_never_shown() {
    let rule = made(json!({
        "title": "Default password",
        "severity": "High",
        "selections": [{"name": "secret", "all": [
            {"field": "requestObject.stringData.password", "matches": "(?<found>hunter2)"},
        ]}],
        "message": "{requestObject.stringData.password} {found}",
    }))
    .expect("a valid rule");
    let event =
        Event::from_value(json!({"requestObject": {"stringData": {"password": "hunter2"}}}));
    let Some(Match {
        outcome: Outcome::Alert(finding),
        ..
    }) = rule.evaluate(&event)
    else {
        panic!("the password is there");
    };
    assert_eq!(finding.message, "(withheld) (withheld)");
    assert_eq!(finding.captures["found"], "(withheld)");
}

#[test]
fn all_problems_are_named_at_once_each_with_its_place() {
    insta::assert_snapshot!(problems(json!({
        "title": "Everything wrong",
        "severity": "Low",
        "selections": [
            {"name": "first", "all": [
                {"field": "objectRef.nmae", "equals": "x"},
                {"field": "verb"},
                {"field": "verb", "equals": "get", "contains": "e"},
                {"field": "verb", "in": ["get", ""]},
                {"field": "request.path", "matchesAny": ["/pods", "(", "(?=x)", ".*", "a{5}{5}{5}{5}{5}{5}{5}"]},
                {"field": "source.ip", "cidr": "10.0.0.1"},
                {"field": "responseStatus.code", "atLeast": 500, "atMost": 400},
                {"field": "request.path", "matches": "(?<verb>x)"},
            ]},
            {"name": "second"},
            {"name": "third", "forEach": "verb", "all": [{"field": "x", "equals": "y"}]},
            {"name": "them", "any": [{"field": "verb", "exists": "Present"}]},
        ],
        "condition": "frist or second",
        "message": "{event.foo} {nmae}",
        "exceptions": [{"name": "none", "any": [{"field": "sourceIP", "exists": "Present"}]}],
    })), @r###"
    UnknownField spec.selections[0].all[0].field: unknown field "objectRef.nmae"; did you mean "objectRef.name"?
    PredicateInvalid spec.selections[0].all[1]: no operator; write one, for example equals, matches or exists
    PredicateInvalid spec.selections[0].all[2]: 2 operators (equals, contains); write exactly one, and another predicate for each other
    PredicateInvalid spec.selections[0].all[3].in[1]: an empty value counts as missing; use exists: Present or Absent
    PatternInvalid spec.selections[0].all[4].matchesAny[1]: unclosed group at column 1
    PatternInvalid spec.selections[0].all[4].matchesAny[2]: look-around is not supported (column 1)
    PatternMatchesEverything spec.selections[0].all[4].matchesAny[3]: pattern matches every value, even an empty one; use exists: Present
    PatternTooComplex spec.selections[0].all[4].matchesAny[4]: compiled size exceeds 1 MiB; use fewer or smaller repetitions
    PredicateInvalid spec.selections[0].all[5].cidr: "10.0.0.1" is an address; write 10.0.0.1/32 for that address alone
    PredicateInvalid spec.selections[0].all[6].atLeast: no number is at least 500 and at most 400
    PatternInvalid spec.selections[0].all[7].matches: group name "verb" is the name of a field; choose another
    SelectionInvalid spec.selections[1]: no predicates; write some under all, any or none
    SelectionInvalid spec.selections[2].forEach: "verb" is not a list; leave forEach out
    SelectionInvalid spec.selections[3].name: a word of conditions cannot be a name; choose another
    ConditionInvalid spec.condition: unknown selection "frist" at column 1; did you mean "first"?
    MessageInvalid spec.message: unknown variable "event.foo" at column 2
    MessageInvalid spec.message: unknown variable "nmae" at column 14
    UnknownField spec.exceptions[0].any[0].field: unknown field "sourceIP"; did you mean "sourceIPs"?
    "###);
}

#[test]
fn a_definition_that_is_too_large_is_refused_before_anything_is_compiled() {
    let many = |predicate: serde_json::Value, count| vec![predicate; count];
    insta::assert_snapshot!(problems(json!({
        "title": " ",
        "description": "d".repeat(2049),
        "severity": "Low",
        "category": "no word",
        "selections": [
            {"name": "a", "all": many(json!({"field": "verb", "matches": "("}), 33)},
            {"name": "a", "any": [{"field": "verb", "in": vec!["x"; 257]}]},
            {"name": "0", "any": many(json!({"field": "verb", "matchesAny": ["x"]}), 4)},
        ],
        "tests": [
            {"name": "t", "event": "text", "expect": "Match"},
            {"name": "t", "event": {}, "expect": "Match"},
        ],
    })), @r###"
    DefinitionInvalid spec.title: title is empty; say in a few words what is found
    LimitExceeded spec.description: 2049 characters; 2048 are allowed
    DefinitionInvalid spec.category: category must be one CamelCase word of ASCII letters and digits, for example Enum, Tamper, Secrets or Exec
    LimitExceeded spec.selections[0].all: 33 predicates; 32 are allowed
    LimitExceeded spec.selections[1].any[0].in: 257 values; 256 are allowed
    SelectionInvalid spec.selections[2].name: name must begin with a letter or _ and go on with letters, digits, _ and -
    DuplicateName spec.selections[1].name: the same name as spec.selections[0]; choose another
    DefinitionInvalid spec.tests[0].event: event is not an object
    DuplicateName spec.tests[1].name: the same name as spec.tests[0]; choose another
    LimitExceeded spec: 37 patterns in selections and exceptions; 32 are allowed
    "###);
}

#[test]
fn a_selection_that_the_condition_does_not_mention_is_a_problem() {
    let definition = with(exec(), "/condition", json!("session"));
    insta::assert_snapshot!(problems(definition), @r###"
    SelectionInvalid spec.selections[1]: the condition does not mention this selection; use it or remove it
    "###);
}

#[test]
fn a_message_is_not_blamed_for_the_broken_pattern_of_its_group() {
    let definition = with(exec(), "/selections/0/all/2/matches", json!("(?<pod>["));
    insta::assert_snapshot!(problems(definition), @r###"
    PatternInvalid spec.selections[0].all[2].matches: unclosed character class at column 8
    "###);
}

#[test]
fn a_failing_test_says_what_was_expected_and_which_predicate_decided() {
    let mut definition = exec();
    let secrets = with(exec_event(), "/objectRef/resource", json!("secrets"));
    let node = with(exec_event(), "/user/username", json!("system:node:a"));
    let sre = with(exec_event(), "/user/groups", json!(["sre"]));
    definition["tests"] = json!([
        {"name": "a", "event": exec_event(), "expect": "Match", "message": "alice ran id -u in shop/web-0"},
        {"name": "b", "event": exec_event(), "expect": "NoMatch"},
        {"name": "c", "event": exec_event(), "expect": "Match", "message": "bob ran"},
        {"name": "d", "event": exec_event(), "expect": "Excepted"},
        {"name": "e", "event": secrets, "expect": "Match"},
        {"name": "f", "event": node, "expect": "Match"},
        {"name": "g", "event": {}, "expect": "Excepted"},
        {"name": "h", "event": sre, "expect": "Match"},
        {"name": "i", "event": sre, "expect": "Excepted", "exception": "probe"},
        {"name": "j", "event": sre, "expect": "Excepted", "exception": "break-glass"},
    ]);
    insta::assert_snapshot!(problems(definition), @r###"
    TestFailed spec.tests[1]: expected NoMatch, but selection "session" holds
    TestFailed spec.tests[2]: expected message "bob ran", got "alice ran id -u in shop/web-0"
    TestFailed spec.tests[3]: expected Excepted, but the rule matches and no exception is met
    TestFailed spec.tests[4]: expected Match, but selections[0].all[0] does not hold: objectRef.resource is "secrets"
    TestFailed spec.tests[5]: expected Match, but selection "system" holds
    TestFailed spec.tests[6]: expected Excepted, but selections[0].all[0] does not hold: objectRef.resource is absent
    TestFailed spec.tests[7]: expected Match, but exception break-glass is met
    TestFailed spec.tests[8]: expected exception "probe", but break-glass is met
    "###);
}

#[test]
fn hostile_sizes_never_make_a_long_problem() {
    let long = "x".repeat(100_000);
    let mut definition = exec();
    definition["condition"] = json!(long);
    definition["message"] = json!(format!("{{{}}}", "y".repeat(1000)));
    definition["selections"][0]["all"][0]["field"] = json!(long);
    definition["selections"][0]["all"][1] = json!({"field": "verb", "equals": long});
    definition["selections"][0]["all"][2] = json!({"field": "verb", "cidr": long});
    let refused = problems(definition);
    assert!(refused.len() < 2048, "{refused}");
}

#[test]
fn the_revision_is_that_of_what_the_rule_finds_and_says() {
    let revision = |definition| {
        made(definition)
            .expect("a valid rule")
            .revision()
            .to_owned()
    };
    assert_eq!(revision(exec()), "847b80ddc04336d3");
    let mut tested = exec();
    tested["tests"] = json!([{"name": "t", "event": exec_event(), "expect": "Match"}]);
    assert_eq!(revision(exec()), revision(tested));
    let renamed = with(exec(), "/title", json!("Exec"));
    assert_ne!(revision(exec()), revision(renamed));
}
