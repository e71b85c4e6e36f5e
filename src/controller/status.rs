//! Statuses: pure functions from what is known to what is told.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

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

/// Longest message of a condition, in characters.
const MESSAGE_LIMIT: usize = 1024;

/// Longest message about the requirement of rules, in characters.
const PUSHDOWN_LIMIT: usize = 256;

/// The condition types in use.
pub mod condition {
    /// Whether the resource does its work.
    pub const READY: &str = "Ready";
    /// The resource cannot do its work before somebody changes it.
    pub const STALLED: &str = "Stalled";
    /// The resource is about to do its work.
    pub const RECONCILING: &str = "Reconciling";
    /// The job was told to rest.
    pub const SUSPENDED: &str = "Suspended";
    /// A static job has read and pushed everything.
    pub const COMPLETE: &str = "Complete";
    /// A static job cannot be run.
    pub const FAILED: &str = "Failed";
}

/// The reasons of conditions that are no problem of a spec and no fault of a server.
pub mod reason {
    /// The rule is valid and in force.
    pub const RULE_LOADED: &str = "RuleLoaded";
    /// The rule is valid and told to rest.
    pub const DISABLED: &str = "Disabled";
    /// The job was given to the pipeline.
    pub const STARTING: &str = "Starting";
    /// A streaming job follows its source.
    pub const STREAMING: &str = "Streaming";
    /// A static job reads its range.
    pub const RUNNING: &str = "Running";
    /// The job was told to rest.
    pub const SUSPENDED: &str = "Suspended";
    /// A static job is done.
    pub const COMPLETE: &str = "Complete";
    /// The API server drops the job's checkpoint.
    pub const CRD_OUTDATED: &str = "CRDOutdated";
    /// Somebody else has changed the job's checkpoint.
    pub const CHECKPOINT_TAMPERED: &str = "CheckpointTampered";
}

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

/// The status of a rule that `used_by` jobs use.
pub fn rule_status(entry: &RuleEntry, used_by: usize, now: Timestamp) -> K8sCopRuleStatus {
    let active = entry.active();
    K8sCopRuleStatus {
        conditions: rule_conditions(entry, now),
        observed_generation: Some(entry.facts.generation),
        revision: active.map(|rule| rule.revision().to_owned()),
        last_good: entry.good.as_ref().and_then(|good| good.kept.clone()),
        tests: tests(entry),
        matches: Some(entry.matched.map_or(0, |matched| number(matched.count))),
        last_match_time: entry.matched.map(|matched| seconds(matched.last)),
        used_by: Some(i32::try_from(used_by).unwrap_or(i32::MAX)),
    }
}

fn rule_conditions(entry: &RuleEntry, now: Timestamp) -> Vec<Condition> {
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
        events_read,
        alerts_created,
        alerts_duplicate,
        quarantined,
        alerts_late,
    } = progress.counts;
    status.events_read = Some(number(events_read));
    status.alerts_created = Some(number(alerts_created));
    status.alerts_duplicate = Some(number(alerts_duplicate));
    status.alerts_late = Some(number(alerts_late));
    status.quarantined = Some(number(quarantined));
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
    use condition::{COMPLETE, FAILED, READY, RECONCILING, SUSPENDED};
    let mut conditions = Conditions::new(&entry.status.conditions, entry.facts.generation, now);
    match work {
        Work::Refused(problems) => {
            conditions.refuse(problems, "The job does not run.");
            if is_beyond_mending(entry) {
                conditions.repeat(READY, FAILED, "True");
            }
        }
        Work::Done => {
            conditions.set(READY, "True", reason::COMPLETE, DONE);
            conditions.set(COMPLETE, "True", reason::COMPLETE, DONE);
        }
        Work::Suspended(_) => {
            conditions.set(READY, "True", reason::SUSPENDED, RESTS);
            conditions.set(SUSPENDED, "True", reason::SUSPENDED, RESTS);
        }
        Work::Run(plan) => match progress.map(|progress| &progress.state) {
            None | Some(State::Starting) => {
                conditions.set(READY, "Unknown", reason::STARTING, STARTS);
                conditions.set(RECONCILING, "True", reason::STARTING, STARTS);
            }
            Some(State::Running) if entry.is_pruned => {
                conditions.set(READY, "False", reason::CRD_OUTDATED, PRUNED);
            }
            Some(State::Running) => match plan.range {
                Range::Streaming { .. } => {
                    conditions.set(READY, "True", reason::STREAMING, STREAMS);
                }
                Range::Static { .. } => conditions.set(READY, "True", reason::RUNNING, RUNS),
            },
            Some(State::Waiting { reason, message }) => {
                conditions.set(READY, "False", reason.as_str(), message);
            }
            Some(State::Complete) => {
                conditions.set(READY, "True", reason::COMPLETE, DONE);
                conditions.set(COMPLETE, "True", reason::COMPLETE, DONE);
            }
        },
    }
    conditions.in_order()
}

/// A static job that converts, but has no range: its times cannot be changed any more.
fn is_beyond_mending(entry: &JobEntry) -> bool {
    let job = entry.outcome.as_ref();
    job.is_ok_and(|job| job.mode() == Mode::Static)
}

const DONE: &str = "Every event of the range is analysed, and its alerts are acknowledged.";
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

/// Conditions in the making: one that does not change keeps the time of its last transition.
struct Conditions<'a> {
    before: &'a [Condition],
    generation: i64,
    now: Timestamp,
    list: Vec<Condition>,
}

impl<'a> Conditions<'a> {
    fn new(before: &'a [Condition], generation: i64, now: Timestamp) -> Self {
        Self {
            before,
            generation,
            now,
            list: Vec::new(),
        }
    }

    fn set(&mut self, type_: &str, status: &str, reason: &str, message: &str) {
        let mut before = self.before.iter();
        let since = before
            .find(|c| c.type_ == type_ && c.status == status)
            .map_or_else(|| seconds(self.now), |c| c.last_transition_time.clone());
        self.list.push(Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: cut(message, MESSAGE_LIMIT).into_owned(),
            observed_generation: Some(self.generation),
            last_transition_time: since,
        });
    }

    /// The conditions ordered by type.
    fn in_order(mut self) -> Vec<Condition> {
        self.list.sort_by(|one, other| one.type_.cmp(&other.type_));
        self.list
    }

    /// Says that a spec is wrong, and what comes of it.
    fn refuse(&mut self, problems: &[Problem], consequence: &str) {
        let reason = problems.first().map_or("SpecInvalid", Problem::reason);
        let problems: Vec<_> = problems.iter().map(Problem::to_string).collect();
        let message = format!("{consequence} {}", problems.join("; "));
        self.set(condition::READY, "False", reason, &message);
        self.repeat(condition::READY, condition::STALLED, "True");
    }

    /// Says with a second condition what a first one says.
    fn repeat(&mut self, of: &str, type_: &str, status: &str) {
        if let Some(first) = self.list.iter().find(|c| c.type_ == of).cloned() {
            self.set(type_, status, &first.reason, &first.message);
        }
    }
}

#[cfg(test)]
mod tests;
