//! Which windows are done, and so how far the checkpoint may move: a pure account of receipts.
//!
//! A window is committed when it was read to its end, every page of it is acknowledged, and so is
//! every window before it. Windows are read again after a fault; the counts tell what is in the
//! sink, not how often it was sent. A repair never moves the watermark.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;

use crate::{
    detect::event::gap::Gap,
    pipeline::{
        active::{self, ActiveFrom},
        ledger::{Entry, Ledger, Mark},
        progress::{Checkpoint, Counts, RuleMatches},
        ticket::{Purpose, Receipt, Tally},
        window::Window,
    },
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
    /// Events since then that a rule could not decide, by the rule and the reason.
    pub undecided: BTreeMap<(String, Gap), u64>,
}

/// The account of all windows under way.
#[derive(Debug)]
pub struct Cursor {
    watermark: Timestamp,
    counts: Counts,
    ledger: Ledger,
    active_from: Arc<ActiveFrom>,
    rules_revision: Option<String>,
    /// Alerts created by attempts that were given up: the next attempt meets them as duplicates.
    created_before: u64,
    /// Contents of a bucket, as far as it was read again.
    repaired: Tally,
    under_way: VecDeque<UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    attempt: u64,
    window: Window,
    purpose: Purpose,
    acked: u64,
    closed: Option<(u64, Entry)>,
    tally: Tally,
}

impl Cursor {
    /// Starts where a checkpoint stands.
    pub fn new(checkpoint: Checkpoint) -> Self {
        let Checkpoint {
            watermark,
            counts,
            ledger,
            active_from,
            rules_revision,
        } = checkpoint;
        Self {
            watermark,
            counts,
            ledger,
            active_from: Arc::new(active_from),
            rules_revision,
            created_before: 0,
            repaired: Tally::default(),
            under_way: VecDeque::new(),
        }
    }

    /// Takes note of a receipt; a commit results when the oldest window is done.
    pub fn take(&mut self, receipt: Receipt) -> Result<Option<Commit>, PageLost> {
        match receipt {
            Receipt::Opened {
                attempt,
                window,
                purpose,
            } => self.under_way.push_back(UnderWay {
                attempt,
                window,
                purpose,
                acked: 0,
                closed: None,
                tally: Tally::default(),
            }),
            Receipt::Closed {
                attempt,
                pages,
                entry,
            } => {
                if let Some(open) = self.find(attempt) {
                    open.closed = Some((pages, entry));
                }
            }
            Receipt::Rules { active_from } => self.active_from = active_from,
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
            count(&mut counts, &mut created_before, open);
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

    /// An alert is in the sink even if the attempt that brought it there was given up. What a repair
    /// meets a second time is not counted anyway.
    fn keep_created(&mut self, tally: &Tally) {
        self.counts.alerts_created += tally.created;
        self.counts.alerts_late += tally.late;
        self.created_before += tally.created - tally.late;
    }

    fn commit(&mut self) -> Option<Commit> {
        let mut found = Tally::default();
        let mut any = false;
        while let Some(done) = self.under_way.pop_front_if(|oldest| oldest.is_done()) {
            any = true;
            if done.purpose == Purpose::Forward {
                self.watermark = self.watermark.max(done.window.end);
            }
            count(&mut self.counts, &mut self.created_before, &done);
            if done.purpose == Purpose::Repair {
                self.repaired.add(done.tally.clone());
            }
            if let Some((_, entry)) = &done.closed {
                self.enter(entry);
            }
            found.add(done.tally);
        }
        any.then(|| Commit {
            checkpoint: self.checkpoint(),
            matches: found.matches,
            undecided: found.undecided,
        })
    }

    fn enter(&mut self, entry: &Entry) {
        self.ledger.enter(entry);
        self.ledger.forget_before(self.watermark);
        if let &Entry::Repaired {
            before,
            now,
            documents,
            ..
        } = entry
        {
            let more = more(before, now, documents);
            let repaired = std::mem::take(&mut self.repaired);
            let of_more = |count: u64| share(count, more, documents);
            self.counts.documents_read += more;
            self.counts.events_read += of_more(repaired.events);
            self.counts.events_cut_off += of_more(repaired.cut_off);
            self.counts.quarantined += of_more(repaired.quarantined);
        }
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            watermark: self.watermark,
            counts: self.counts,
            ledger: self.ledger.clone(),
            active_from: active::kept(&self.active_from, self.watermark),
            rules_revision: self.rules_revision.clone(),
        }
    }
}

impl UnderWay {
    fn is_done(&self) -> bool {
        let closed = self.closed.as_ref();
        closed.is_some_and(|(pages, _)| *pages == self.acked)
    }
}

/// How many documents more a bucket holds than before; of fewer it says nothing.
fn more(before: Mark, now: Mark, documents: u64) -> u64 {
    if before == Mark::default() {
        return documents;
    }
    let more = u64::from(now.without(before).documents);
    if more <= documents { more } else { 0 }
}

/// The part of a count over all documents that falls to some of them: which ones were read before
/// is not known.
fn share(count: u64, some: u64, all: u64) -> u64 {
    let share = u128::from(count) * u128::from(some) + u128::from(all / 2);
    share
        .checked_div(all.into())
        .map_or(0, |share| u64::try_from(share).unwrap_or(u64::MAX))
}

/// Adds a window's tally, where duplicates of what an abandoned attempt created are not counted.
/// The documents of a repair are counted when it is known how many of them are new.
fn count(counts: &mut Counts, created_before: &mut u64, window: &UnderWay) {
    let tally = &window.tally;
    let own = tally.duplicate.min(*created_before);
    *created_before -= own;
    if window.purpose == Purpose::Forward {
        counts.documents_read += tally.documents;
        counts.events_read += tally.events;
        counts.events_cut_off += tally.cut_off;
        counts.quarantined += tally.quarantined;
        counts.undecided += tally.undecided.values().sum::<u64>();
    }
    counts.alerts_created += tally.created;
    counts.alerts_duplicate += tally.duplicate - own;
    counts.alerts_late += tally.late;
}

#[cfg(test)]
mod tests;
