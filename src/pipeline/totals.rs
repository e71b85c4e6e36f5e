//! What was done since the process started, for metrics: numbers that only grow, also where work is
//! repeated after a fault. (The counts of a [`Checkpoint`](super::progress::Checkpoint) tell what
//! is in the sink instead.)

use std::collections::BTreeMap;

use crate::{detect::event::gap::Gap, pipeline::ports::FaultReason};

/// The totals of one job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Pages analysed.
    pub pages: u64,
    /// Audit events analysed.
    pub events: u64,
    /// Events of which the end is missing: part of `events`.
    pub events_cut_off: u64,
    /// Documents, and elements of batches, that hold no audit event that could be read.
    pub quarantined: u64,
    /// Times that a rule could not decide an event, by the reason.
    pub undecided: BTreeMap<Gap, u64>,
    /// Alerts that were new in the sink.
    pub alerts_created: u64,
    /// Alerts that the sink had already.
    pub alerts_duplicate: u64,
    /// Alerts that had to be sent again.
    pub alerts_retried: u64,
    /// Refusals of an alert for what is in it.
    pub alerts_rejected: u64,
    /// Alerts whose id was held by another one, so that they got one of their own.
    pub alerts_taken: u64,
    /// Alerts that are kept as a text in the quarantine index, for theirs refused them.
    pub alerts_quarantined: u64,
    /// Faults of servers, after each of which something was tried again.
    pub faults: BTreeMap<FaultReason, u64>,
    /// Times that the pipeline broke and began again.
    pub restarts: u64,
}
