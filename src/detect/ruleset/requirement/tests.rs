use serde_json::{Value, json};

use super::*;
use crate::detect::{
    chance::Chance,
    definition::Predicate,
    ruleset::tests::{about, one, random, rule},
};

/// The requirement of rules about these selections, as JSON.
fn required(definitions: &[Value]) -> Result<Value, String> {
    let rules: Vec<_> = definitions
        .iter()
        .enumerate()
        .map(|(number, definition)| about(&number.to_string(), definition.clone()))
        .collect();
    let requirement = Requirement::of(&rules).map_err(|why| why.to_string())?;
    let alternatives: Vec<Value> = requirement
        .alternatives()
        .map(|all| all.map(|(name, values)| (name, json!(values))).collect())
        .collect();
    Ok(json!(alternatives))
}

fn all(predicates: Value) -> Value {
    json!({"selections": [{"name": "s", "all": predicates}]})
}

#[test]
fn what_every_match_needs_is_told() {
    let exec = all(json!([
        {"field": "verb", "in": ["get", "create"]},
        {"field": "objectRef.resource", "equals": "pods"},
        {"field": "objectRef.subresource", "equals": "exec"},
        {"field": "user.username", "startsWith": "a"},
    ]));
    let anonymous = json!({
        "selections": [
            {"name": "who", "any": [
                {"field": "user.username", "equals": "system:anonymous"},
                {"field": "user.groups", "equals": "system:unauthenticated"},
            ]},
            {"name": "probe", "all": [{"field": "verb", "equals": "get"}]},
        ],
        "condition": "who and not probe",
    });
    assert_eq!(
        required(&[exec, anonymous]),
        Ok(json!([
            {
                "verb": ["create", "get"],
                "objectRef.resource": ["pods"],
                "objectRef.subresource": ["exec"],
            },
            {"user.username": ["system:anonymous"]},
            {"user.groups": ["system:unauthenticated"]},
        ]))
    );
}

#[test]
fn what_differs_in_one_field_is_said_once() {
    let rule = |verb: &str, resource: &str| {
        all(json!([
            {"field": "verb", "equals": verb},
            {"field": "objectRef.resource", "equals": resource},
        ]))
    };
    let rules = [
        rule("get", "secrets"),
        rule("list", "secrets"),
        rule("get", "configmaps"),
        rule("list", "configmaps"),
        one(json!({"field": "verb", "equals": "escalate"})),
        rule("escalate", "roles"),
    ];
    assert_eq!(
        required(&rules),
        Ok(json!([
            {"verb": ["escalate"]},
            {"verb": ["get", "list"], "objectRef.resource": ["configmaps", "secrets"]},
        ]))
    );
}

#[test]
fn a_rule_that_could_match_any_event_leaves_no_requirement() {
    let narrow = one(json!({"field": "verb", "equals": "get"}));
    for wide in [
        json!({"field": "verb", "matches": "^get$"}),
        json!({"field": "verb", "exists": "Present"}),
        json!({"field": "verb", "equals": "1e3"}),
        json!({"field": "verb", "equals": "a\u{fffd}"}),
        json!({"field": "actor.username", "equals": "alice"}),
        json!({"field": "objectRef.subresource", "equals": "exec"}),
        json!({"field": "request.path", "equals": "/api"}),
        json!({"field": "annotations[\"a\"]", "equals": "b"}),
    ] {
        let why = "rule test/1 could match any event";
        let rules = [narrow.clone(), one(wide)];
        assert_eq!(required(&rules), Err(why.to_owned()));
    }
    let negated = json!({
        "selections": [{"name": "s", "all": [{"field": "verb", "equals": "get"}]}],
        "condition": "not s",
    });
    let either = json!({
        "selections": [
            {"name": "a", "all": [{"field": "verb", "equals": "get"}]},
            {"name": "b", "all": [{"field": "userAgent", "contains": "curl"}]},
        ],
        "condition": "a or b",
    });
    let why = "rule test/0 could match any event (and 1 more)";
    assert_eq!(required(&[negated, either]), Err(why.to_owned()));
}

