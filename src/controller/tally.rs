//! Counts that go on: pipelines count from their start, a rule's status counts for ever.

use std::collections::BTreeMap;

use crate::pipeline::{
    plan::PlanId,
    progress::{Progress, RuleMatches},
};

/// Remembers how much of each pipeline's counts is accounted for.
#[derive(Debug, Default)]
pub struct Tally {
    seen: BTreeMap<PlanId, BTreeMap<String, u64>>,
}

impl Tally {
    /// What was matched since the last call, by the key of the rule. A count that went back was
    /// begun anew.
    pub fn growth(
        &mut self,
        progress: &BTreeMap<PlanId, Progress>,
    ) -> BTreeMap<String, RuleMatches> {
        let mut grown: BTreeMap<String, RuleMatches> = BTreeMap::new();
        for (plan, progress) in progress {
            let seen = self.seen.entry(plan.clone()).or_default();
            for (rule, RuleMatches { count, last }) in &progress.matches {
                let before = seen.insert(rule.clone(), *count).unwrap_or_default();
                let more = count.checked_sub(before).unwrap_or(*count);
                if more > 0 {
                    let new = grown.entry(rule.clone()).or_insert(RuleMatches {
                        count: 0,
                        last: *last,
                    });
                    new.count += more;
                    new.last = new.last.max(*last);
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
