//! What kind of life a seed gives: how long, with which pauses, and how hard.

use std::time::Duration;

use fastrand::Rng;

use crate::pipeline::{plan::Range, test_support::at};

/// What is chosen before a life begins.
#[derive(Debug)]
pub struct Nature {
    /// What is to be read.
    pub range: Range,
    /// What happens one after the other.
    pub phases: Vec<Phase>,
    /// One call in so many goes wrong.
    pub trouble_one_in: u32,
    /// One document in so many is searchable later than the safety lag; 0 is none.
    pub late_one_in: u32,
    /// The job looks seldom, and late documents are waited for without a restart.
    pub is_patient: bool,
}

/// A part of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Events are written, and things happen to the operator.
    Busy(Duration),
    /// Nothing happens, but the operator is there.
    Idle(Duration),
    /// No operator is there.
    Down(Duration),
}

impl Phase {
    fn length(self) -> Duration {
        let (Self::Busy(length) | Self::Idle(length) | Self::Down(length)) = self;
        length
    }
}

impl Nature {
    pub fn new(rng: &mut Rng) -> Self {
        let mut phases = vec![busy(rng)];
        // Most lives are short, for the sake of many.
        for _ in 0..rng.usize(0..4).saturating_sub(1) {
            phases.push(pause(rng));
            phases.push(busy(rng));
        }
        let length = phases.iter().map(|phase| phase.length()).sum::<Duration>();
        let range = if rng.u32(0..5) < 2 {
            Range::Static {
                start: at(0),
                end: at(length.as_secs().cast_signed()),
            }
        } else {
            Range::Streaming { start: at(0) }
        };
        Self {
            range,
            phases,
            trouble_one_in: rng.u32(3..60),
            late_one_in: rng.u32(0..3) * 2,
            is_patient: rng.u32(0..20) == 0,
        }
    }

    /// How long all of it is.
    pub fn length(&self) -> Duration {
        self.phases.iter().map(|phase| phase.length()).sum()
    }

    /// The pause between two looks of the job.
    pub fn fetch_delay(&self, rng: &mut Rng) -> Duration {
        seconds(rng, if self.is_patient { 30..120 } else { 1..10 })
    }

    pub fn is_static(&self) -> bool {
        matches!(self.range, Range::Static { .. })
    }
}

fn busy(rng: &mut Rng) -> Phase {
    Phase::Busy(seconds(rng, 4..14))
}

/// Together, two of them are shorter than a day by more than the hour between two sweeps of it.
fn pause(rng: &mut Rng) -> Phase {
    match rng.u32(0..4) {
        0 => Phase::Idle(seconds(rng, 5..60)),
        1 => Phase::Down(seconds(rng, 1..600)),
        2 => Phase::Down(seconds(rng, 600..3_600)),
        _ => Phase::Down(seconds(rng, 3_600..39_000)),
    }
}

fn seconds(rng: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_secs(rng.u64(range))
}