#[test]
fn very_many_rules_are_told_with_less_detail() {
    let rule = |number: usize| {
        all(json!([
            {"field": "verb", "equals": format!("verb-{}", number % 9)},
            {"field": "objectRef.resource", "equals": format!("resource-{}", number % 50)},
            {"field": "objectRef.name", "equals": format!("name-{number}")},
        ]))
    };
    let rules: Vec<Value> = (0..1000).map(rule).collect();
    let told = required(&rules).expect("a requirement");
    let told = told.as_array().expect("alternatives");
    assert!(told.len() <= ALTERNATIVES, "{}", told.len());
    assert!(told.iter().all(|all| all.get("objectRef.name").is_none()));
    assert!(
        told.iter()
            .all(|all| all.get("objectRef.resource").is_some())
    );
}

#[test]
fn too_many_different_things_are_not_told_at_all() {
    let rule = |number: usize| {
        let names = (0..200).map(|more| format!("user-{number}-{more}"));
        one(json!({"field": "user.username", "in": names.collect::<Vec<_>>()}))
    };
    let rules: Vec<Value> = (0..20).map(rule).collect();
    let why = Unrestricted::TooLong.to_string();
    assert_eq!(required(&rules), Err(why));
}

/// Random rules, most of which compare a field for equality on top.
fn rules_with_requirement(chance: &mut Chance, count: usize) -> Vec<Arc<Rule>> {
    let mut rules = Vec::new();
    while rules.len() < count {
        let mut definition = random::rule(chance);
        let selection = &mut definition.selections[0];
        if selection.for_each.is_none() {
            let field =
                *chance.one_of(&["verb", "user.username", "user.groups", "objectRef.resource"]);
            selection.all.push(Predicate {
                field: field.to_owned(),
                is_in: ["pods", "get", "secrets", "alice", "true"]
                    .map(str::to_owned)
                    .to_vec(),
                ..Predicate::default()
            });
        }
        let made = rule(&format!("{:04}", rules.len()), &definition);
        rules.extend(made.filter(|rule| Requirement::of(std::slice::from_ref(rule)).is_ok()));
    }
    rules
}

#[test]
fn an_event_that_a_rule_matches_meets_the_requirement() {
    let mut chance = Chance::new(7);
    let rules = rules_with_requirement(&mut chance, 300);
    let (mut matched, mut kept_out) = (0, 0);
    for rules in rules.chunks(5) {
        let requirement = Requirement::of(rules).expect("each has one");
        for _ in 0..200 {
            let source = random::event(&mut chance);
            let event = Event::from_value(source.clone());
            let matches = rules.iter().any(|rule| !rule.truth(&event).is_false());
            let is_met = requirement.is_met(&event, false);
            assert!(is_met || !matches, "{requirement:?}: {source}");
            assert!(requirement.admits(&event) || !is_met, "{source}");
            matched += usize::from(matches);
            kept_out += usize::from(!requirement.admits(&event));
        }
    }
    assert!(matched > 200 && kept_out > 500, "{matched} {kept_out}");
}

#[test]
fn fields_that_are_taken_out_leave_what_the_others_say() {
    let rules = [
        all(json!([
            {"field": "verb", "equals": "get"},
            {"field": "objectRef.resource", "equals": "secrets"},
        ])),
        one(json!({"field": "verb", "equals": "create"})),
    ];
    let rules = rules.map(|definition| about("a", definition));
    let requirement = Requirement::of(&rules).expect("a requirement");
    let rest = requirement.without(&["objectRef.resource"].into());
    let expected = about("a", one(json!({"field": "verb", "in": ["create", "get"]})));
    assert_eq!(rest, Requirement::of(&[expected]).ok());
    assert_eq!(requirement.without(&["verb"].into()), None);
}
