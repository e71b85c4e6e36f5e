//! Counts that go on: pipelines count from their start, a rule's status counts for ever.

use std::collections::BTreeMap;

use crate::{
    detect::event::gap::Gap,
    pipeline::{
        plan::PlanId,
        progress::{Progress, RuleMatches},
    },
};

/// Remembers how much of each pipeline's counts is accounted for.
#[derive(Debug, Default)]
pub struct Tally {
    seen: BTreeMap<PlanId, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    matches: BTreeMap<String, u64>,
    undecided: BTreeMap<(String, Gap), u64>,
}

/// What was counted since the last time, by the key of the rule.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// What was matched.
    pub matches: BTreeMap<String, RuleMatches>,
    /// What could not be decided, and in which job (`namespace/name`) last.
    pub undecided: BTreeMap<(String, Gap), (u64, String)>,
}

impl Tally {
    /// What was counted since the last call. A count that went back was begun anew.
    pub fn growth(&mut self, progress: &BTreeMap<PlanId, Progress>) -> Growth {
        let mut grown = Growth::default();
        for (plan, progress) in progress {
            let seen = self.seen.entry(plan.clone()).or_default();
            for (rule, RuleMatches { count, last }) in &progress.matches {
                let more = more(&mut seen.matches, rule, *count);
                if more > 0 {
                    let new = grown.matches.entry(rule.clone()).or_insert(RuleMatches {
                        count: 0,
                        last: *last,
                    });
                    new.count += more;
                    new.last = new.last.max(*last);
                }
            }
            for (gap, count) in &progress.undecided {
                let more = more(&mut seen.undecided, gap, *count);
                if more > 0 {
                    let new = grown.undecided.entry(gap.clone()).or_default();
                    *new = (new.0 + more, plan.to_string());
                }
            }
        }
        grown
    }

    /// Forgets the pipelines of jobs that are gone.
    pub fn retain(&mut self, keep: impl Fn(&PlanId) -> bool) {
        self.seen.retain(|plan, _| keep(plan));
    }
}

/// By how much a count has grown.
fn more<K: Clone + Ord>(seen: &mut BTreeMap<K, u64>, key: &K, count: u64) -> u64 {
    let before = seen.insert(key.clone(), count).unwrap_or_default();
    count.checked_sub(before).unwrap_or(count)
}
