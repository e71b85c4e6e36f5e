//! Asks the rules of a set about one event after the other.

use super::{
    RuleSet,
    facts::{Decisions, Facts, View},
    index::Room,
    program::RuleId,
};
use crate::detect::{
    event::{Event, Glance},
    layout::Layout,
    reading::{Leaves, Refused},
    rule::Match,
};

/// A set of rules with room for what it finds out about an event. The room is used again, so that
/// an event which no rule matches costs no memory.
#[derive(Debug)]
pub struct Matcher<'r> {
    rules: &'r RuleSet,
    leaves: Leaves,
    search: Search,
}

/// The room of a search.
#[derive(Debug)]
struct Search {
    decisions: Decisions,
    room: Room,
    matching: Vec<RuleId>,
}

impl<'r> Matcher<'r> {
    /// A matcher that has seen nothing.
    pub fn new(rules: &'r RuleSet) -> Self {
        Self {
            rules,
            leaves: Leaves::default(),
            search: Search {
                decisions: Decisions::new(&rules.programs),
                room: rules.index.take_room(),
                matching: Vec::new(),
            },
        }
    }

    /// Whether a document is one audit event that no rule matches, as far as a glance shows it.
    /// Otherwise its events have to be read and asked for their [`matches`](Self::matches). It
    /// shows nothing, `None`, unless the source is one JSON object and nothing else.
    pub fn is_quiet(&mut self, source: &str, layout: Layout) -> Option<bool> {
        let matching = self.matching_at_a_glance(source, layout).ok()?;
        Some(matching.is_empty())
    }

    /// The rules that match an event, ordered by key.
    pub fn matches(&mut self, event: &Event) -> Vec<Match<'r>> {
        let rules = self.rules;
        rules.conclude(self.matching(event), event)
    }

    pub(super) fn matching(&mut self, event: &Event) -> &[RuleId] {
        self.search.run(self.rules, View::Event(event))
    }

    fn matching_at_a_glance(&mut self, source: &str, layout: Layout) -> Result<&[RuleId], Refused> {
        let glance = Glance::read(source, layout, &self.rules.outline, &mut self.leaves)?;
        Ok(self.search.run(self.rules, View::Glance(&glance)))
    }

    /// The same of any part of an event.
    #[cfg(test)]
    pub(super) fn matching_in_part(&mut self, source: &str) -> Result<&[RuleId], Refused> {
        let glance = Glance::read_part(source, &self.rules.outline, &mut self.leaves)?;
        Ok(self.search.run(self.rules, View::Glance(&glance)))
    }
}

impl Drop for Matcher<'_> {
    /// What was built is of use to the next matcher.
    fn drop(&mut self) {
        self.rules
            .index
            .give_back(std::mem::take(&mut self.search.room));
    }
}

impl Search {
    /// Finds the rules that match what is viewed, in place of what was found before.
    fn run(&mut self, rules: &RuleSet, view: View<'_>) -> &[RuleId] {
        let Self {
            decisions,
            room,
            matching,
        } = self;
        let facts = Facts::new(view, &rules.programs, decisions);
        rules.index.candidates(&facts, room, matching);
        matching.retain(|&rule| rules.programs.holds(rule, &facts));
        matching
    }
}
