//! A rule that is known to be right: it can be made only from a definition without problems.

mod bounds;
mod compile;
mod finding;
mod gate;
mod sample;
#[cfg(test)]
mod tests;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    alert::{Finding, RuleProfile},
    condition::{Cause, Condition},
    definition::{RequestOutcome, RuleDefinition, Severity},
    event::{Event, gap::Gap},
    field::Field,
    message::Message,
    problem::{Problem, Problems},
    selection::Selection,
    truth::Truth,
};
pub(super) use gate::Gate;

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
    /// Nothing: the event does not show what the rule asks about.
    Undecided(Gap),
}

/// What a definition compiles to.
#[derive(Debug)]
struct Parts {
    selections: Vec<Selection>,
    condition: Condition,
    exceptions: Vec<Selection>,
    gate: Gate,
    severities: Vec<(Condition, Severity)>,
    context: Vec<Field>,
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

    /// Returns what follows from an event, or `None` where the rule does not match it.
    pub fn evaluate(&self, event: &Event) -> Option<Match<'_>> {
        let truth = self.truth(event);
        (!truth.is_false()).then(|| self.conclude(truth, event))
    }

    /// Returns the truth of the condition for an event whose outcome the rule alerts on.
    pub(super) fn truth(&self, event: &Event) -> Truth {
        match self.of_condition(&self.parts.condition, event) {
            Truth::False => Truth::False,
            truth if self.parts.gate.admits(event.outcome()) => truth,
            _ => Truth::False,
        }
    }

    fn of_condition(&self, condition: &Condition, event: &Event) -> Truth {
        let selections = &self.parts.selections;
        condition.truth(&mut |index: usize| selections[index].truth(event))
    }

    /// Returns what follows from an event for which the condition has this truth, not `False`.
    pub(super) fn conclude(&self, truth: Truth, event: &Event) -> Match<'_> {
        let outcome = match truth {
            Truth::Undecided(gap) => Outcome::Undecided(gap),
            _ => self
                .except(event)
                .unwrap_or_else(|| Outcome::Alert(finding::of(self, event))),
        };
        Match {
            rule: self,
            outcome,
        }
    }

    fn except(&self, event: &Event) -> Option<Outcome<'_>> {
        let exceptions = self.parts.exceptions.iter();
        let met = exceptions.filter(|exception| self.is_met(exception, event));
        let met: Vec<_> = met.map(Selection::name).collect();
        (!met.is_empty()).then_some(Outcome::Excepted(met))
    }

    /// Returns whether an exception is met for certain. One about elements must hold for each
    /// element that a selection about the same list matched.
    fn is_met(&self, exception: &Selection, event: &Event) -> bool {
        let of_same_list = |selection: &&Selection| {
            exception.list().is_some() && selection.list() == exception.list()
        };
        let selections = self.parts.selections.iter().filter(of_same_list);
        let mut matched = selections
            .flat_map(|selection| selection.matched(event))
            .peekable();
        match matched.peek() {
            Some(_) => exception.covers(matched),
            None => exception.truth(event).is_true(),
        }
    }

    /// Returns the severity of an alert about an event that matches.
    fn severity(&self, event: &Event, outcome: Option<RequestOutcome>) -> Severity {
        let mut special = self.parts.severities.iter();
        let special = special.find(|(condition, _)| self.of_condition(condition, event).is_true());
        match special {
            Some((_, severity)) => *severity,
            None => self.parts.gate.severity(self.definition.severity, outcome),
        }
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.parts.gate
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
