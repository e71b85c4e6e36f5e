//! The conditions of rules and jobs.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::seconds;
use crate::{api::problem::Problem, detect::excerpt::cut};

/// Longest message of a condition, in characters.
const MESSAGE_LIMIT: usize = 1024;

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
    /// A part of what the job should read cannot be read.
    pub const DEGRADED: &str = "Degraded";
    /// Whether events show what the rule asks about.
    pub const OBSERVABLE: &str = "Observable";
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
    /// Most of what the job reads is no audit event.
    pub const NO_AUDIT_EVENTS: &str = "NoAuditEvents";
    /// An index of the source cannot be read.
    pub const INDEX_UNREADABLE: &str = "IndexUnreadable";
    /// Every event of the last hour could be decided.
    pub const DECIDED: &str = "Decided";
}

/// Conditions in the making: one that does not change keeps the time of its last transition.
pub(super) struct Conditions<'a> {
    before: &'a [Condition],
    generation: i64,
    now: Timestamp,
    list: Vec<Condition>,
}

impl<'a> Conditions<'a> {
    /// Conditions that follow those before.
    pub(super) fn new(before: &'a [Condition], generation: i64, now: Timestamp) -> Self {
        Self {
            before,
            generation,
            now,
            list: Vec::new(),
        }
    }

    /// Sets a condition.
    pub(super) fn set(&mut self, type_: &str, status: &str, reason: &str, message: &str) {
        let since = self
            .before(type_)
            .filter(|c| c.status == status)
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

    /// A condition as it was before.
    pub(super) fn before(&self, type_: &str) -> Option<&'a Condition> {
        self.before.iter().find(|c| c.type_ == type_)
    }

    /// Leaves a condition as it was before.
    pub(super) fn keep(&mut self, type_: &str) {
        if let Some(kept) = self.before(type_) {
            self.set(type_, &kept.status, &kept.reason, &kept.message);
        }
    }

    /// The conditions ordered by type.
    pub(super) fn in_order(mut self) -> Vec<Condition> {
        self.list.sort_by(|one, other| one.type_.cmp(&other.type_));
        self.list
    }

    /// Says that a spec is wrong, and what comes of it.
    pub(super) fn refuse(&mut self, problems: &[Problem], consequence: &str) {
        let reason = problems.first().map_or("SpecInvalid", Problem::reason);
        let problems: Vec<_> = problems.iter().map(Problem::to_string).collect();
        let message = format!("{consequence} {}", problems.join("; "));
        self.set(condition::READY, "False", reason, &message);
        self.repeat(condition::READY, condition::STALLED, "True");
    }

    /// Says with a second condition what a first one says.
    pub(super) fn repeat(&mut self, of: &str, type_: &str, status: &str) {
        if let Some(first) = self.list.iter().find(|c| c.type_ == of).cloned() {
            self.set(type_, status, &first.reason, &first.message);
        }
    }
}
