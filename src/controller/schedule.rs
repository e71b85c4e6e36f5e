//! When each status is written: pure bookkeeping of what is wanted, what is stored, and what is
//! on its way.
//!
//! A change of state is due at once. A change of mere numbers waits for its turn, and so does a
//! status that somebody else overwrites, lest the two fight. A write that failed is due again
//! after a pause, without end; none holds up another.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use tokio::time::Instant;

use super::watch::Kind;

/// Least time between two writes of a job's numbers.
const JOB_SPACING: Duration = Duration::from_secs(10);
/// Least time between two writes of a rule's numbers.
const RULE_SPACING: Duration = Duration::from_secs(30);
/// Longest pause after the first failed write; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause after any failed write.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Which object a status belongs to. One that is deleted and made again is another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// A status that should be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Whose it is.
    pub target: Target,
    /// What the server holds, as far as the watch knows.
    pub stored: Value,
    /// The version of the object that holds it.
    pub version: u64,
    /// What it should hold.
    pub status: Value,
}

/// A write to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Whose status.
    pub target: Target,
    /// What is stored, as far as we know.
    pub before: Value,
    /// What to store.
    pub status: Value,
}

/// The writes that are to be made, and when.
#[derive(Debug, Default)]
pub struct Schedule {
    slots: BTreeMap<Target, Slot>,
}

#[derive(Debug)]
struct Slot {
    wanted: Value,
    stored: Value,
    version: u64,
    /// The last status that was written, and when.
    written: Option<(Value, Instant)>,
    failures: u32,
    not_before: Option<Instant>,
    in_flight: bool,
}

impl Schedule {
    /// Takes in all that is wanted. What is not wanted any more is forgotten.
    pub fn want(&mut self, all: &[Wanted]) {
        let mut before = std::mem::take(&mut self.slots);
        for wanted in all {
            let slot = match before.remove(&wanted.target) {
                Some(slot) => slot.renewed(wanted),
                None => Slot::new(wanted),
            };
            self.slots.insert(wanted.target.clone(), slot);
        }
    }

    /// The next write that is due, which is then on its way.
    pub fn take_due(&mut self, now: Instant) -> Option<Write> {
        let (target, slot) = self
            .slots
            .iter_mut()
            .find(|(target, slot)| slot.due(target.kind, now).is_some_and(|at| at <= now))?;
        slot.in_flight = true;
        Some(Write {
            target: target.clone(),
            before: slot.stored.clone(),
            status: slot.wanted.clone(),
        })
    }

    /// When the next write is due.
    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        let slots = self.slots.iter();
        slots
            .filter_map(|(target, slot)| slot.due(target.kind, now))
            .min()
    }

    /// All that is not stored yet, due or not, for the end of the process; jobs first, for they
    /// have checkpoints.
    pub fn rest(&self) -> Vec<Write> {
        let mut rest: Vec<_> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.wanted != slot.stored)
            .map(|(target, slot)| Write {
                target: target.clone(),
                before: slot.stored.clone(),
                status: slot.wanted.clone(),
            })
            .collect();
        rest.sort_by_key(|write| write.target.kind != Kind::Job);
        rest
    }

    /// A write has succeeded; the object now has this version.
    pub fn succeeded(&mut self, write: Write, version: u64, now: Instant) {
        if let Some(slot) = self.slots.get_mut(&write.target) {
            slot.in_flight = false;
            slot.failures = 0;
            slot.not_before = None;
            slot.written = Some((write.status.clone(), now));
            if version >= slot.version {
                slot.stored = write.status;
                slot.version = version;
            }
        }
    }

    /// A write has failed; it is repeated after a pause, the `share` (0 to 1) of the longest that
    /// its failures so far allow.
    pub fn failed(&mut self, target: &Target, share: f64, now: Instant) {
        if let Some(slot) = self.slots.get_mut(target) {
            let longest = FIRST_PAUSE.saturating_mul(1 << slot.failures.min(16));
            slot.in_flight = false;
            slot.failures += 1;
            slot.not_before = Some(now + longest.min(LONGEST_PAUSE).mul_f64(share));
        }
    }
}

impl Slot {
    fn new(wanted: &Wanted) -> Self {
        Self {
            wanted: wanted.status.clone(),
            stored: in_order(&wanted.stored),
            version: wanted.version,
            written: None,
            failures: 0,
            not_before: None,
            in_flight: false,
        }
    }

    /// The watch may lag behind our own writes: what it tells counts from their version on.
    fn renewed(mut self, wanted: &Wanted) -> Self {
        self.wanted.clone_from(&wanted.status);
        if wanted.version >= self.version {
            self.stored = in_order(&wanted.stored);
            self.version = wanted.version;
        }
        self
    }

    fn due(&self, kind: Kind, now: Instant) -> Option<Instant> {
        if self.in_flight || self.wanted == self.stored {
            return None;
        }
        let turn = match &self.written {
            Some((status, at)) if state(status) == state(&self.wanted) => *at + spacing(kind),
            _ => now,
        };
        Some(self.not_before.map_or(turn, |pause| pause.max(turn)))
    }
}

fn spacing(kind: Kind) -> Duration {
    match kind {
        Kind::Rule => RULE_SPACING,
        Kind::Job => JOB_SPACING,
    }
}

/// A status with its conditions ordered by type, as the wanted ones are.
fn in_order(status: &Value) -> Value {
    let mut status = status.clone();
    if let Some(conditions) = status.get_mut("conditions").and_then(Value::as_array_mut) {
        conditions.sort_by_key(|condition| condition["type"].to_string());
    }
    status
}

/// A status without its numbers.
fn state(status: &Value) -> Value {
    const NUMBERS: [&str; 9] = [
        "checkpoint",
        "eventsRead",
        "alertsCreated",
        "alertsDuplicate",
        "quarantined",
        "lagSeconds",
        "progressPercent",
        "matches",
        "lastMatchTime",
    ];
    let mut state = status.clone();
    if let Some(fields) = state.as_object_mut() {
        fields.retain(|field, _| !NUMBERS.contains(&field.as_str()));
    }
    state
}

#[cfg(test)]
mod tests;
