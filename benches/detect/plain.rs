//! The usual way, as the measure of ours: parse an event to a `serde_json::Value`, then ask one
//! rule after the other.

use k8scop::detect::definition::{Predicate, RuleDefinition};
use regex::Regex;
use serde_json::Value;

/// A rule that is asked by itself.
pub struct PlainRule {
    all: Vec<PlainPredicate>,
    none: Vec<PlainPredicate>,
}

struct PlainPredicate {
    path: Vec<String>,
    test: Test,
}

enum Test {
    In(Vec<String>),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Matches(Regex),
}

/// The rules of the benchmark: the first selection, and not the second.
pub fn rules(definitions: &[RuleDefinition]) -> Vec<PlainRule> {
    definitions
        .iter()
        .map(|definition| PlainRule {
            all: definition.selections[0].all.iter().map(predicate).collect(),
            none: definition.selections[1].any.iter().map(predicate).collect(),
        })
        .collect()
}

fn predicate(definition: &Predicate) -> PlainPredicate {
    let text = |text: &Option<String>| text.clone();
    let test = if let Some(pattern) = &definition.matches {
        Test::Matches(Regex::new(pattern).expect("the pattern parses"))
    } else if let Some(value) = text(&definition.equals) {
        Test::In(vec![value])
    } else if let Some(start) = text(&definition.starts_with) {
        Test::StartsWith(start)
    } else if let Some(end) = text(&definition.ends_with) {
        Test::EndsWith(end)
    } else if let Some(part) = text(&definition.contains) {
        Test::Contains(part)
    } else {
        Test::In(definition.is_in.clone())
    };
    let path = definition.field.split('.').map(str::to_owned).collect();
    PlainPredicate { path, test }
}

/// How many rules match the event.
pub fn matches(source: &[u8], rules: &[PlainRule]) -> usize {
    let event: Value = serde_json::from_slice(source).expect("an event is JSON");
    let holds = |predicate: &PlainPredicate| predicate.test.holds(&event, &predicate.path);
    rules
        .iter()
        .filter(|rule| rule.all.iter().all(holds) && !rule.none.iter().any(holds))
        .count()
}

impl Test {
    fn holds(&self, value: &Value, path: &[String]) -> bool {
        match (value, path) {
            (Value::Array(elements), _) => elements.iter().any(|value| self.holds(value, path)),
            (Value::Object(members), [name, rest @ ..]) => members
                .get(name)
                .is_some_and(|value| self.holds(value, rest)),
            (Value::String(text), []) => self.holds_for(text),
            _ => false,
        }
    }

    fn holds_for(&self, text: &str) -> bool {
        match self {
            Test::In(values) => values.iter().any(|value| value == text),
            Test::StartsWith(start) => text.starts_with(start),
            Test::EndsWith(end) => text.ends_with(end),
            Test::Contains(part) => text.contains(part),
            Test::Matches(pattern) => pattern.is_match(text),
        }
    }
}
