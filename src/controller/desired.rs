//! What should be: one pure function from what the cluster holds and how far the pipelines have
//! come to plans and statuses. What is absent from it is to be stopped.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{
    checkpoint::{self, Term},
    entry::{JobEntry, RuleEntry},
    index::{Index, Key},
    status::{self, Use, Work},
};
use crate::{
    api::{
        convert::Job,
        status::{AnalysisJobStatus, K8sCopRuleStatus},
    },
    detect::rule::Rule,
    pipeline::{
        plan::{Plan, PlanId},
        progress::Progress,
    },
};

/// What should be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    /// What is to run, ordered by job.
    pub plans: Vec<Plan>,
    /// What is to be told about each rule.
    pub rule_statuses: BTreeMap<Key, K8sCopRuleStatus>,
    /// What is to be told about each job.
    pub job_statuses: BTreeMap<Key, AnalysisJobStatus>,
}

/// Decides what should be. Before the first lists are complete that is nothing: events must not
/// be analysed with rules that only seem to be all there are.
pub fn desired(
    index: &Index,
    progress: &BTreeMap<PlanId, Progress>,
    term: &Term,
    now: Timestamp,
) -> Desired {
    let mut desired = Desired::default();
    if !index.is_listed() {
        return desired;
    }
    let mut uses: BTreeMap<&str, Use> = BTreeMap::new();
    let works: Vec<_> = index
        .jobs()
        .iter()
        .map(|(key, entry)| (key, entry, work(index, entry)))
        .collect();
    for (key, entry, work) in &works {
        let progress = progress.get(&entry.plan_id());
        let told = status::job_status(entry, work, progress, term, now);
        desired.job_statuses.insert((*key).clone(), told);
        if let Work::Run(plan) = work {
            let has_read = progress.is_some_and(|progress| progress.counts.events_read > 0);
            for rule in plan.rules.iter() {
                let used = uses.entry(rule.key()).or_default();
                used.jobs += 1;
                used.is_evaluated |= has_read;
            }
        }
    }
    for (key, entry) in index.rules() {
        let used = uses.get(entry.facts.key().as_str()).copied();
        let told = status::rule_status(entry, used.unwrap_or_default(), now);
        desired.rule_statuses.insert(key.clone(), told);
    }
    desired.plans = works
        .into_iter()
        .filter_map(|(_, _, work)| match work {
            Work::Run(plan) => Some(*plan),
            _ => None,
        })
        .collect();
    desired
}

fn work(index: &Index, entry: &JobEntry) -> Work {
    if status::is_complete(&entry.status) {
        return Work::Done;
    }
    let job = match &entry.outcome {
        Ok(job) => job,
        Err(problems) => return Work::Refused(problems.clone()),
    };
    let range = match job.range(entry.facts.created) {
        Ok(range) => range,
        Err(problem) => return Work::Refused(vec![problem]),
    };
    if job.is_suspended() {
        return Work::Suspended(range);
    }
    let rules = rules_of(job, &entry.facts.namespace, index.rules().values());
    let resume = checkpoint::of_status(&entry.status);
    Work::Run(Box::new(job.plan(entry.plan_id(), range, rules, resume)))
}

/// The rules that a job of this namespace is run with, ordered by key.
pub fn rules_of<'a>(
    job: &Job,
    namespace: &str,
    rules: impl Iterator<Item = &'a RuleEntry>,
) -> Arc<[Arc<Rule>]> {
    let mut rules: Vec<Arc<Rule>> = rules
        .filter(|rule| job.selects(namespace, &rule.facts.namespace, &rule.facts.labels))
        .filter_map(|rule| rule.active().cloned())
        .collect();
    rules.sort_by(|one, other| one.key().cmp(other.key()));
    rules.into()
}

#[cfg(test)]
mod tests;
