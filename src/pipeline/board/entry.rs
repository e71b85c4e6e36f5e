//! What is known of one plan, and what follows from it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Place, Seat, SourceTime};
use crate::{
    detect::{analyse::Quarantined, excerpt::cut},
    pipeline::{
        cursor::Commit,
        plan::{Plan, Range},
        progress::{Checkpoint, MOST_NAMED, Progress, Rejected, State},
        recent::{Contents, Recent},
    },
};

/// Longest reason of a rejected document, in characters.
const REASON_LIMIT: usize = 256;

/// What is known of one plan.
#[derive(Debug)]
pub(super) struct Entry {
    /// Whose run begins next.
    pub(super) next: Seat,
    /// Whose run reports here.
    pub(super) current: Option<Seat>,
    /// What that run does.
    pub(super) plan: Plan,
    pub(super) progress: Progress,
    pub(super) looked: Option<SourceTime>,
    pub(super) waits: BTreeMap<Place, State>,
    pub(super) complete: bool,
    /// Contents of what was committed last.
    pub(super) recent: Recent,
    /// Events that the source left out since the last commit.
    pub(super) left_out: u64,
}

impl Entry {
    /// What is known when a run begins at a checkpoint.
    pub(super) fn new(next: Seat, plan: &Plan, checkpoint: Option<Checkpoint>) -> Self {
        let counts = checkpoint.as_ref().map(|done| done.counts);
        let mut entry = Self {
            next,
            current: None,
            plan: plan.clone(),
            progress: Progress {
                counts: counts.unwrap_or_default(),
                checkpoint,
                ..Progress::new(State::Starting)
            },
            looked: None,
            waits: BTreeMap::new(),
            complete: false,
            recent: Recent::default(),
            left_out: 0,
        };
        entry.settle();
        entry
    }

    /// Takes in a commit.
    pub(super) fn commit(&mut self, commit: Commit) {
        let Commit {
            checkpoint,
            matches,
            undecided,
        } = commit;
        let before = self.progress.checkpoint.as_ref();
        let before = before.map(|done| done.counts).unwrap_or_default();
        let counts = checkpoint.counts;
        self.recent.add(Contents {
            events: counts.events_read.saturating_sub(before.events_read)
                + std::mem::take(&mut self.left_out),
            rejected: counts.quarantined.saturating_sub(before.quarantined),
        });
        self.progress.recent = self.recent.contents();
        self.progress.checkpoint = Some(checkpoint);
        for (rule, found) in matches {
            let known = self.progress.matches.entry(rule);
            known
                .and_modify(|known| {
                    known.count += found.count;
                    known.last = known.last.max(found.last);
                })
                .or_insert(found);
        }
        for (gap, events) in undecided {
            *self.progress.undecided.entry(gap).or_default() += events;
        }
    }

    /// Names the first documents that hold no audit event.
    pub(super) fn reject(&mut self, documents: &[Quarantined]) {
        let named = &mut self.progress.rejected;
        for document in documents {
            if named.len() == MOST_NAMED {
                return;
            }
            // A window that is read again brings its documents again.
            let is_named =
                |known: &Rejected| (&known.index, &known.id) == (&document.index, &document.id);
            if !named.iter().any(is_named) {
                named.push(Rejected {
                    index: document.index.clone(),
                    id: document.id.clone(),
                    reason: cut(&document.rejection.to_string(), REASON_LIMIT).into_owned(),
                });
            }
        }
    }

    /// Derives what follows from the rest.
    pub(super) fn settle(&mut self) {
        let watermark = self.progress.checkpoint.as_ref().map(|done| done.watermark);
        let first_wait = self.waits.values().next();
        self.progress.state = match first_wait {
            _ if self.complete => State::Complete,
            Some(waiting) => waiting.clone(),
            None if self.looked.is_some() => State::Running,
            None => State::Starting,
        };
        match self.plan.range {
            Range::Static { start, end } => {
                let watermark = watermark.unwrap_or(start);
                self.progress.percent = Some(percent(start, end, watermark));
            }
            Range::Streaming { start } => {
                let watermark = watermark.unwrap_or(start);
                self.progress.lag_seconds = self
                    .looked
                    .map(|looked| looked.now().duration_since(watermark).as_secs().max(0));
            }
        }
    }
}

/// The share of `[start, end)` before `watermark`, rounded down.
fn percent(start: Timestamp, end: Timestamp, watermark: Timestamp) -> u8 {
    let whole = end.duration_since(start).as_secs_f64();
    let done = watermark.duration_since(start).as_secs_f64();
    if whole <= 0.0 {
        return 100;
    }
    (done / whole * 100.0).clamp(0.0, 100.0) as u8
}
