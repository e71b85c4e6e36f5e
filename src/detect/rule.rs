//! A rule that is known to be right: it can be made only from a definition without problems.

mod bounds;
mod compile;
mod sample;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    alert::{Evidence, Finding, RuleProfile, WITHHELD},
    condition::{Cause, Condition},
    definition::RuleDefinition,
    event::Event,
    excerpt::cut,
    field::Field,
    limits,
    message::Message,
    problem::{Problem, Problems},
    selection::{Held, Selection},
};

/// Which rule it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleIdentity {
    /// Namespace of the rule.
    pub namespace: String,
    /// Name of the rule.
    pub name: String,
    /// Uid of the object; empty where there is no cluster.
    pub uid: String,
}

/// A validated, compiled rule. Two rules are equal when identity and revision are.
#[derive(Debug)]
pub struct Rule {
    identity: RuleIdentity,
    revision: String,
    definition: RuleDefinition,
    profile: RuleProfile,
    parts: Parts,
}

/// A rule that matches an event.
#[derive(Debug, PartialEq)]
pub struct Match<'r> {
    /// The rule.
    pub rule: &'r Rule,
    /// What follows from it.
    pub outcome: Outcome<'r>,
}

/// What follows from a match.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<'r> {
    /// An alert.
    Alert(Finding),
    /// Nothing: these exceptions of the rule are met, in the order of the definition.
    Excepted(Vec<&'r str>),
}

/// What a definition compiles to.
#[derive(Debug)]
struct Parts {
    selections: Vec<Selection>,
    condition: Condition,
    exceptions: Vec<Selection>,
    message: Message,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity && self.revision == other.revision
    }
}

impl Rule {
    /// Checks a definition whole, its tests included, and compiles it; or names every problem.
    ///
    /// Three steps, each only after the one before is clean: bounds (a huge definition is not
    /// worth compiling), then everything that the definition says, then its tests.
    pub fn new(identity: RuleIdentity, definition: &RuleDefinition) -> Result<Rule, Vec<Problem>> {
        let mut problems = Problems::default();
        bounds::check(definition, &mut problems);
        problems.into_result()?;
        let parts = compile::compile(definition)?;
        let revision = revision(definition);
        let rule = Rule {
            profile: RuleProfile::new(&identity, definition, &revision),
            identity,
            revision,
            definition: definition.clone(),
            parts,
        };
        let mut problems = Problems::default();
        sample::check(&rule, &mut problems);
        problems.into_result()?;
        Ok(rule)
    }

    /// Which rule it is.
    pub fn identity(&self) -> &RuleIdentity {
        &self.identity
    }

    /// `namespace/name`, or `cluster/name` for a rule without a namespace.
    pub fn key(&self) -> &str {
        self.profile.key()
    }

    /// Fingerprint of everything that decides what the rule finds and says: 16 hex digits.
    /// Tests are not part of it.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// The definition it was made from.
    pub fn definition(&self) -> &RuleDefinition {
        &self.definition
    }

    /// What all of its alerts have in common.
    pub fn profile(&self) -> &RuleProfile {
        &self.profile
    }

    /// What it makes of an event, or `None` where it does not match.
    pub fn evaluate(&self, event: &Event) -> Option<Match<'_>> {
        self.holds(event).then(|| self.conclude(event))
    }

    /// Whether its condition holds for an event.
    pub(super) fn holds(&self, event: &Event) -> bool {
        let selections = &self.parts.selections;
        self.parts
            .condition
            .holds(&mut |index: usize| selections[index].holds(event))
    }

    /// What follows from an event that is known to match.
    pub(super) fn conclude(&self, event: &Event) -> Match<'_> {
        let met: Vec<_> = self
            .parts
            .exceptions
            .iter()
            .filter(|exception| exception.holds(event))
            .map(Selection::name)
            .collect();
        let outcome = match met.is_empty() {
            true => Outcome::Alert(self.finding(event)),
            false => Outcome::Excepted(met),
        };
        Match {
            rule: self,
            outcome,
        }
    }

    fn finding(&self, event: &Event) -> Finding {
        let selections = &self.parts.selections;
        let held: Vec<_> = selections.iter().map(|s| (s, s.held(event))).collect();
        let captures = captures(&held);
        let message = self.parts.message.render(
            |field| shown_values(field, event),
            |name| captures.get(name).cloned(),
        );
        Finding {
            message,
            captures,
            evidence: evidence(&held),
        }
    }

    pub(super) fn selections(&self) -> &[Selection] {
        &self.parts.selections
    }

    pub(super) fn exceptions(&self) -> &[Selection] {
        &self.parts.exceptions
    }

    pub(super) fn condition(&self) -> &Condition {
        &self.parts.condition
    }
}

/// The first 16 hex digits of the SHA-256 of the definition as JSON with sorted keys.
fn revision(definition: &RuleDefinition) -> String {
    let definition = RuleDefinition {
        tests: Vec::new(),
        ..definition.clone()
    };
    let mut value = serde_json::to_value(definition).unwrap_or(Value::Null);
    value.sort_all_objects();
    fingerprint(value.to_string().as_bytes())
}

/// The first 16 hex digits of the SHA-256 of some bytes.
pub(super) fn fingerprint(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

type HeldBySelection<'r> = [(&'r Selection, Held<'r>)];

/// The values of a field that a message may show.
fn shown_values(field: &Field, event: &Event) -> Vec<String> {
    match field.is_secret() {
        true if event.exists(field) => vec![WITHHELD.to_owned()],
        _ => event.values(field).into_iter().map(Into::into).collect(),
    }
}

/// Named groups of the patterns that held; the first pattern to capture a name wins.
fn captures(held: &HeldBySelection<'_>) -> BTreeMap<String, String> {
    let mut captures = BTreeMap::new();
    for (predicate, values) in held.iter().flat_map(|(_, held)| held) {
        for pattern in predicate.patterns() {
            let texts = values.iter().flat_map(|value| pattern.captures(value));
            for (name, text) in texts {
                let text = match predicate.field().is_secret() {
                    true => WITHHELD.into(),
                    false => cut(text, limits::EXCERPT_CHARS),
                };
                captures
                    .entry(name.to_owned())
                    .or_insert_with(|| text.into_owned());
            }
        }
    }
    captures
}

fn evidence(held: &HeldBySelection<'_>) -> Vec<Evidence> {
    held.iter()
        .flat_map(|(selection, held)| held.iter().map(move |held| (selection, held)))
        .take(limits::EVIDENCE)
        .map(|(selection, (predicate, values))| Evidence {
            selection: selection.name().to_owned(),
            field: predicate.field().clone(),
            operator: predicate.operator(),
            values: values
                .iter()
                .take(limits::EVIDENCE)
                .map(|value| cut(value, limits::EXCERPT_CHARS).into_owned())
                .collect(),
        })
        .collect()
}
