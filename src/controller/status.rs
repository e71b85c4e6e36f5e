//! Statuses: pure functions from what is known to what is told.

mod conditions;
mod observable;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use self::conditions::Conditions;
pub use self::conditions::{condition, reason};
use super::{
    checkpoint::{Term, number},
    entry::{JobEntry, RuleEntry},
};
use crate::{
    api::{
        job::Mode,
        problem::Problem,
        status::{
            AnalysisJobStatus, K8sCopRuleStatus, PushdownState, PushdownStatus, ResolvedRange,
            TestCounts,
        },
    },
    detect::excerpt::cut,
    pipeline::{
        plan::{Plan, Range},
        progress::{Counts, Progress, State},
        pushdown::Pushdown,
    },
};

/// Longest message about the requirement of rules, in characters.
const PUSHDOWN_LIMIT: usize = 256;

/// What is to be done with a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Nothing: its spec is wrong.
    Refused(Vec<Problem>),
    /// Nothing: it is done.
    Done,
    /// Nothing for now: it was told to rest.
    Suspended(Range),
    /// It is run.
    Run(Box<Plan>),
}

/// How jobs use a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// Number of jobs that use it.
    pub jobs: usize,
    /// Whether one of them has read events.
    pub is_evaluated: bool,
}

/// The status of a rule that jobs use like this.
pub fn rule_status(entry: &RuleEntry, used: Use, now: Timestamp) -> K8sCopRuleStatus {
    let active = entry.active();
    K8sCopRuleStatus {
        conditions: rule_conditions(entry, used, now),
        observed_generation: Some(entry.facts.generation),
        revision: active.map(|rule| rule.revision().to_owned()),
        last_good: entry.good.as_ref().and_then(|good| good.kept.clone()),
        tests: tests(entry),
        matches: Some(entry.matched.map_or(0, |matched| number(matched.count))),
        undecided: Some(number(entry.undecided.total)),
        last_match_time: entry.matched.map(|matched| seconds(matched.last)),
        used_by: Some(i32::try_from(used.jobs).unwrap_or(i32::MAX)),
    }
}

fn rule_conditions(entry: &RuleEntry, used: Use, now: Timestamp) -> Vec<Condition> {
    let mut conditions = Conditions::new(&entry.status.conditions, entry.facts.generation, now);
    match &entry.outcome {
        Ok(_) if entry.disabled => {
            conditions.set(condition::READY, "True", reason::DISABLED, DISABLED);
        }
        Ok(_) => {
            let kept = entry.good.as_ref().is_some_and(|good| good.kept.is_some());
            let message = if kept { LOADED } else { LOADED_NOT_KEPT };
            conditions.set(condition::READY, "True", reason::RULE_LOADED, message);
        }
        Err(problems) => {
            let consequence = match entry.active() {
                Some(rule) => format!("The last good revision {} stays active.", rule.revision()),
                None => "The rule is not loaded.".to_owned(),
            };
            conditions.refuse(problems, &consequence);
        }
    }
    observable::observe(&mut conditions, &entry.undecided, used, now);
    conditions.in_order()
}

const LOADED: &str = "The rule is valid and in force in every job that selects it.";
const LOADED_NOT_KEPT: &str = "The rule is valid and in force in every job that selects it. Its \
    spec is larger than 32 KiB and is not kept: a broken edit would stop it at the next restart.";
const DISABLED: &str = "The rule is valid and not loaded, as its state asks.";

fn tests(entry: &RuleEntry) -> Option<TestCounts> {
    let failed = match &entry.outcome {
        Ok(_) => 0,
        Err(problems) => {
            let place = |problem: &Problem| problem.place().strip_prefix("spec.tests").is_some();
            if !problems.iter().all(place) {
                return None;
            }
            let tests = problems
                .iter()
                .map(|problem| problem.place().split(']').next());
            tests.collect::<std::collections::BTreeSet<_>>().len()
        }
    };
    let count = |tests: usize| i32::try_from(tests).unwrap_or(i32::MAX);
    (entry.tests > 0).then(|| TestCounts {
        passed: count(entry.tests.saturating_sub(failed)),
        failed: count(failed),
    })
}

