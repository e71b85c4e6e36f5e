//! Half-open spans of time, the unit of reading and of commit, and how a range is cut into them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::pipeline::{plan::Range, ports::Remedy};

/// The span `[start, end)` of a source's time field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First instant inside.
    pub start: Timestamp,
    /// First instant after.
    pub end: Timestamp,
}

impl Window {
    /// Its length in whole seconds, at least one.
    fn seconds(self) -> i64 {
        self.end.duration_since(self.start).as_secs().max(1)
    }
}

/// Length of the first window.
const FIRST_SECONDS: i64 = 60;
/// Longest window that holds documents, for a streaming job.
const LARGEST_STREAMING_SECONDS: i64 = 10 * 60;
/// Longest window that holds documents, for a static job.
const LARGEST_STATIC_SECONDS: i64 = 60 * 60;
/// Longest window where there is next to nothing.
const LARGEST_EMPTY_SECONDS: i64 = 32 * 24 * 60 * 60;
/// A window with fewer documents counts as empty.
const SPARSE: u64 = 100;
/// A window with fewer documents may grow, if they were read fast.
const FEW: u64 = MANY / 2;
/// A window with more documents makes the next one smaller.
const MANY: u64 = 250_000;
/// A window with more documents is not read as it is, but cut.
const TOO_MANY: u64 = 500_000;
/// Documents that a window is cut for.
const TARGET: u64 = 150_000;
/// Attempts at one window after which it is halved.
const ATTEMPTS_AT_FULL_SIZE: u32 = 3;
/// Time after which a window should be committed.
const TARGET_TIME: Duration = Duration::from_secs(10);
/// Time within which a window that may grow was read.
const SHORT_TIME: Duration = Duration::from_secs(3);

/// Cuts a range into windows that follow one another without gap or overlap, each of a size that
/// is good to commit at once: up to 250,000 documents or ten seconds of reading. Smaller ones cost
/// more, since the source has nothing to do between two of them. Where there is nothing to read the
/// windows grow fast, so that a year of nothing takes few of them.
#[derive(Clone, Debug)]
pub struct Planner {
    next: Timestamp,
    end: Option<Timestamp>,
    seconds: i64,
    largest: i64,
    /// Attempts at the next window that a fault ended.
    failed: u32,
}

impl Planner {
    /// Plans a range from `watermark` on.
    pub fn new(range: Range, watermark: Timestamp) -> Self {
        let (end, largest) = match range {
            Range::Static { end, .. } => (Some(end), LARGEST_STATIC_SECONDS),
            Range::Streaming { .. } => (None, LARGEST_STREAMING_SECONDS),
        };
        Self {
            next: watermark,
            end,
            seconds: FIRST_SECONDS,
            largest,
            failed: 0,
        }
    }

    /// Plans one window, to be read at once if that is good.
    pub fn whole(window: Window) -> Self {
        Self {
            next: window.start,
            end: Some(window.end),
            seconds: window.seconds(),
            largest: LARGEST_STREAMING_SECONDS,
            failed: 0,
        }
    }

    /// Where the next window starts: everything before was read.
    pub fn position(&self) -> Timestamp {
        self.next
    }

    /// The next window: it starts where the last one that was [`done`](Self::done) ended, and ends
    /// at the horizon at the latest. `None`: there is nothing to read before the horizon.
    pub fn next(&self, horizon: Timestamp) -> Option<Window> {
        let limit = self.end.map_or(horizon, |end| end.min(horizon));
        (self.next < limit).then(|| Window {
            start: self.next,
            end: later(self.next, self.seconds).min(limit),
        })
    }

    /// Whether the range has an end and all of it was read.
    pub fn finished(&self) -> bool {
        self.end.is_some_and(|end| self.next >= end)
    }

    /// Goes on to the next window, of a size chosen by how this one went.
    pub fn done(&mut self, window: Window, documents: u64, took: Duration) {
        self.next = window.end;
        self.failed = 0;
        let length = window.seconds();
        let was_cut = length < self.seconds;
        if documents > MANY || took > TARGET_TIME {
            self.seconds = fitting(length, documents).max(length / 4).max(1);
        } else if documents < SPARSE && !was_cut {
            self.seconds = (self.seconds * 4).min(LARGEST_EMPTY_SECONDS);
        } else if documents < FEW && took < SHORT_TIME && !was_cut {
            self.seconds *= 2;
        }
        if documents >= SPARSE {
            self.seconds = self.seconds.min(self.largest);
        }
    }

    /// Whether a window that holds so many documents is to be cut with [`fit`](Self::fit) instead
    /// of being read. A window of one second is read whatever it holds.
    pub fn is_too_large(&self, window: Window, documents: u64) -> bool {
        documents > TOO_MANY && window.seconds() > 1
    }

    /// Makes the window, known to hold so many documents, smaller.
    pub fn fit(&mut self, window: Window, documents: u64) {
        self.seconds = fitting(window.seconds(), documents);
    }

    /// An attempt at the window was ended by a fault with this remedy. A window that is too much for
    /// the source is halved.
    pub fn failed(&mut self, window: Window, remedy: Remedy) {
        self.failed += 1;
        let often = self.failed.is_multiple_of(ATTEMPTS_AT_FULL_SIZE);
        if remedy == Remedy::Shrink || (remedy == Remedy::Reopen && often) {
            self.shrink(window);
        }
    }

    fn shrink(&mut self, window: Window) {
        self.seconds = (window.seconds() / 2).max(1);
    }
}

/// The seconds that hold the wanted number of documents, at most half of `seconds`.
fn fitting(seconds: i64, documents: u64) -> i64 {
    let share = TARGET as f64 / documents.max(1) as f64;
    ((seconds as f64 * share) as i64).min(seconds / 2).max(1)
}

/// Where reading must stop: behind the source's clock by a safety lag, so that what is written
/// late by indexing and refreshing is still seen.
#[derive(Clone, Debug)]
pub struct Horizon {
    lag: SignedDuration,
    last: Option<(Timestamp, Duration)>,
}

impl Horizon {
    /// A horizon that stays `lag` behind.
    pub fn new(lag: Duration) -> Self {
        Self {
            lag: SignedDuration::try_from(lag).unwrap_or(SignedDuration::MAX),
            last: None,
        }
    }

    /// The horizon for a time of the source's clock, in whole seconds. `elapsed` is the reading of
    /// a clock that never jumps: a jump of the source's clock moves the horizon by no more than
    /// 1.2 times what really went by, and five seconds. It never goes back.
    pub fn advance(&mut self, source_now: Timestamp, elapsed: Duration) -> Timestamp {
        let behind = source_now.checked_sub(self.lag).unwrap_or(Timestamp::MIN);
        let horizon = match self.last {
            None => whole_second(behind),
            Some((last, then)) => {
                let went_by = elapsed.saturating_sub(then).as_secs_f64();
                let reachable = later(last, (went_by * 1.2) as i64 + 5);
                whole_second(behind.min(reachable)).max(last)
            }
        };
        self.last = Some((horizon, elapsed));
        horizon
    }
}

fn later(time: Timestamp, seconds: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}

/// The whole second at or before a time.
fn whole_second(time: Timestamp) -> Timestamp {
    let before = i64::from(time.subsec_nanosecond() < 0);
    Timestamp::from_second(time.as_second() - before).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
