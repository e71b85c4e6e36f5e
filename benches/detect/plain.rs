//! The usual way, as the measure of ours: parse an event to a `serde_json::Value`, then ask one
//! rule after the other.

use std::net::Ipv4Addr;

use k8scop::detect::definition::{Existence, Predicate, RuleDefinition};
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
    StartsWith(Vec<String>),
    EndsWith(Vec<String>),
    Contains(Vec<String>),
    Matches(Vec<Regex>),
    InNetwork(Vec<(u32, u32)>),
    Between(i64, i64),
    Present,
    Absent,
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

/// The numbers of the rules that match the event.
pub fn matching(source: &[u8], rules: &[PlainRule]) -> Vec<usize> {
    let event = serde_json::from_slice(source).expect("an event is JSON");
    (0..rules.len())
        .filter(|&rule| rules[rule].matches(&event))
        .collect()
}

impl PlainRule {
    /// Whether the rule matches the event.
    pub fn matches(&self, event: &Value) -> bool {
        let holds = |predicate: &PlainPredicate| predicate.holds(event);
        self.all.iter().all(holds) && !self.none.iter().any(holds)
    }
}

fn predicate(definition: &Predicate) -> PlainPredicate {
    let path = definition.field.split('.').map(str::to_owned).collect();
    let test = test(definition);
    PlainPredicate { path, test }
}

type OfTexts = fn(Vec<String>) -> Test;

fn test(definition: &Predicate) -> Test {
    let Predicate {
        matches_any,
        is_in,
        starts_with_any,
        ends_with_any,
        contains_any,
        cidr_any,
        ..
    } = definition;
    let all = |one: &Option<String>, more: &[String]| -> Vec<String> {
        one.iter().chain(more).cloned().collect()
    };
    let given = |texts: &Vec<String>| !texts.is_empty();
    let patterns = all(&definition.matches, matches_any);
    let networks = all(&definition.cidr, cidr_any);
    match definition.exists {
        Some(Existence::Present) => return Test::Present,
        Some(Existence::Absent) => return Test::Absent,
        None => {}
    }
    let texts: [(OfTexts, Vec<String>); 4] = [
        (Test::In, all(&definition.equals, is_in)),
        (
            Test::StartsWith,
            all(&definition.starts_with, starts_with_any),
        ),
        (Test::EndsWith, all(&definition.ends_with, ends_with_any)),
        (Test::Contains, all(&definition.contains, contains_any)),
    ];
    if given(&patterns) {
        let compiled = patterns.iter().map(|pattern| Regex::new(pattern));
        Test::Matches(compiled.map(|it| it.expect("the pattern parses")).collect())
    } else if given(&networks) {
        Test::InNetwork(networks.iter().map(|text| network(text)).collect())
    } else if let Some((test, values)) = texts.into_iter().find(|(_, values)| given(values)) {
        test(values)
    } else {
        let (least, most) = (definition.at_least, definition.at_most);
        Test::Between(least.unwrap_or(i64::MIN), most.unwrap_or(i64::MAX))
    }
}

/// Address and mask.
fn network(text: &str) -> (u32, u32) {
    let (address, bits) = text.split_once('/').expect("a network has a length");
    let address: Ipv4Addr = address.parse().expect("networks here are of IPv4");
    let bits: u32 = bits.parse().expect("the length is a number");
    (address.to_bits(), u32::MAX << (32 - bits))
}

impl PlainPredicate {
    fn holds(&self, event: &Value) -> bool {
        match self.test {
            Test::Absent => !any(event, &self.path, &|_| true),
            _ => any(event, &self.path, &|value| self.test.holds_for(value)),
        }
    }
}

/// Whether a value at the end of the path is there, not empty, and accepted.
fn any(value: &Value, path: &[String], accepts: &dyn Fn(&Value) -> bool) -> bool {
    match (value, path) {
        (Value::Array(elements), _) => elements.iter().any(|value| any(value, path, accepts)),
        (Value::Object(members), [name, rest @ ..]) => members
            .get(name)
            .is_some_and(|value| any(value, rest, accepts)),
        (Value::String(text), []) => !text.is_empty() && accepts(value),
        (Value::Number(_) | Value::Bool(_), []) => accepts(value),
        _ => false,
    }
}

impl Test {
    fn holds_for(&self, value: &Value) -> bool {
        match (self, value) {
            (Test::Present, _) => true,
            (Test::Between(least, most), Value::Number(number)) => number
                .as_i64()
                .is_some_and(|it| (least..=most).contains(&&it)),
            (_, Value::String(text)) => self.holds_for_text(text),
            _ => false,
        }
    }

    fn holds_for_text(&self, text: &str) -> bool {
        match self {
            Test::In(values) => values.iter().any(|value| value == text),
            Test::StartsWith(starts) => starts.iter().any(|start| text.starts_with(start)),
            Test::EndsWith(ends) => ends.iter().any(|end| text.ends_with(end)),
            Test::Contains(parts) => parts.iter().any(|part| text.contains(part)),
            Test::Matches(patterns) => patterns.iter().any(|pattern| pattern.is_match(text)),
            Test::InNetwork(networks) => text.parse::<Ipv4Addr>().is_ok_and(|address| {
                let address = address.to_bits();
                networks
                    .iter()
                    .any(|(network, mask)| address & mask == network & mask)
            }),
            Test::Between(..) | Test::Present | Test::Absent => false,
        }
    }
}
