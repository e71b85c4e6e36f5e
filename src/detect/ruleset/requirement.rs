//! What every event that some rule matches has: a condition so plain that a store of events can
//! check it before it hands anything out.
//!
//! It may be met by events that no rule matches, never missed by one that a rule does.

mod alternatives;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc};

use self::alternatives::{Alternatives, Conjunction};
use crate::detect::{
    condition::Condition,
    event::Event,
    field::Field,
    predicate::{Predicate, Test},
    rule::Rule,
    selection::{Body, Selection},
};

/// Fields that a requirement speaks of, those first that tell most. Each is text in the event, and
/// stands there as it was logged: nothing is derived, and no keys are free.
pub const FIELDS: [&str; 10] = [
    "verb",
    "objectRef.resource",
    "user.username",
    "user.groups",
    "objectRef.namespace",
    "stage",
    "level",
    "objectRef.subresource",
    "objectRef.apiGroup",
    "objectRef.name",
];

/// So many of them are in most events. What is asked of the others alone narrows nothing down for
/// who cannot tell a field that is missing from one that he does not know.
const USUAL: usize = 7;

/// Alternatives at most, for all rules together.
const ALTERNATIVES: usize = 128;
/// Bytes of all values at most.
const BYTES: usize = 32 * 1024;

/// One of the alternatives holds for each event that a rule matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    alternatives: Vec<Conjunction>,
}

/// Position of a field in [`FIELDS`].
type Rank = usize;

/// Why there is no requirement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrestricted {
    /// A rule asks nothing that a requirement could say.
    #[error("rule {rule} could match any event{}", others(.more))]
    AnyEvent {
        /// Key of the first such rule.
        rule: String,
        /// How many more there are.
        more: usize,
    },
    /// It would be too long to be sent.
    #[error("the rules ask for too many different things")]
    TooLong,
}

fn others(more: &usize) -> String {
    match more {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    }
}

impl Requirement {
    /// What these rules have in common.
    pub fn of(rules: &[Arc<Rule>]) -> Result<Self, Unrestricted> {
        let mut all = Vec::new();
        let mut free = Vec::new();
        for rule in rules {
            match of_rule(rule).filter(Alternatives::are_telling) {
                Some(alternatives) => all.extend(alternatives.into_vec()),
                None => free.push(rule.key()),
            }
        }
        if let Some((rule, more)) = free.split_first() {
            return Err(Unrestricted::AnyEvent {
                rule: (*rule).to_owned(),
                more: more.len(),
            });
        }
        let alternatives = alternatives::fitting(all, ALTERNATIVES, BYTES);
        let alternatives = alternatives.ok_or(Unrestricted::TooLong)?;
        Ok(Self { alternatives })
    }

    /// The alternatives, each a list of fields with values of which the field has one.
    pub fn alternatives(
        &self,
    ) -> impl Iterator<Item = impl Iterator<Item = (&'static str, &BTreeSet<String>)>> {
        self.alternatives
            .iter()
            .map(|all| all.iter().map(|(rank, values)| (FIELDS[*rank], values)))
    }

    /// The fields that it speaks of.
    pub fn fields(&self) -> BTreeSet<&'static str> {
        let ranks = self.alternatives.iter().flat_map(Conjunction::keys);
        ranks.map(|rank| FIELDS[*rank]).collect()
    }

    /// The same without some fields; nothing if it would say nothing then.
    pub fn without(&self, fields: &BTreeSet<&str>) -> Option<Self> {
        let mut alternatives = self.alternatives.clone();
        for all in &mut alternatives {
            all.retain(|rank, _| !fields.contains(FIELDS[*rank]));
        }
        let alternatives = Alternatives::new(alternatives);
        alternatives.are_telling().then(|| Self {
            alternatives: alternatives.into_vec(),
        })
    }

    /// Whether an event meets it. A field that is missing is not held against it.
    pub fn admits(&self, event: &Event) -> bool {
        self.is_met(event, true)
    }

    /// Whether an event has what it asks for.
    fn is_met(&self, event: &Event, or_missing: bool) -> bool {
        let has_one = |(name, wanted): (&str, &BTreeSet<String>)| {
            let field = Field::parse(name).expect("the fields are those of an event");
            let values = event.values(&field);
            (or_missing && values.is_empty()) || values.iter().any(|v| wanted.contains(&**v))
        };
        self.alternatives().any(|mut all| all.all(has_one))
    }
}

/// What a rule asks of every event; `None` is nothing.
fn of_rule(rule: &Rule) -> Option<Alternatives> {
    let selections: Vec<_> = rule.selections().iter().map(of_selection).collect();
    of_condition(rule.condition(), &selections)
}

fn of_condition(
    condition: &Condition,
    selections: &[Option<Alternatives>],
) -> Option<Alternatives> {
    let of_parts = |parts: &[Condition]| -> Vec<_> {
        let of_part = |part| of_condition(part, selections);
        parts.iter().map(of_part).collect()
    };
    match condition {
        Condition::Selection(index) => selections[*index].clone(),
        Condition::Not(_) => None,
        Condition::All(parts) => all(of_parts(parts)),
        Condition::Any(parts) => any(of_parts(parts)),
    }
}

/// An element of a list is not looked into.
fn of_selection(selection: &Selection) -> Option<Alternatives> {
    let Body::Event(group) = selection.body() else {
        return None;
    };
    let mut parts: Vec<_> = group.all().iter().map(|p| of_predicate(p)).collect();
    if !group.any().is_empty() {
        parts.push(any(group.any().iter().map(|p| of_predicate(p)).collect()));
    }
    all(parts)
}

fn of_predicate(predicate: &Predicate) -> Option<Alternatives> {
    let Test::Equals(values) = predicate.test() else {
        return None;
    };
    let name = predicate.field().to_string();
    let rank = FIELDS.iter().position(|field| *field == name)?;
    let is_plain = values.iter().all(|value| is_plain(value));
    is_plain.then(|| Alternatives::new(vec![Conjunction::from([(rank, to_set(values))])]))
}

/// Whether a value can only be a text that was stored as it is here. Numbers are not always written
/// in one way, and what was no Unicode text may have become one on the way.
fn is_plain(value: &str) -> bool {
    !value.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        && !value.contains(char::REPLACEMENT_CHARACTER)
}

fn to_set(values: &[String]) -> BTreeSet<String> {
    values.iter().cloned().collect()
}

fn all(parts: Vec<Option<Alternatives>>) -> Option<Alternatives> {
    parts.into_iter().flatten().reduce(Alternatives::and)
}

fn any(parts: Vec<Option<Alternatives>>) -> Option<Alternatives> {
    let parts: Option<Vec<_>> = parts.into_iter().collect();
    Some(Alternatives::new(
        parts?
            .into_iter()
            .flat_map(Alternatives::into_vec)
            .collect(),
    ))
}
