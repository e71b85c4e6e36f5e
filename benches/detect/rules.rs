//! Rules as a security team writes them: half of them regular expressions, every operator among
//! them, each about something rare.

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
        .map(|number| parsed(definition(&mut chance, number)))
        .collect()
}

/// So many definitions of patterns that no literal stands in.
pub fn without_literals(count: usize) -> Vec<RuleDefinition> {
    let pattern = |number: usize| match number % 4 {
        0 => format!("^[bcdfghjklmnpqrstvwxz2456789]{{{}}}$", 20 + number),
        1 => format!("[0-9a-f]{{{}}}[g-z]", 24 + number),
        2 => format!("[A-Z]{{2}}[0-9]{{{}}}", 4 + number),
        _ => format!("([0-9]+[a-f]+){{{}}}[0-9]{{4}}$", 3 + number / 4),
    };
    let field = |number: usize| ["objectRef.name", "requestURI"][number / 2 % 2];
    (0..count)
        .map(|number| {
            let all = vec![json!({"field": field(number), "matches": pattern(number)})];
            parsed(of_selections(
                &format!("Shape {number}"),
                all,
                "kube-probe/",
            ))
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

fn parsed(definition: Value) -> RuleDefinition {
    serde_json::from_value(definition).expect("it is a definition")
}

/// A selection of what is rare, and another of who is left out.
fn definition(chance: &mut Chance, number: usize) -> Value {
    let mut all = vec![rare(chance, number)];
    if chance.percent(60) {
        all.push(json!({"field": "verb", "in": [chance.one_of(&VERBS), chance.one_of(&VERBS)]}));
    }
    if chance.percent(40) {
        all.push(json!({"field": "objectRef.resource", "equals": chance.one_of(&RESOURCES)}));
    }
    if chance.percent(25) {
        all.push(json!({"field": "objectRef.namespace", "equals": chance.one_of(&NAMESPACES)}));
    }
    if chance.percent(40) {
        all.push(side_condition(chance));
    }
    let program = if chance.percent(40) {
        ""
    } else {
        "kube-probe/"
    };
    of_selections(&format!("Rule {number}"), all, program)
}

fn of_selections(title: &str, all: Vec<Value>, known_program: &str) -> Value {
    let known = match known_program {
        "" => json!({"field": "user.groups", "equals": "system:masters"}),
        program => json!({"field": "userAgent", "startsWith": program}),
    };
    json!({
        "title": title, "severity": "Low",
        "selections": [
            {"name": "rare", "all": all},
            {"name": "known", "any": [{"field": "user.username", "startsWith": "system:node:"}, known]},
        ],
        "condition": "rare and not known",
    })
}

fn rare(chance: &mut Chance, number: usize) -> Value {
    match chance.below(12) {
        0 => json!({"field": "requestURI", "matches": format!(r"\?.*watch{number}=(true|1)(&|$)")}),
        1 => {
            json!({"field": "requestURI", "matches": format!(r"(?i)/[a-z]+/[^?]+\?.*secrets/tool{number}-[0-9]+")})
        }
        2 => {
            json!({"field": "requestURI", "matches": format!(r"^/apis?/[a-z0-9./]+/namespaces/[a-z-]+/[a-z]+.*command=(nc|ncat|socat){number}$")})
        }
        3 => {
            json!({"field": "requestURI", "matchesAny": [format!("/proxy/[a-z]+{number}x"), format!(r"tool=[a-z]+/tool{number}-[0-9]")]})
        }
        4 => {
            json!({"field": "userAgent", "matches": format!(r"(?i)^(scanner|probe)[-_]{number}/[0-9.]+")})
        }
        5 => {
            json!({"field": "requestObject.spec.containers.image", "matches": format!(r"^evil{number}\.example/.+:latest$")})
        }
        6 => json!({"field": "objectRef.name", "equals": format!("intruder-{number}")}),
        7 => {
            json!({"field": "objectRef.name", "in": [format!("intruder-{number}"), format!("ghost-{number}")]})
        }
        8 => json!({"field": "userAgent", "contains": format!("scanner-{number}/")}),
        9 => {
            json!({"field": "userAgent", "containsAny": [format!("scanner-{number}/"), format!("miner-{number}/")]})
        }
        10 => {
            json!({"field": "user.username", "startsWithAny": [format!("contractor-{number}:"), format!("guest-{number}:")]})
        }
        _ => json!({"field": "objectRef.name", "endsWith": format!("truder-{number}")}),
    }
}

fn side_condition(chance: &mut Chance) -> Value {
    match chance.below(6) {
        0 => {
            json!({"field": "sourceIPs", "cidr": format!("10.{}.0.0/16", chance.below(8))})
        }
        1 => json!({"field": "sourceIPs", "cidrAny": ["192.168.0.0/16", "10.0.0.0/8"]}),
        2 => json!({"field": "responseStatus.code", "atLeast": 200, "atMost": 299}),
        3 => json!({"field": "responseStatus.code", "atLeast": 400}),
        4 => json!({"field": "objectRef.subresource", "exists": "Absent"}),
        _ => json!({"field": "objectRef.namespace", "exists": "Present"}),
    }
}
