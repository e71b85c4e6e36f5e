//! Asks the rules of a set about one event after the other.

use super::{
    RuleSet,
    facts::{Decisions, Facts, View},
    index::Room,
    program::RuleId,
};
use crate::detect::{
    event::{Buffers, Event, Glance},
    layout::Place,
    rule::{Match, Rule},
};

/// A set of rules with room for what it finds out about an event. The room is used again, so that
/// an event which no rule matches costs no memory.
#[derive(Debug)]
pub struct Matcher<'r> {
    rules: &'r RuleSet,
    buffers: Buffers,
    search: Search,
}

/// A rule that matches an event, and those of its exceptions that take that back, in the order of
/// its definition.
pub type Excepted<'r> = (&'r Rule, Vec<&'r str>);

/// What a look at an audit event shows.
#[derive(Debug, PartialEq)]
pub enum Sight<'r> {
    /// It raises no alert: no rule matches but these.
    Quiet(Vec<Excepted<'r>>),
    /// It may raise some: it has to be read, and asked for its [`matches`](Matcher::matches).
    Loud,
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
            buffers: Buffers::default(),
            search: Search {
                decisions: Decisions::new(&rules.programs),
                room: rules.index.take_room(),
                matching: Vec::new(),
            },
        }
    }

    /// Looks at a document without reading it whole. Nothing is seen, `None`, unless the source is
    /// one JSON object and nothing else.
    pub fn look(&mut self, source: &str, place: Place<'_>) -> Option<Sight<'r>> {
        let rules = self.rules;
        let glance = Glance::read(source, place, &rules.outline, &mut self.buffers).ok()?;
        let (matching, facts) = self.search.run(rules, View::Glance(&glance));
        let excepted = matching.iter().map(|rule| rules.except(*rule, &facts));
        let excepted: Option<_> = excepted.collect();
        if glance.is_unsure() {
            return None;
        }
        Some(excepted.map_or(Sight::Loud, Sight::Quiet))
    }

    /// The rules that match an event, ordered by key.
    pub fn matches(&mut self, event: &Event) -> Vec<Match<'r>> {
        let rules = self.rules;
        rules.conclude(self.matching(event), event)
    }

    pub(super) fn matching(&mut self, event: &Event) -> &[RuleId] {
        self.search.run(self.rules, View::Event(event)).0
    }

    /// The rules that match, each with the exceptions that take that back, as far as a glance shows
    /// it of any part of an event.
    #[cfg(test)]
    pub(super) fn matching_in_part(
        &mut self,
        source: &str,
    ) -> Option<Vec<(RuleId, Option<Excepted<'r>>)>> {
        let rules = self.rules;
        let glance = Glance::read_part(source, &rules.outline, self.buffers.document()).ok()?;
        let (matching, facts) = self.search.run(rules, View::Glance(&glance));
        let matching = matching.iter();
        Some(
            matching
                .map(|&rule| (rule, rules.except(rule, &facts)))
                .collect(),
        )
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
    /// Finds the rules that match what is viewed, in place of what was found before, and the facts
    /// that it found out.
    fn run<'v, 's: 'v>(
        &'s mut self,
        rules: &'v RuleSet,
        view: View<'v>,
    ) -> (&'s [RuleId], Facts<'v>) {
        let Self {
            decisions,
            room,
            matching,
        } = self;
        let facts = Facts::new(view, &rules.programs, decisions);
        rules.index.candidates(&facts, room, matching);
        matching.retain(|&rule| rules.programs.holds(rule, &facts));
        (matching, facts)
    }
}
