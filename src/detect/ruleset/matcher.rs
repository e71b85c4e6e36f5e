//! Asks the rules of a set about one event after the other.

use super::{
    Decided, RuleSet,
    facts::{Decisions, Facts, View},
    index::Room,
    program::RuleId,
};
use crate::detect::{
    event::{Buffers, Event, Glance},
    layout::Place,
    rule::Match,
};

/// A set of rules with room for what it finds out about an event. The room is used again, so that
/// an event which no rule matches costs no memory.
#[derive(Debug)]
pub struct Matcher<'r> {
    rules: &'r RuleSet,
    buffers: Buffers,
    search: Search,
}

/// What a look at an audit event shows.
#[derive(Debug, PartialEq)]
pub enum Sight<'r> {
    /// It raises no alert: no rule matches but these, which are excepted or undecided.
    Quiet(Vec<Match<'r>>),
    /// It may raise some: it has to be read to [`conclude`](Matcher::conclude).
    Loud,
}

/// The room of a search.
#[derive(Debug)]
struct Search {
    decisions: Decisions,
    room: Room,
    candidates: Vec<RuleId>,
    matching: Vec<Decided>,
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
                candidates: Vec::new(),
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
        let quiet = matching.iter().map(|decided| rules.quiet(*decided, &facts));
        let quiet: Option<_> = quiet.collect();
        if glance.is_unsure() {
            return None;
        }
        Some(quiet.map_or(Sight::Loud, Sight::Quiet))
    }

    /// The rules that match an event, ordered by key.
    pub fn matches(&mut self, event: &Event) -> Vec<Match<'r>> {
        let rules = self.rules;
        rules.conclude(self.matching(event), event)
    }

    /// Returns the rules that match, as the last look has decided them, given the event that was
    /// looked at.
    pub fn conclude(&self, event: &Event) -> Vec<Match<'r>> {
        self.rules.conclude(&self.search.matching, event)
    }

    pub(super) fn matching(&mut self, event: &Event) -> &[Decided] {
        self.search.run(self.rules, View::Event(event)).0
    }

    /// The rules that match, each with what follows from it if that is no alert, as far as a glance
    /// shows it of any part of an event.
    #[cfg(test)]
    pub(super) fn matching_in_part(
        &mut self,
        source: &str,
    ) -> Option<Vec<(Decided, Option<Match<'r>>)>> {
        let rules = self.rules;
        let glance = Glance::read_part(source, &rules.outline, self.buffers.document()).ok()?;
        let (matching, facts) = self.search.run(rules, View::Glance(&glance));
        let matching = matching.iter();
        Some(
            matching
                .map(|&decided| (decided, rules.quiet(decided, &facts)))
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
    ) -> (&'s [Decided], Facts<'v>) {
        let Self {
            decisions,
            room,
            candidates,
            matching,
        } = self;
        let facts = Facts::new(view, &rules.programs, decisions);
        if facts.may_lack_anything() {
            candidates.clear();
            candidates.extend(0..rules.len());
        } else {
            rules.index.candidates(&facts, room, candidates);
        }
        let decide = |&rule: &RuleId| (rule, rules.programs.truth(rule, &facts));
        matching.clear();
        let decided = candidates.iter().map(decide);
        matching.extend(decided.filter(|(_, truth)| !truth.is_false()));
        (matching, facts)
    }
}
