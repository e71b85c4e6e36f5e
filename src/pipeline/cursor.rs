//! Which windows are done, and so how far the checkpoint may move: a pure account of receipts.
//!
//! A window is committed when it was read to its end, every page of it is acknowledged, and so is
//! every window before it. Windows are read again after a fault; the counts tell what is in the
//! sink, not how often it was sent.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use crate::pipeline::{
    progress::{Checkpoint, Counts, RuleMatches},
    ticket::{Receipt, Tally},
    window::Window,
};

/// A page of this window went missing, so the window can never be committed: the pipeline must
/// begin again at its checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a page of the window from {} to {} was lost on its way; it is read again", .0.start, .0.end)]
pub struct PageLost(pub Window);

/// A commit: the new checkpoint, and the matches of the windows that it covers.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Alerts by rule since the commit before.
    pub matches: BTreeMap<String, RuleMatches>,
}

/// The account of all windows under way.
#[derive(Debug)]
pub struct Cursor {
    watermark: Timestamp,
    counts: Counts,
    /// Alerts created by attempts that were given up: the next attempt meets them as duplicates.
    created_before: u64,
    under_way: VecDeque<UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    attempt: u64,
    window: Window,
    acked: u64,
    pages: Option<u64>,
    tally: Tally,
}

impl Cursor {
    /// Starts where a checkpoint stands.
    pub fn new(checkpoint: Checkpoint) -> Self {
        let Checkpoint {
            watermark, counts, ..
        } = checkpoint;
        Self {
            watermark,
            counts,
            created_before: 0,
            under_way: VecDeque::new(),
        }
    }

    /// Takes note of a receipt; a commit results when the oldest window is done.
    pub fn take(&mut self, receipt: Receipt) -> Result<Option<Commit>, PageLost> {
        match receipt {
            Receipt::Opened { attempt, window } => self.under_way.push_back(UnderWay {
                attempt,
                window,
                acked: 0,
                pages: None,
                tally: Tally::default(),
            }),
            Receipt::Closed { attempt, pages } => {
                if let Some(open) = self.find(attempt) {
                    open.pages = Some(pages);
                }
            }
            Receipt::Abandoned { attempt } => self.abandon(attempt),
            Receipt::Acked { attempt, tally } => match self.find(attempt) {
                Some(open) => {
                    open.acked += 1;
                    open.tally.add(tally);
                }
                None => self.keep_created(&tally),
            },
            Receipt::Lost { attempt } => {
                if let Some(open) = self.find(attempt) {
                    return Err(PageLost(open.window));
                }
            }
        }
        Ok(self.commit())
    }

    /// The counts with what the windows under way have led to so far.
    pub fn counts(&self) -> Counts {
        let mut counts = self.counts;
        let mut created_before = self.created_before;
        for open in &self.under_way {
            count(&mut counts, &mut created_before, &open.tally);
        }
        counts
    }

    fn find(&mut self, attempt: u64) -> Option<&mut UnderWay> {
        self.under_way
            .iter_mut()
            .find(|open| open.attempt == attempt)
    }

    fn abandon(&mut self, attempt: u64) {
        let place = self
            .under_way
            .iter()
            .position(|open| open.attempt == attempt);
        if let Some(open) = place.and_then(|place| self.under_way.remove(place)) {
            self.keep_created(&open.tally);
        }
    }

    /// An alert is in the sink even if the attempt that brought it there was given up.
    fn keep_created(&mut self, tally: &Tally) {
        self.counts.alerts_created += tally.created;
        self.created_before += tally.created;
    }

    fn commit(&mut self) -> Option<Commit> {
        let mut matches = Tally::default();
        let before = self.watermark;
        while let Some(done) = self.under_way.pop_front_if(|oldest| oldest.is_done()) {
            self.watermark = self.watermark.max(done.window.end);
            count(&mut self.counts, &mut self.created_before, &done.tally);
            matches.add(done.tally);
        }
        (self.watermark > before).then_some(Commit {
            checkpoint: Checkpoint {
                watermark: self.watermark,
                counts: self.counts,
                ..Checkpoint::default()
            },
            matches: matches.matches,
        })
    }
}

impl UnderWay {
    fn is_done(&self) -> bool {
        self.pages == Some(self.acked)
    }
}

/// Adds a window's tally, where duplicates of what an abandoned attempt created are not counted.
fn count(counts: &mut Counts, created_before: &mut u64, tally: &Tally) {
    let own = tally.duplicate.min(*created_before);
    *created_before -= own;
    counts.events_read += tally.documents;
    counts.quarantined += tally.quarantined;
    counts.alerts_created += tally.created;
    counts.alerts_duplicate += tally.duplicate - own;
}

#[cfg(test)]
mod tests;
