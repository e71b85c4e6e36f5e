//! What was read, bucket by bucket of five minutes: how a document that became searchable late is
//! noticed. A pure account, small enough for the status of a job.
//!
//! A bucket is marked by the number of its documents and the sum of their sequence numbers, as
//! the view gave them that the documents were read from. A source that now gives another mark holds
//! documents that nobody read, or has overwritten some.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::pipeline::window::Window;

/// Length of a bucket.
pub const BUCKET_SECONDS: i64 = 5 * 60;

/// How far back documents are still noticed that became searchable late.
pub const MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// Buckets that can lie within the [`MEMORY`], a bucket more, and the one that is being read.
const MOST_BUCKETS: i64 = MEMORY.as_secs() / BUCKET_SECONDS + 2;

/// Five minutes by the time field of a source: their number since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Bucket(pub i64);

impl Bucket {
    /// The bucket that an instant lies in.
    pub fn of(time: Timestamp) -> Self {
        let before = i64::from(time.subsec_nanosecond() < 0);
        Self((time.as_second() - before).div_euclid(BUCKET_SECONDS))
    }

    /// Its span.
    pub fn window(self) -> Window {
        let second = |number: i64| {
            Timestamp::from_second(number.saturating_mul(BUCKET_SECONDS)).unwrap_or(Timestamp::MAX)
        };
        Window {
            start: second(self.0),
            end: second(self.0.saturating_add(1)),
        }
    }

    /// Whether any of it lies in a span.
    fn meets(self, span: Window) -> bool {
        let own = self.window();
        own.start < span.end && span.start < own.end
    }
}

/// What stands for the documents of a bucket. Marks of disjoint sets of documents add up, and wrap
/// around: a mark is compared, never counted with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Number of documents.
    pub documents: u16,
    /// Sum of their sequence numbers; 0 where the server has none.
    pub sequence: u32,
}

impl Mark {
    /// The mark of so many documents, with this sum of their sequence numbers.
    pub fn new(documents: u64, sequence: u64) -> Self {
        Self {
            documents: documents as u16,
            sequence: sequence as u32,
        }
    }

    /// The mark of both sets of documents together.
    pub fn and(self, other: Self) -> Self {
        Self {
            documents: self.documents.wrapping_add(other.documents),
            sequence: self.sequence.wrapping_add(other.sequence),
        }
    }

    /// The mark of the documents without some of them.
    pub fn without(self, some: Self) -> Self {
        Self {
            documents: self.documents.wrapping_sub(some.documents),
            sequence: self.sequence.wrapping_sub(some.sequence),
        }
    }
}

/// The marks of buckets, as a source gives them for some span. A bucket that is not there holds
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census(pub BTreeMap<Bucket, Mark>);

impl Census {
    /// The mark of a bucket.
    pub fn mark(&self, bucket: Bucket) -> Mark {
        self.0.get(&bucket).copied().unwrap_or_default()
    }

    /// Number of documents beside so many of them. Marks wrap around: of very many documents it may
    /// be too small by a multiple of 65,536.
    pub fn documents_beside(&self, some: u64) -> u64 {
        let all = self.0.values().map(|mark| u64::from(mark.documents)).sum();
        let wrap = 1 << u16::BITS;
        let missing = some.saturating_sub(all).next_multiple_of(wrap);
        all + missing - some
    }

    /// The same for the buckets alone that a span meets.
    pub fn within(mut self, span: Window) -> Self {
        self.0.retain(|bucket, _| bucket.meets(span));
        self
    }
}

/// What is known by a window that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Its documents were read for the first time.
    Read(Census),
    /// A part of a bucket was read again; the other parts follow.
    Part,
    /// A bucket, as far as it had been read when the repair began, was read again whole.
    Repaired {
        /// Which.
        bucket: Bucket,
        /// The mark of what was read before.
        before: Mark,
        /// The mark of what was read now.
        now: Mark,
        /// Documents that were read now.
        documents: u64,
    },
}

/// The marks of what was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Ledger {
    marks: BTreeMap<Bucket, Mark>,
}

impl Ledger {
    /// Takes note of a window.
    pub fn enter(&mut self, entry: &Entry) {
        match entry {
            Entry::Read(census) => self.read(census),
            Entry::Part => {}
            &Entry::Repaired {
                bucket,
                before,
                now,
                documents: _,
            } => self.replace(bucket, before, now),
        }
    }

