//! What is written into the source in the course of a life, and what must come of it.

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use super::{
    nature::Nature,
    truth::{Duty, Truth},
};
use crate::pipeline::{
    plan::Range,
    test_support::{Server, at},
};

/// How long after its time a document is searchable in time: a little less than the safety lag.
const IN_TIME: SignedDuration = SignedDuration::from_millis(4_900);
/// From when on it is late.
const LATE: SignedDuration = SignedDuration::from_secs(6);
/// How long after the end of a life documents still become searchable.
const AFTERWARDS: SignedDuration = SignedDuration::from_secs(20);

const VERBS: [&str; 5] = ["create", "create", "get", "list", "delete"];
/// The verb that no rule looks for, in a document that may be overwritten.
const PLAIN: &str = "list";
/// The verb that a rule looks for which is added at some time.
const ADDED: &str = "delete";

/// The writing of events.
#[derive(Debug)]
pub struct Events {
    /// Times before which events belong to the range.
    end: Timestamp,
    is_static: bool,
    /// When the last document becomes searchable.
    last: Timestamp,
    late_one_in: u32,
    /// When the added rule was added.
    added: Option<Timestamp>,
    plain: Vec<usize>,
}

impl Events {
    pub fn new(nature: &Nature) -> Self {
        let length = SignedDuration::try_from(nature.length()).expect("less than a day");
        let (end, last) = match nature.range {
            Range::Static { end, .. } => (end, end + IN_TIME),
            Range::Streaming { .. } if nature.late_one_in == 0 => (Timestamp::MAX, at(0) + length),
            Range::Streaming { .. } => (Timestamp::MAX, at(0) + length + AFTERWARDS),
        };
        Self {
            end,
            is_static: nature.is_static(),
            last,
            late_one_in: nature.late_one_in,
            added: None,
            plain: Vec::new(),
        }
    }

    /// When the last document becomes searchable.
    pub fn last(&self) -> Timestamp {
        self.last
    }

    /// From now on a rule looks for another verb.
    pub fn add_rule(&mut self, now: Timestamp) {
        self.added.get_or_insert(now);
    }

    /// Writes some events, or none.
    pub fn happen(&mut self, rng: &mut Rng, server: &Server, truth: &mut Truth) {
        match rng.u32(0..60) {
            0..24 => {}
            24..55 => {
                for _ in 0..rng.usize(1..3) {
                    let time = some_time(rng, server.clock());
                    self.write(rng, server, truth, time);
                }
            }
            55 => {
                let time = some_time(rng, server.clock());
                for _ in 0..rng.usize(11..14) {
                    self.write(rng, server, truth, time);
                }
            }
            56 => server.add_garbage(some_time(rng, server.clock())),
            _ => self.overwrite(rng, server, truth),
        }
    }

    fn write(&mut self, rng: &mut Rng, server: &Server, truth: &mut Truth, time: Timestamp) {
        if time >= self.end {
            return;
        }
        let now = server.clock();
        let is_late =
            self.late_one_in > 0 && rng.u32(0..self.late_one_in) == 0 && now + LATE < self.last;
        let (from, duty) = if is_late {
            (between(rng, now + LATE, self.last), Duty::Late)
        } else {
            (between(rng, now, time + IN_TIME), Duty::InTime)
        };
        let verb = VERBS[rng.usize(0..VERBS.len())];
        let number = server.add_event_searchable_from(time, verb, from);
        if rng.u32(0..20) == 0 {
            // Who ships events may ship one twice.
            server.repeat_event_searchable_from(number, between(rng, now, time + IN_TIME));
        }
        match verb {
            PLAIN => self.plain.push(number),
            ADDED => truth.expect(number, time, self.duty_of_added(time, duty)),
            _ => truth.expect(number, time, duty),
        }
    }

    /// What the added rule looks for must be found since it was added; before that it may be, in
    /// what was not yet read.
    fn duty_of_added(&self, time: Timestamp, duty: Duty) -> Duty {
        let is_due = !self.is_static && self.added.is_some_and(|added| time >= added);
        if is_due { duty } else { Duty::Free }
    }

    /// A document is written again under its id, and is something that a rule looks for now.
    fn overwrite(&mut self, rng: &mut Rng, server: &Server, truth: &mut Truth) {
        let now = server.clock();
        if self.late_one_in == 0 || self.plain.is_empty() || now >= self.last {
            return;
        }
        let number = self.plain.swap_remove(rng.usize(0..self.plain.len()));
        let from = between(rng, now, self.last);
        let time = server.overwrite_event_searchable_from(number, VERBS[0], from);
        truth.expect(number, time, Duty::Late);
    }
}

/// A time a little ago, sometimes a whole second: windows begin and end at these.
fn some_time(rng: &mut Rng, now: Timestamp) -> Timestamp {
    let ago = SignedDuration::from_millis(rng.i64(0..3_500));
    let time = (now - ago).max(at(0));
    match rng.u32(0..3) {
        0 => at(time.duration_since(at(0)).as_secs()),
        _ => time,
    }
}

/// An instant between two, the first if the second is before it.
fn between(rng: &mut Rng, from: Timestamp, to: Timestamp) -> Timestamp {
    let length = to.duration_since(from).as_millis().max(0);
    let length = i64::try_from(length).expect("less than a day");
    from + SignedDuration::from_millis(rng.i64(0..=length))
}