/// The status of a job.
pub fn job_status(
    entry: &JobEntry,
    work: &Work,
    progress: Option<&Progress>,
    term: &Term,
    now: Timestamp,
) -> AnalysisJobStatus {
    let before = &entry.status;
    let own = progress.and_then(|progress| progress.checkpoint.as_ref());
    let mut status = AnalysisJobStatus {
        conditions: job_conditions(entry, work, progress, now),
        observed_generation: Some(entry.facts.generation),
        checkpoint: entry.custody.keep(own, term),
        lag_seconds: None,
        ..before.clone()
    };
    let range = match work {
        Work::Run(plan) => Some(&plan.range),
        Work::Suspended(range) => Some(range),
        Work::Refused(_) | Work::Done => None,
    };
    if let Some(range) = range {
        status.range = Some(resolved(range));
    }
    let Some(progress) = progress else {
        return status;
    };
    match work {
        Work::Run(plan) => {
            tell_progress(&mut status, progress);
            let streaming = matches!(plan.range, Range::Streaming { .. });
            status.lag_seconds = progress.lag_seconds.filter(|_| streaming);
            status.progress_percent = progress.percent.filter(|_| !streaming).map(i32::from);
            status.started_at.get_or_insert_with(|| seconds(now));
            if progress.state == State::Complete {
                status.completed_at.get_or_insert_with(|| seconds(now));
            }
        }
        Work::Suspended(_) => tell_progress(&mut status, progress),
        Work::Refused(_) | Work::Done => {}
    }
    status
}

fn tell_progress(status: &mut AnalysisJobStatus, progress: &Progress) {
    let Counts {
        documents_read,
        events_read,
        alerts_created,
        alerts_duplicate,
        quarantined,
        alerts_late,
        undecided,
        events_cut_off,
    } = progress.counts;
    status.documents_read = Some(number(documents_read));
    status.events_read = Some(number(events_read));
    status.alerts_created = Some(number(alerts_created));
    status.alerts_duplicate = Some(number(alerts_duplicate));
    status.alerts_late = Some(number(alerts_late));
    status.quarantined = Some(number(quarantined));
    status.undecided = Some(number(undecided));
    status.events_cut_off = Some(number(events_cut_off));
    status.lists_rebuilt.clone_from(&progress.rebuilt);
    if let Some(documents) = progress.without_time {
        status.documents_without_time = Some(number(documents));
    }
    if let Some(pushdown) = &progress.pushdown {
        status.pushdown = Some(pushdown_status(pushdown));
    }
    status.rules_loaded = Some(i32::try_from(progress.rules_loaded).unwrap_or(i32::MAX));
    status.rules_revision = Some(progress.rules_revision.clone());
}

fn pushdown_status(pushdown: &Pushdown) -> PushdownStatus {
    let (state, message) = match pushdown {
        Pushdown::On(fields) => (PushdownState::Active, format!("By {}.", fields.join(", "))),
        Pushdown::Off(why) => (PushdownState::Inactive, sentence(why)),
    };
    PushdownStatus {
        state,
        message: cut(&message, PUSHDOWN_LIMIT).into_owned(),
    }
}

/// A part of a sentence as a whole one.
fn sentence(part: &str) -> String {
    let mut signs = part.chars();
    let first = signs.next().map(|sign| sign.to_ascii_uppercase());
    let signs = first.into_iter().chain(signs).chain(['.']);
    signs.collect()
}

fn job_conditions(
    entry: &JobEntry,
    work: &Work,
    progress: Option<&Progress>,
    now: Timestamp,
) -> Vec<Condition> {
    use condition::{COMPLETE, DEGRADED, FAILED, READY, SUSPENDED};
    let mut conditions = Conditions::new(&entry.status.conditions, entry.facts.generation, now);
    match work {
        Work::Refused(problems) => {
            conditions.refuse(problems, "The job does not run.");
            if is_beyond_mending(entry) {
                conditions.repeat(READY, FAILED, "True");
            }
        }
        Work::Done => {
            for type_ in [READY, COMPLETE, DEGRADED] {
                conditions.keep(type_);
            }
        }
        Work::Suspended(_) => {
            conditions.set(READY, "True", reason::SUSPENDED, RESTS);
            conditions.set(SUSPENDED, "True", reason::SUSPENDED, RESTS);
        }
        Work::Run(plan) => match progress {
            None => start(&mut conditions),
            Some(progress) => run(&mut conditions, plan, progress, entry.is_pruned),
        },
    }
    conditions.in_order()
}

