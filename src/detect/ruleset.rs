//! All rules of a job, compiled together, never changed: a new set replaces the old one whole.
//!
//! An index finds the few rules that may match an event; only those are decided, and what was
//! looked up or decided for one rule is not asked again for another. The index may name rules
//! that do not match, never leave out one that does: [`RuleSet::matches_by_full_scan`] is the
//! meaning, and a property test holds the two equal.

mod cover;
mod facts;
mod index;
mod matcher;
mod patterns;
mod program;
mod requirement;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::sync::{Arc, OnceLock};

use super::{
    definition::RuleState,
    event::{Event, Outline},
    rule::{Match, Outcome, Rule, fingerprint},
    truth::Truth,
};
use facts::Facts;
use index::Index;
pub use matcher::{Matcher, Sight};
use program::{Programs, RuleId};
pub use requirement::{Requirement, Unrestricted};

/// An immutable set of enabled rules with the structures they share.
#[derive(Debug)]
pub struct RuleSet {
    /// Ordered by key.
    rules: Vec<Arc<Rule>>,
    revision: String,
    programs: Programs,
    index: Index,
    outline: Outline,
    requirement: OnceLock<Result<Arc<Requirement>, Unrestricted>>,
}

impl RuleSet {
    /// Compiles a set. Disabled rules are left out; of several with one key the first stays.
    pub fn new(rules: impl IntoIterator<Item = Arc<Rule>>) -> RuleSet {
        let mut rules: Vec<_> = rules
            .into_iter()
            .filter(|rule| rule.definition().state == RuleState::Enabled)
            .collect();
        rules.sort_by(|a, b| a.key().cmp(b.key()));
        rules.dedup_by(|a, b| a.key() == b.key());
        let mut programs = Programs::new(&rules);
        let index = Index::new(&rules, &mut programs);
        RuleSet {
            revision: revision(&rules),
            outline: programs.outline(),
            rules,
            programs,
            index,
            requirement: OnceLock::new(),
        }
    }

    /// Number of rules.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rules, ordered by key.
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// Fingerprint over the keys and revisions of its rules: 16 hex digits.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// What every event has that one of its rules matches; found out when it is first asked for.
    pub fn requirement(&self) -> Result<&Arc<Requirement>, &Unrestricted> {
        let found = || Requirement::of(&self.rules).map(Arc::new);
        self.requirement.get_or_init(found).as_ref()
    }

    /// The rules that match an event, ordered by key.
    pub fn matches(&self, event: &Event) -> Vec<Match<'_>> {
        Matcher::new(self).matches(event)
    }

    /// The same without index and without anything shared: each rule is asked by itself.
    pub fn matches_by_full_scan(&self, event: &Event) -> Vec<Match<'_>> {
        self.conclude(&self.matching_by_full_scan(event), event)
    }

    fn matching_by_full_scan(&self, event: &Event) -> Vec<Decided> {
        let truths = self.rules.iter().map(|rule| rule.truth(event)).enumerate();
        truths.filter(|(_, truth)| !truth.is_false()).collect()
    }

    fn conclude(&self, matching: &[Decided], event: &Event) -> Vec<Match<'_>> {
        matching
            .iter()
            .map(|(rule, truth)| self.rules[*rule].conclude(*truth, event))
            .collect()
    }

    /// Returns the outcome of a rule that has this truth, if it is no alert. Exceptions about
    /// elements depend on what the rule matched, so that the event has to be read for them.
    fn quiet(&self, (rule, truth): Decided, facts: &Facts<'_>) -> Option<Match<'_>> {
        if let Truth::Undecided(gap) = truth {
            let rule = &*self.rules[rule];
            let outcome = Outcome::Undecided(gap);
            return Some(Match { rule, outcome });
        }
        let exceptions = self.programs.exceptions(rule, facts);
        let rule = &*self.rules[rule];
        let mut met = Vec::new();
        for index in exceptions {
            let exception = &rule.exceptions()[index];
            if exception.list().is_some() {
                return None;
            }
            met.push(exception.name());
        }
        (!met.is_empty()).then_some(Match {
            rule,
            outcome: Outcome::Excepted(met),
        })
    }
}

/// A rule that matches an event, or does not know.
type Decided = (RuleId, Truth);

fn revision(rules: &[Arc<Rule>]) -> String {
    let lines: String = rules
        .iter()
        .map(|rule| format!("{}\n{}\n", rule.key(), rule.revision()))
        .collect();
    fingerprint(lines.as_bytes())
}
