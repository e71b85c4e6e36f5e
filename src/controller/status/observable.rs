//! Conditions about what was read: rules that cannot decide, jobs that read no audit events, indices
//! that cannot be read.

use jiff::Timestamp;

use super::{
    Use,
    conditions::{Conditions, condition::OBSERVABLE, reason},
};
use crate::{
    controller::{
        undecided::{LastHour, Undecided},
        words::grouped,
    },
    pipeline::{progress::Progress, pushdown::Pushdown, recent::Contents},
};

/// Unreadable indices that a condition names.
const NAMED: usize = 2;

const DECIDED: &str = "No event of the last hour was undecided for the rule.";
const REMEDY: &str = "set spec.source.layoutPath, or name with spec.source.index and \
    spec.source.filter what holds audit events";

/// Says whether events show what a rule asks about. Until a new process knows, that is what was said
/// before.
pub(super) fn observe(
    conditions: &mut Conditions<'_>,
    undecided: &Undecided,
    used: Use,
    now: Timestamp,
) {
    let before = conditions.before(OBSERVABLE);
    let was = |status: &str| before.is_some_and(|before| before.status == status);
    let is_in_use = used.is_evaluated || (used.jobs > 0 && before.is_some());
    match undecided.last_hour(now) {
        LastHour::Undecided { gap, message } => {
            conditions.set(OBSERVABLE, "False", gap.word(), &message);
        }
        LastHour::Unknown if was("False") => conditions.keep(OBSERVABLE),
        LastHour::Unknown | LastHour::Decided if is_in_use => {
            conditions.set(OBSERVABLE, "True", reason::DECIDED, DECIDED);
        }
        LastHour::Unknown | LastHour::Decided => {}
    }
}

/// Says that most of what a job reads is no audit event. A static job goes by all that it has read,
/// a streaming one by what it has read last.
pub(super) fn foreign(progress: &Progress, is_static: bool) -> Option<String> {
    let counts = progress.counts;
    let all = Contents {
        events: counts.events_read + progress.left_out,
        rejected: counts.quarantined,
    };
    let is_new = progress.recent.total() == 0;
    let recent = match is_static || is_new {
        true => all,
        false => progress.recent,
    };
    // The checkpoint does not say what an earlier process has left out.
    let is_unknown = is_new && matches!(progress.pushdown, Some(Pushdown::On(_)));
    if !recent.is_foreign() || (is_unknown && !is_static) {
        return None;
    }
    let of_all =
        |rejected, all| format!("{} of {} documents hold", grouped(rejected), grouped(all));
    let documents = match all.is_foreign() {
        true => of_all(
            all.rejected,
            counts.documents_read.max(all.rejected) + progress.left_out,
        ),
        false => format!(
            "{} of the last {} documents hold",
            grouped(recent.rejected),
            grouped(recent.total())
        ),
    };
    let first = progress.rejected.first().map(|document| {
        let reason = &document.reason;
        format!(" ({}/{}: {reason})", document.index, document.id)
    });
    let first = first.unwrap_or_default();
    Some(format!("{documents} no audit event{first}; {REMEDY}."))
}

/// Names the indices that a job cannot read.
pub(super) fn degraded(progress: &Progress) -> Option<String> {
    let named = progress.degraded.iter().take(NAMED);
    let mut words: Vec<_> = named
        .map(|one| format!("index {}: {}", one.index, one.message))
        .collect();
    let unnamed = progress.degraded_count.saturating_sub(words.len() as u64);
    if unnamed > 0 {
        words.push(format!("and {} more", grouped(unnamed)));
    }
    (!words.is_empty()).then(|| words.join("; "))
}