fn start(conditions: &mut Conditions<'_>) {
    conditions.set(condition::READY, "Unknown", reason::STARTING, STARTS);
    conditions.set(condition::RECONCILING, "True", reason::STARTING, STARTS);
}

fn run(conditions: &mut Conditions<'_>, plan: &Plan, progress: &Progress, is_pruned: bool) {
    use condition::{COMPLETE, DEGRADED, READY};
    let is_static = matches!(plan.range, Range::Static { .. });
    let foreign = observable::foreign(progress, is_static);
    let degraded = observable::degraded(progress);
    match (&progress.state, &foreign) {
        (State::Starting, _) => start(conditions),
        (State::Running, _) if is_pruned => {
            conditions.set(READY, "False", reason::CRD_OUTDATED, PRUNED);
        }
        (State::Running | State::Complete, Some(foreign)) => {
            conditions.set(READY, "False", reason::NO_AUDIT_EVENTS, foreign);
        }
        (State::Running, None) if is_static => {
            conditions.set(READY, "True", reason::RUNNING, RUNS);
        }
        (State::Running, None) => conditions.set(READY, "True", reason::STREAMING, STREAMS),
        (State::Waiting { reason, message }, _) => {
            conditions.set(READY, "False", reason.as_str(), message);
        }
        (State::Complete, None) => {
            let message = if degraded.is_some() {
                DONE_IN_PART
            } else {
                DONE
            };
            conditions.set(READY, "True", reason::COMPLETE, message);
        }
    }
    if progress.state == State::Complete {
        let message = if degraded.is_some() {
            DONE_IN_PART
        } else {
            DONE
        };
        conditions.set(COMPLETE, "True", reason::COMPLETE, message);
    }
    if let Some(message) = degraded {
        conditions.set(DEGRADED, "True", reason::INDEX_UNREADABLE, &message);
    }
}

/// A static job that converts, but has no range: its times cannot be changed any more.
fn is_beyond_mending(entry: &JobEntry) -> bool {
    let job = entry.outcome.as_ref();
    job.is_ok_and(|job| job.mode() == Mode::Static)
}

const DONE: &str = "Every event of the range is analysed, and its alerts are acknowledged.";
const DONE_IN_PART: &str = "Every event of the range that could be read is analysed, and its \
    alerts are acknowledged; the condition Degraded names the indices that could not be read.";
const RESTS: &str = "The job is suspended: nothing is read, and the checkpoint is kept.";
const STARTS: &str = "The job is about to start.";
const STREAMS: &str = "The job follows its source.";
const RUNS: &str = "The job reads its range.";
const PRUNED: &str = "Events are analysed, but the API server drops the checkpoint: its custom \
    resource definitions are older than the operator. Apply those of its version (k8scop crds); \
    until then the job begins anew at each restart.";

/// Whether a status says that its job is done.
pub fn is_complete(status: &AnalysisJobStatus) -> bool {
    let done = |c: &Condition| c.type_ == condition::COMPLETE && c.status == "True";
    status.conditions.iter().any(done)
}

fn resolved(range: &Range) -> ResolvedRange {
    match range {
        Range::Static { start, end } => ResolvedRange {
            start: Time(*start),
            end: Some(Time(*end)),
        },
        Range::Streaming { start } => ResolvedRange {
            start: Time(*start),
            end: None,
        },
    }
}

/// A time as Kubernetes writes it: whole seconds.
fn seconds(time: Timestamp) -> Time {
    Time(Timestamp::from_second(time.as_second()).expect("it was a time before"))
}

#[cfg(test)]
mod tests;