    /// Takes note of documents that were read for the first time.
    pub fn read(&mut self, census: &Census) {
        for (&bucket, &more) in &census.0 {
            self.set(bucket, self.mark(bucket).and(more));
        }
    }

    /// Takes note that documents of a bucket, with the mark `before`, were read again and have now
    /// the mark `now`. What else the ledger knows of the bucket stays.
    pub fn replace(&mut self, bucket: Bucket, before: Mark, now: Mark) {
        self.set(bucket, self.mark(bucket).without(before).and(now));
    }

    /// The mark of a bucket.
    pub fn mark(&self, bucket: Bucket) -> Mark {
        self.marks.get(&bucket).copied().unwrap_or_default()
    }

    /// The buckets of a span that hold something else now than what was read, oldest first. The
    /// span holds all that was read of each bucket that it meets.
    pub fn differing(&self, span: Window, census: &Census) -> Vec<Bucket> {
        let known: BTreeSet<Bucket> = self.marks.keys().chain(census.0.keys()).copied().collect();
        known
            .into_iter()
            .filter(|bucket| bucket.meets(span))
            .filter(|&bucket| self.mark(bucket) != census.mark(bucket))
            .collect()
    }

    /// Forgets what lies further behind a position than the [`MEMORY`] and a bucket.
    pub fn forget_before(&mut self, position: Timestamp) {
        let oldest = Bucket(Bucket::of(position).0.saturating_sub(MOST_BUCKETS - 1));
        self.marks = self.marks.split_off(&oldest);
    }

    /// The ledger as text: base64 of the number of the first bucket and the mark of it and of each
    /// one after it, all big-endian. The latest day of it takes at most 2,400 characters, and no
    /// more is told.
    pub fn to_text(&self) -> String {
        let Some((&Bucket(last), _)) = self.marks.last_key_value() else {
            return String::new();
        };
        let oldest = Bucket(last.saturating_sub(MOST_BUCKETS - 1));
        let first = self.marks.range(oldest..).next();
        let first = first.map_or(last, |(bucket, _)| bucket.0);
        let marks = (first..=last).flat_map(|number| {
            let Mark {
                documents,
                sequence,
            } = self.mark(Bucket(number));
            let [a, b] = documents.to_be_bytes();
            let [c, d, e, f] = sequence.to_be_bytes();
            [a, b, c, d, e, f]
        });
        BASE64.encode(
            first
                .to_be_bytes()
                .into_iter()
                .chain(marks)
                .collect::<Vec<u8>>(),
        )
    }

    /// Reads the ledger from text. Of a broken one nothing is known, so that everything is read
    /// again.
    pub fn from_text(text: &str) -> Self {
        Self {
            marks: BASE64
                .decode(text)
                .ok()
                .and_then(|bytes| marks(&bytes))
                .unwrap_or_default(),
        }
    }

    fn set(&mut self, bucket: Bucket, mark: Mark) {
        if mark == Mark::default() {
            self.marks.remove(&bucket);
        } else {
            self.marks.insert(bucket, mark);
        }
    }
}

impl From<String> for Ledger {
    fn from(text: String) -> Self {
        Self::from_text(&text)
    }
}

impl From<Ledger> for String {
    fn from(ledger: Ledger) -> Self {
        ledger.to_text()
    }
}

/// The marks of buckets that hold something.
fn marks(bytes: &[u8]) -> Option<BTreeMap<Bucket, Mark>> {
    let (first, marks) = bytes.split_first_chunk()?;
    let first = i64::from_be_bytes(*first);
    let (marks, []) = marks.as_chunks::<6>() else {
        return None;
    };
    let mut read = BTreeMap::new();
    for (number, &[a, b, c, d, e, f]) in (0..).zip(marks) {
        let mark = Mark {
            documents: u16::from_be_bytes([a, b]),
            sequence: u32::from_be_bytes([c, d, e, f]),
        };
        if mark != Mark::default() {
            read.insert(Bucket(first.checked_add(number)?), mark);
        }
    }
    Some(read)
}

#[cfg(test)]
mod tests;
