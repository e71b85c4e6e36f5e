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
            decisions: Decisions::new(&rules.programs),
            room: rules.index.take_room(),
            matching: Vec::new(),
        }
    }

    /// Whether a document is one audit event that no rule matches, as far as a glance shows it.
    /// Otherwise its events have to be read and asked for their [`matches`](Self::matches). It
    /// shows nothing, `None`, unless the source is one JSON object and nothing else.
    pub fn is_quiet(&mut self, source: &[u8], layout: Layout) -> Option<bool> {
        let matching = self.matching_at_a_glance(source, layout).ok()?;
        Some(matching.is_empty())
    }

    /// The rules that match an event, ordered by key.
    pub fn matches(&mut self, event: &Event) -> Vec<Match<'r>> {
        let rules = self.rules;
        rules.conclude(self.matching(event), event)
    }

    pub(super) fn matching(&mut self, event: &Event) -> &[RuleId] {
        let view = View::Event(event);
        let Self {
            rules,
            decisions,
            room,
            matching,
            ..
        } = self;
        find(rules, view, decisions, room, matching);
        &self.matching
    }

    fn matching_at_a_glance(
        &mut self,
        source: &[u8],
        layout: Layout,
    ) -> Result<&[RuleId], Refused> {
        let glance = Glance::read(source, layout, &self.rules.outline, &mut self.leaves)?;
        let view = View::Glance(&glance);
        let Self {
            rules,
            decisions,
            room,
            matching,
            ..
        } = self;
        find(rules, view, decisions, room, matching);
        Ok(&self.matching)
    }

    /// The same of any part of an event.
    #[cfg(test)]
    pub(super) fn matching_in_part(&mut self, source: &[u8]) -> Result<&[RuleId], Refused> {
        let glance = Glance::read_part(source, &self.rules.outline, &mut self.leaves)?;
        let view = View::Glance(&glance);
        let Self {
            rules,
            decisions,
            room,
            matching,
            ..
        } = self;
        find(rules, view, decisions, room, matching);
        Ok(&self.matching)
    }
}

impl Drop for Matcher<'_> {
    /// What was built is of use to the next matcher.
    fn drop(&mut self) {
        self.rules.index.give_back(std::mem::take(&mut self.room));
    }
}

/// Finds the rules that match what is viewed, in place of what stood there.
fn find(
    rules: &RuleSet,
    view: View<'_>,
    decisions: &mut Decisions,
    room: &mut Room,
    matching: &mut Vec<RuleId>,
) {
    let facts = Facts::new(view, &rules.programs, decisions);
    rules.index.candidates(&facts, room, matching);
    matching.retain(|&rule| rules.programs.holds(rule, &facts));
}
