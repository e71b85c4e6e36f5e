//! Patterns of one field that hold no text to look for, run together: one pass of an automaton over
//! a value finds all that match it.
//!
//! The automaton is built while it runs, in room of bounded size that each matcher has for itself.

use std::fmt;

use regex_automata::{
    Input, MatchKind, PatternSet,
    hybrid::dfa::{Cache, DFA},
    nfa::thompson::{self, WhichCaptures},
};

use super::program::RuleId;
use crate::detect::pattern::haystack;

/// Patterns of one automaton: with more of them its states become too many to be built ahead.
const PATTERNS: usize = 50;
/// Bytes of the patterns of one automaton when they are compiled.
const COMPILED_BYTES: usize = 4 << 20;
/// Bytes of the states of one automaton that are kept. When they are full they are built anew.
const STATE_BYTES: usize = 2 << 20;
/// How often they may be full before the automaton gives up on a value where that is slow.
const FULL: usize = 3;

/// Patterns that are run together.
pub struct SharedPatterns {
    automaton: DFA,
    /// The rules of each pattern, by its number in the automaton.
    rules: Vec<Vec<RuleId>>,
}

/// What one matcher has built of an automaton.
#[derive(Debug)]
pub struct Room {
    states: Cache,
    matching: PatternSet,
}

/// A pattern and the rules that ask for it.
type Entry = (String, Vec<RuleId>);

impl SharedPatterns {
    /// Adds automata for all patterns to a list. The rules of those that are too large to share one
    /// are given back.
    pub fn all(entries: Vec<Entry>, shared: &mut Vec<Self>) -> Vec<RuleId> {
        let mut too_large = Vec::new();
        let mut parts: Vec<_> = entries.chunks(PATTERNS).collect();
        while let Some(part) = parts.pop() {
            match (compile(part), part) {
                (Some(automaton), _) => {
                    let rules = part.iter().map(|(_, rules)| rules.clone()).collect();
                    shared.push(Self { automaton, rules });
                }
                (None, [(_, rules)]) => too_large.extend(rules),
                (None, _) => {
                    let (one, other) = part.split_at(part.len() / 2);
                    parts.extend([one, other]);
                }
            }
        }
        too_large
    }

    /// Room for one matcher.
    pub fn room(&self) -> Room {
        Room {
            states: self.automaton.create_cache(),
            matching: PatternSet::new(self.rules.len()),
        }
    }

    /// Adds the rules whose pattern matches a value; all of them where the automaton gives up.
    pub fn candidates(&self, value: &str, room: &mut Room, candidates: &mut Vec<RuleId>) {
        let Room { states, matching } = room;
        matching.clear();
        let input = Input::new(haystack(value));
        let found = self
            .automaton
            .try_which_overlapping_matches(states, &input, matching);
        match found {
            Ok(()) => {
                for pattern in matching.iter() {
                    candidates.extend(&self.rules[pattern.as_usize()]);
                }
            }
            Err(_) => candidates.extend(self.rules.iter().flatten()),
        }
    }
}

fn compile(entries: &[Entry]) -> Option<DFA> {
    let patterns: Vec<_> = entries.iter().map(|(text, _)| text).collect();
    let compiled = thompson::Config::new()
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(COMPILED_BYTES));
    let nfa = thompson::Compiler::new()
        .configure(compiled)
        .build_many(&patterns)
        .ok()?;
    let built = DFA::config()
        .match_kind(MatchKind::All)
        .unicode_word_boundary(true)
        .cache_capacity(STATE_BYTES)
        .skip_cache_capacity_check(true)
        .minimum_cache_clear_count(Some(FULL))
        .minimum_bytes_per_state(Some(10));
    DFA::builder().configure(built).build_from_nfa(nfa).ok()
}

impl fmt::Debug for SharedPatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns = &mut f.debug_struct("SharedPatterns");
        patterns.field("rules", &self.rules).finish_non_exhaustive()
    }
}
