//! What is true of a life: which events must be alerted, and which of them are.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{detect::alert::index::is_quarantine, pipeline::test_support::Stored};

/// An invariant that does not hold, in a sentence that begins with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(pub String);

/// Whether an event has to have an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Before the watermark passes it: it is searchable within the safety lag.
    InTime,
    /// Some time.
    Late,
    /// It may have one or not.
    Free,
}

/// The events of a life, by their numbers.
#[derive(Debug, Default)]
pub struct Truth {
    events: BTreeMap<usize, Event>,
    /// Those that must have an alert before the watermark passes them, and have none yet.
    in_time: BTreeSet<(Timestamp, usize)>,
    /// Those that must have an alert some time, and have none yet.
    late: BTreeSet<usize>,
    /// Alerts that were seen.
    seen: usize,
}

#[derive(Debug)]
struct Event {
    time: Timestamp,
    alert: Option<String>,
}

impl Truth {
    /// An event that a rule looks for.
    pub fn expect(&mut self, number: usize, time: Timestamp, duty: Duty) {
        self.events.insert(number, Event { time, alert: None });
        match duty {
            Duty::InTime => drop(self.in_time.insert((time, number))),
            Duty::Late => drop(self.late.insert(number)),
            Duty::Free => {}
        }
    }

    /// Alerts that were seen.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// Takes note of a stored alert. There is one for an event (I2), and none for what no rule
    /// looks for (I3). A record in the quarantine is none, but keeps what there is to know.
    pub fn see(&mut self, stored: &Stored) -> Result<(), Violation> {
        self.seen += 1;
        let Stored { index, alert, .. } = stored;
        let audit_id = alert.document["kubernetes"]["audit"]["auditID"].as_str();
        let number = audit_id.and_then(|id| id.parse().ok());
        let event = number.and_then(|number| Some((number, self.events.get_mut(&number)?)));
        let Some((number, event)) = event else {
            return Err(Violation(format!("I3: made up: {}", alert.document)));
        };
        self.in_time.remove(&(event.time, number));
        self.late.remove(&number);
        if is_quarantine(index) {
            return Ok(());
        }
        let place = format!("{index}/{}", alert.id);
        match event.alert.replace(place.clone()) {
            None => Ok(()),
            Some(first) => Err(Violation(format!(
                "I2: event {number} has two alerts, {first} and {place}"
            ))),
        }
    }

    /// Nothing before a watermark is without its alert (I4).
    pub fn allows(&self, watermark: Timestamp) -> Result<(), Violation> {
        match self.in_time.first() {
            Some((time, number)) if *time < watermark => Err(Violation(format!(
                "I4: the watermark {watermark} is ahead of event {number} of {time}, which has no alert"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether every alert is there that must be.
    pub fn is_told(&self) -> bool {
        self.in_time.is_empty() && self.late.is_empty()
    }

    /// What is not there yet.
    pub fn untold(&self) -> String {
        format!("in time {:?}, late {:?}", self.in_time, self.late)
    }
}
