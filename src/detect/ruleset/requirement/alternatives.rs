//! Alternatives of which one holds, kept short.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{FIELDS, Rank, USUAL};

/// For each of some fields, the values of which it has one.
pub(super) type Conjunction = BTreeMap<Rank, BTreeSet<String>>;

/// Alternatives of one rule at most: with more of them, what is asked on top is not told.
const OF_ONE_RULE: usize = 64;

/// One of these holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alternatives(Vec<Conjunction>);

impl Alternatives {
    pub(super) fn new(alternatives: Vec<Conjunction>) -> Self {
        Self(merged(alternatives))
    }

    pub(super) fn into_vec(self) -> Vec<Conjunction> {
        self.0
    }

    /// Whether each speaks of a field that is in most events.
    pub(super) fn are_telling(&self) -> bool {
        let is_telling = |all: &Conjunction| all.keys().next().is_some_and(|rank| *rank < USUAL);
        self.0.iter().all(is_telling)
    }

    /// Both hold; of what would make too many alternatives, the shorter one.
    pub(super) fn and(self, other: Self) -> Self {
        if self.0.len() * other.0.len() > OF_ONE_RULE {
            return std::cmp::min_by_key(self, other, |one| one.0.len());
        }
        let both = self
            .0
            .iter()
            .flat_map(|one| other.0.iter().map(|other| both(one, other)));
        Self::new(both.collect())
    }
}

/// A field may have several values, so that of two sets both may hold one: the smaller stays.
fn both(one: &Conjunction, other: &Conjunction) -> Conjunction {
    let mut both = one.clone();
    for (rank, values) in other {
        let known = both.entry(*rank).or_insert_with(|| values.clone());
        if values.len() < known.len() {
            known.clone_from(values);
        }
    }
    both
}

/// The alternatives with no more than so many of them, and so many bytes: fields that tell little
/// are forgotten one by one until they fit. `None` if they never do.
pub(super) fn fitting(
    alternatives: Vec<Conjunction>,
    count: usize,
    bytes: usize,
) -> Option<Vec<Conjunction>> {
    let mut alternatives = merged(alternatives);
    for least in (1..=FIELDS.len()).rev() {
        if alternatives.len() <= count && size(&alternatives) <= bytes {
            return Some(alternatives);
        }
        alternatives
            .iter_mut()
            .filter(|all| all.len() > 1)
            .for_each(|all| drop(all.remove(&(least - 1))));
        alternatives = merged(alternatives);
    }
    None
}

fn size(alternatives: &[Conjunction]) -> usize {
    let values = alternatives.iter().flat_map(BTreeMap::values).flatten();
    values.map(String::len).sum()
}

/// The same said shorter: what differs in one field only becomes one, what another alternative
/// covers is left out.
fn merged(mut alternatives: Vec<Conjunction>) -> Vec<Conjunction> {
    loop {
        let before = alternatives.len();
        for rank in 0..FIELDS.len() {
            alternatives = merged_in(alternatives, rank);
        }
        if alternatives.len() == before {
            break;
        }
    }
    alternatives.sort();
    if alternatives.len() <= 4 * OF_ONE_RULE {
        uncovered(alternatives)
    } else {
        alternatives
    }
}

/// Those that are alike in all other fields, as one.
fn merged_in(alternatives: Vec<Conjunction>, rank: Rank) -> Vec<Conjunction> {
    let mut alike: HashMap<Vec<(Rank, BTreeSet<String>)>, usize> = HashMap::new();
    let mut merged: Vec<Conjunction> = Vec::new();
    for mut all in alternatives {
        let Some(values) = all.remove(&rank) else {
            merged.push(all);
            continue;
        };
        let others: Vec<_> = all.into_iter().collect();
        match alike.get(&others) {
            Some(&known) => merged[known].entry(rank).or_default().extend(values),
            None => {
                alike.insert(others.clone(), merged.len());
                let mut all: Conjunction = others.into_iter().collect();
                all.insert(rank, values);
                merged.push(all);
            }
        }
    }
    merged
}

fn uncovered(alternatives: Vec<Conjunction>) -> Vec<Conjunction> {
    let is_covered = |(position, all): (usize, &Conjunction)| {
        let mut others = alternatives.iter().enumerate();
        // Of two that cover each other the first stays.
        others.any(|(other, more)| {
            other != position && covers(more, all) && (other < position || !covers(all, more))
        })
    };
    let keep: Vec<bool> = alternatives
        .iter()
        .enumerate()
        .map(|entry| !is_covered(entry))
        .collect();
    let kept = alternatives.into_iter().zip(keep);
    kept.filter_map(|(all, keep)| keep.then_some(all)).collect()
}

/// Whether one holds wherever the other does.
fn covers(one: &Conjunction, other: &Conjunction) -> bool {
    one.iter().all(|(rank, values)| {
        other
            .get(rank)
            .is_some_and(|narrower| narrower.is_subset(values))
    })
}
