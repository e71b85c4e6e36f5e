//! When to look again at what was read already, and what of it to read again: pure decisions, by a
//! clock that never jumps.
//!
//! A sweep asks the source for the marks of a span behind the forward position, and compares them
//! with those of what was read. A bucket that differs is read again, whole or in parts: a repair.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use crate::pipeline::{
    ledger::{BUCKET_SECONDS, Bucket, Census, Entry, Ledger, MEMORY, Mark},
    window::{Planner, Window},
};

/// How far back a sweep looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Ten minutes, every thirty seconds.
    Minutes,
    /// An hour, every five minutes.
    Hour,
    /// A day, every hour.
    Day,
}

impl Reach {
    /// All, the widest first.
    const ALL: [Self; 3] = [Self::Day, Self::Hour, Self::Minutes];

    fn every(self) -> Duration {
        Duration::from_secs(match self {
            Self::Minutes => 30,
            Self::Hour => 5 * 60,
            Self::Day => 60 * 60,
        })
    }

    /// A bucket more than it takes: what lies on the border today was inside before.
    fn back(self) -> SignedDuration {
        let back = match self {
            Self::Minutes => SignedDuration::from_mins(10),
            Self::Hour => SignedDuration::from_hours(1),
            Self::Day => return MEMORY,
        };
        back + SignedDuration::from_secs(BUCKET_SECONDS)
    }
}

/// Which sweep is due.
#[derive(Clone, Debug, Default)]
pub struct Sweeps {
    done: [Option<Duration>; Reach::ALL.len()],
}

impl Sweeps {
    /// The widest sweep that is due at a reading of the clock: at first all are.
    pub fn due(&self, clock: Duration) -> Option<Reach> {
        let is_due = |reach: &Reach| {
            let done = self.done[*reach as usize];
            done.is_none_or(|done| clock.saturating_sub(done) >= reach.every())
        };
        Reach::ALL.into_iter().find(is_due)
    }

    /// All are due again.
    pub fn make_due(&mut self) {
        *self = Self::default();
    }

    /// A sweep was done: it has done what narrower ones would have.
    pub fn done(&mut self, reach: Reach, clock: Duration) {
        for narrower in Reach::ALL.into_iter().filter(|other| *other <= reach) {
            self.done[narrower as usize] = Some(clock);
        }
    }
}

/// The whole buckets before `end` that a reach back from `from` meets, not before the start of the
/// range; `None` where there is nothing of them.
pub fn span(reach: Reach, from: Timestamp, start: Timestamp, end: Timestamp) -> Option<Window> {
    let back = from.checked_sub(reach.back()).unwrap_or(Timestamp::MIN);
    let start = Bucket::of(back).window().start.max(start);
    (start < end).then_some(Window { start, end })
}

/// A bucket that is read again.
#[derive(Clone, Debug)]
pub struct Repair {
    /// Which.
    pub bucket: Bucket,
    /// Cuts it where it holds too much to be read at once.
    pub planner: Planner,
    /// What was known of it when the repair began.
    pub before: Mark,
    /// What was read of it so far.
    pub now: Mark,
    /// Documents read so far.
    pub documents: u64,
}

impl Repair {
    /// Takes note of a part that was read.
    pub fn add(&mut self, part: Window, documents: u64, census: &Census, took: Duration) {
        self.planner.done(part, documents, took);
        self.now = self.now.and(census.mark(self.bucket));
        self.documents += documents;
    }

    /// What is known by the part that was read last.
    pub fn entry(&self) -> Entry {
        if self.planner.finished() {
            Entry::Repaired {
                bucket: self.bucket,
                before: self.before,
                now: self.now,
                documents: self.documents,
            }
        } else {
            Entry::Part
        }
    }
}

/// Buckets that are to be read again, in the order in which they were found.
#[derive(Clone, Debug, Default)]
pub struct Repairs {
    waiting: VecDeque<Bucket>,
    current: Option<Repair>,
}

impl Repairs {
    /// Enters what differs from the ledger in a span, unless it waits already; tells whether
    /// anything does.
    pub fn enter(&mut self, span: Window, ledger: &Ledger, census: &Census) -> bool {
        let differing = ledger.differing(span, census);
        let any = !differing.is_empty();
        let current = self.current.as_ref().map(|repair| repair.bucket);
        for bucket in differing {
            if Some(bucket) != current && !self.waiting.contains(&bucket) {
                self.waiting.push_back(bucket);
            }
        }
        any
    }

    /// Enters every bucket that holds something: nothing is known of what was read of them.
    pub fn enter_all(&mut self, census: &Census) {
        let waiting: BTreeSet<Bucket> = self.waiting.iter().copied().collect();
        let current = self.current.as_ref().map(|repair| repair.bucket);
        let all = census.0.keys().copied();
        let new = all.filter(|bucket| Some(*bucket) != current && !waiting.contains(bucket));
        self.waiting.extend(new);
    }

    /// Nothing is to be read again.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.current.is_none()
    }

    /// The repair that was put back; otherwise the next one begins, of what lies within `read`: the
    /// span that was read so far.
    pub fn take(&mut self, read: Window, ledger: &Ledger) -> Option<Repair> {
        self.current.take().or_else(|| {
            let bucket = self.waiting.pop_front()?;
            let whole = bucket.window();
            Some(Repair {
                bucket,
                planner: Planner::whole(Window {
                    start: whole.start.max(read.start),
                    end: whole.end.min(read.end),
                }),
                before: ledger.mark(bucket),
                now: Mark::default(),
                documents: 0,
            })
        })
    }

    /// There is more to read of a repair.
    pub fn put_back(&mut self, repair: Repair) {
        self.current = Some(repair);
    }
}

#[cfg(test)]
mod tests;
