//! How far a plan has come: what the supervisor reports and a job's status repeats.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    detect::event::gap::Gap,
    pipeline::{
        ledger::Ledger,
        ports::{Coverage, FaultReason},
        pushdown::Pushdown,
        recent::Contents,
    },
};

/// The point up to which everything is done: every event before `watermark` that could be read
/// was analysed, and its alerts are acknowledged. The counts are those of the moment of commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// Exclusive end of what is done.
    pub watermark: Timestamp,
    /// Counts up to there.
    pub counts: Counts,
    /// What was read of the last day, by which late documents are noticed.
    #[serde(default)]
    pub ledger: Ledger,
    /// Since when rules are in force that the job did not begin with: late documents from before
    /// are not theirs. By the rule's key; rules older than a day are not told.
    #[serde(default)]
    pub active_from: BTreeMap<String, Timestamp>,
    /// Revision of the rules that a static range is read with. Another one begins it anew, so that
    /// a checkpoint with the new one replaces one with the old, wherever their watermarks are.
    #[serde(default)]
    pub rules_revision: Option<String>,
}

/// What a plan has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Documents read: those that the source left out are not among them.
    #[serde(default)]
    pub documents_read: u64,
    /// Audit events read: a document may hold several, or none.
    pub events_read: u64,
    /// Alerts that were new in the sink.
    pub alerts_created: u64,
    /// Alerts that the sink had already.
    pub alerts_duplicate: u64,
    /// Documents, and elements of batches, that hold no audit event that could be read.
    pub quarantined: u64,
    /// Alerts about documents that became searchable late: part of `alerts_created`.
    #[serde(default)]
    pub alerts_late: u64,
    /// Times that a rule could not decide an event: an event counts once for each such rule.
    #[serde(default)]
    pub undecided: u64,
    /// Events of which the end is missing: part of `events_read`.
    #[serde(default)]
    pub events_cut_off: u64,
}

/// The state of one plan, replaced as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// What it is doing.
    pub state: State,
    /// The last commit.
    pub checkpoint: Option<Checkpoint>,
    /// Counts now, the open window included.
    pub counts: Counts,
    /// Rules in the set that is loaded.
    pub rules_loaded: usize,
    /// Revision of that set.
    pub rules_revision: String,
    /// Documents that lack the time field or have a time before 2014, when there was no
    /// Kubernetes: no sensible window holds them. Counted once an hour.
    pub without_time: Option<u64>,
    /// Indices of the source that cannot be read and are left out, at most [`MOST_NAMED`] of them.
    /// When one can be read again, its documents are late ones.
    pub degraded: Vec<Degraded>,
    /// Number of all indices that are left out.
    pub degraded_count: u64,
    /// Indices whose documents the source rebuilds from what it has indexed, so that lists are not
    /// as they were written; at most [`MOST_NAMED`] of them.
    pub rebuilt: Vec<String>,
    /// Number of all indices whose documents are rebuilt.
    pub rebuilt_count: u64,
    /// What the source made of the requirement of the rules, when a window was last opened.
    pub pushdown: Option<Pushdown>,
    /// Seconds between the source's clock and the watermark.
    pub lag_seconds: Option<i64>,
    /// Share of a static range that is done, 0 to 100.
    pub percent: Option<u8>,
    /// Matches of each rule (by its key) since this process started.
    pub matches: BTreeMap<String, RuleMatches>,
    /// Events that each rule (by its key) could not decide, by the reason, since this process
    /// started.
    pub undecided: BTreeMap<(String, Gap), u64>,
    /// Events that the source left out since this process started, at least so many.
    pub left_out: u64,
    /// Contents of the documents that were read last, at least fifty of them, with the events that
    /// the source left out.
    pub recent: Contents,
    /// The first documents that hold no audit event, at most [`MOST_NAMED`] of them.
    pub rejected: Vec<Rejected>,
}

impl Progress {
    /// The progress of a plan of which nothing else is known.
    pub fn new(state: State) -> Self {
        Self {
            state,
            checkpoint: None,
            counts: Counts::default(),
            rules_loaded: 0,
            rules_revision: String::new(),
            without_time: None,
            degraded: Vec::new(),
            degraded_count: 0,
            rebuilt: Vec::new(),
            rebuilt_count: 0,
            pushdown: None,
            lag_seconds: None,
            percent: None,
            matches: BTreeMap::new(),
            undecided: BTreeMap::new(),
            left_out: 0,
            recent: Contents::default(),
            rejected: Vec::new(),
        }
    }

    /// Takes note of what is left out of the source and what is rebuilt.
    pub fn cover(&mut self, coverage: &Coverage) {
        self.degraded_count = coverage.left_out.len() as u64;
        self.degraded = coverage.left_out.iter().take(MOST_NAMED).cloned().collect();
        self.rebuilt_count = coverage.rebuilt.len() as u64;
        self.rebuilt = coverage.rebuilt.iter().take(MOST_NAMED).cloned().collect();
    }
}

/// The most indices, or documents, that [`Progress`] names of a kind.
pub const MOST_NAMED: usize = 8;

/// An index of a source that is left out because it cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Degraded {
    /// Concrete index.
    pub index: String,
    /// The reason and the remedy, in one sentence of our own words of at most 256 characters.
    pub message: String,
}

/// A document that holds no audit event that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Concrete index.
    pub index: String,
    /// Its id there.
    pub id: String,
    /// The reason, at most 256 characters.
    pub reason: String,
}

/// How often a rule matched, and when last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleMatches {
    /// Alerts made since this process started.
    pub count: u64,
    /// Time of the last one by the event's own clock.
    pub last: Timestamp,
}

/// What a plan is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Started, nothing read yet.
    Starting,
    /// Reading and pushing.
    Running,
    /// A fault stands in the way; it is retried until it passes.
    Waiting {
        /// The kind of fault.
        reason: FaultReason,
        /// One sentence in our own words.
        message: String,
    },
    /// A static plan has read and pushed everything.
    Complete,
}
