//! What was read, bucket by bucket of five minutes: how a document that became searchable late is
//! noticed. A pure account, small enough for the status of a job.
//!
//! A bucket is marked by the number of its documents and the sum of their sequence numbers, as
//! the view gave them that the documents were read from. A source that now gives another mark holds
//! documents that nobody read, or has overwritten some.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::pipeline::window::Window;

/// Length of a bucket.
pub const BUCKET_SECONDS: i64 = 5 * 60;

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
            end: second(self.0 + 1),
        }
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
}

/// The marks of buckets, as a source gives them for some span. A bucket that is not there holds
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census(pub BTreeMap<Bucket, Mark>);

/// The marks of what was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    marks: BTreeMap<Bucket, Mark>,
}
