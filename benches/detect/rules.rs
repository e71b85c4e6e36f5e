//! Rules as a security team writes them: each is about something rare.

use std::sync::Arc;

use k8scop::detect::{
    definition::RuleDefinition,
    rule::{Rule, RuleIdentity},
};
use serde_json::{Value, json};

use crate::{
    chance::Chance,
    events::{NAMESPACES, RESOURCES, VERBS},
};

/// So many definitions, equal for equal seeds.
pub fn definitions(count: usize, seed: u64) -> Vec<RuleDefinition> {
    let mut chance = Chance::new(seed);
    (0..count)
        .map(|number| {
            let definition = definition(&mut chance, number);
            serde_json::from_value(definition).expect("it is a definition")
        })
        .collect()
}

/// The rules of some definitions.
pub fn rules(definitions: &[RuleDefinition]) -> Vec<Arc<Rule>> {
    let numbered = definitions.iter().enumerate();
    numbered
        .map(|(number, definition)| rule(number, definition))
        .collect()
}

/// The rule of this number.
pub fn rule(number: usize, definition: &RuleDefinition) -> Arc<Rule> {
    let identity = RuleIdentity {
        namespace: "bench".to_owned(),
        name: format!("rule-{number}"),
        uid: String::new(),
    };
    Arc::new(Rule::new(identity, definition).expect("the rule is right"))
}

/// A selection of what is rare, and another of who is left out.
fn definition(chance: &mut Chance, number: usize) -> Value {
    let mut all = vec![rare(chance, number)];
    if chance.percent(60) {
        all.push(json!({"field": "verb", "in": [chance.one_of(&VERBS), chance.one_of(&VERBS)]}));
    }
    if chance.percent(60) {
        all.push(json!({"field": "objectRef.resource", "equals": chance.one_of(&RESOURCES)}));
    }
    if chance.percent(30) {
        all.push(json!({"field": "objectRef.namespace", "equals": chance.one_of(&NAMESPACES)}));
    }
    json!({
        "title": format!("Rule {number}"), "severity": "Low",
        "selections": [
            {"name": "rare", "all": all},
            {"name": "known", "any": [
                {"field": "user.username", "startsWith": "system:node:"},
                {"field": "user.groups", "equals": "system:masters"},
            ]},
        ],
        "condition": "rare and not known",
    })
}

fn rare(chance: &mut Chance, number: usize) -> Value {
    let object = chance.below(500);
    match chance.below(8) {
        0 | 1 => {
            json!({"field": "requestURI", "matches": format!("/[a-z]+-{object}\\?.*watch{number}=(true|1)")})
        }
        2 => {
            json!({"field": "requestURI", "matches": format!("(?i)/namespaces/[^/]+/secrets/tool{number}-[0-9]+")})
        }
        3 => json!({"field": "objectRef.name", "equals": format!("intruder-{number}")}),
        4 => json!({"field": "userAgent", "contains": format!("scanner-{number}/")}),
        5 => json!({"field": "user.username", "startsWith": format!("contractor-{number}:")}),
        6 => {
            json!({"field": "requestObject.spec.containers.image", "matches": format!("^evil{number}\\.example/.+:latest$")})
        }
        _ => json!({"field": "objectRef.name", "endsWith": format!("-{object}-{number}")}),
    }
}
