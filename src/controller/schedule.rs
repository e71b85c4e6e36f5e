//! When each status is written: pure bookkeeping of what is wanted, what is stored, and what is
//! on its way.
//!
//! A change of state is due at once. A change of mere numbers waits for its turn, which comes on one
//! beat for all: the numbers of a rule are then as new as those of the jobs that use it. So does a
//! status that somebody else overwrites, lest the two fight. A write that failed is due again
//! after a pause, without end; none holds up another. A write that was decided on an old version
//! of its object is not repeated: it waits for the watch to bring the newer one, and for the
//! decision on that.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use tokio::time::Instant;

use super::{notice::Notice, watch::Kind};

/// Time between two writes of numbers.
const BEAT: Duration = Duration::from_secs(10);
/// The same for a job that only waits for events, and watches the time go by.
const IDLE_SPACING: Duration = Duration::from_secs(60);
/// Rules whose numbers are written on each beat. Of twice as many they are written on every second
/// beat, of more on every third.
const RULES_A_BEAT: usize = 100;
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
    /// What is to be told with it, beside the change itself.
    pub notice: Option<Notice>,
}

/// A write to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Whose status.
    pub target: Target,
    /// What is stored, as far as we know.
    pub before: Value,
    /// The version that was decided on: only this one may be replaced.
    pub version: u64,
    /// What to store.
    pub status: Value,
    /// What is to be told, beside the change.
    pub notice: Option<Notice>,
}

/// What the server holds after a write.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The version.
    pub version: u64,
    /// The status.
    pub status: Value,
}

/// The writes that are to be made, and when.
#[derive(Debug, Default)]
pub struct Schedule {
    slots: BTreeMap<Target, Slot>,
    /// When the beat began: with the first write.
    began: Option<Instant>,
    /// Nothing waits for its turn any more, and nothing is repeated.
    closing: bool,
}

#[derive(Debug)]
struct Slot {
    wanted: Wanted,
    /// The last status that was written, and when.
    written: Option<(Value, Instant)>,
    failures: u32,
    not_before: Option<Instant>,
    in_flight: bool,
    /// A version that turned out not to be the latest.
    contested: Option<u64>,
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

    /// The process ends: what is not stored yet is due at once, and for the last time.
    pub fn close(&mut self) {
        self.closing = true;
        self.slots.values_mut().for_each(|slot| slot.failures = 0);
    }

    /// Whether the process ends.
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// Whether everything wanted is stored, or will not be.
    pub fn is_settled(&self) -> bool {
        let settled = |slot: &Slot| !slot.in_flight && (slot.is_stored() || slot.is_given_up());
        self.closing && self.slots.values().all(settled)
    }

    /// Whether a write waits for a newer version of its object.
    pub fn is_contested(&self) -> bool {
        self.slots.values().any(Slot::is_contested)
    }

    /// The next write that is due, which is then on its way. Jobs come first, for they have
    /// checkpoints.
    pub fn take_due(&mut self, now: Instant) -> Option<Write> {
        let pace = self.pace();
        let due = self.slots.iter_mut().filter(|(target, slot)| {
            let due = slot.due(target.kind, pace, now);
            due.is_some_and(|due| due <= now)
        });
        let (target, slot) = due.min_by_key(|(target, _)| target.kind != Kind::Job)?;
        slot.in_flight = true;
        Some(Write {
            target: target.clone(),
            before: slot.wanted.stored.clone(),
            version: slot.wanted.version,
            status: slot.wanted.status.clone(),
            notice: slot.wanted.notice.clone(),
        })
    }

    /// When the next write is due.
    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        let (pace, slots) = (self.pace(), self.slots.iter());
        slots
            .filter_map(|(target, slot)| slot.due(target.kind, pace, now))
            .min()
    }

    fn pace(&self) -> Pace {
        let kinds = self.slots.keys().map(|target| target.kind);
        Pace {
            closing: self.closing,
            began: self.began,
            rules: kinds.filter(|kind| *kind == Kind::Rule).count(),
        }
    }

    /// A write has succeeded.
    pub fn succeeded(&mut self, write: Write, stored: Stored, now: Instant) {
        self.began.get_or_insert(now);
        if let Some(slot) = self.slots.get_mut(&write.target) {
            slot.in_flight = false;
            slot.failures = 0;
            slot.not_before = None;
            slot.written = Some((write.status, now));
            if stored.version >= slot.wanted.version {
                slot.wanted.stored = in_order(&stored.status);
                slot.wanted.version = stored.version;
            }
        }
    }

    /// A write came too late: its object has a newer version.
    pub fn contested(&mut self, write: &Write) {
        if let Some(slot) = self.slots.get_mut(&write.target) {
            slot.in_flight = false;
            slot.contested = Some(write.version);
        }
    }

    /// A write has failed; it is repeated after a pause, the `share` (0 to 1) of the longest that
    /// its failures so far allow. Tells how many those are.
    pub fn failed(&mut self, target: &Target, share: f64, now: Instant) -> u32 {
        let Some(slot) = self.slots.get_mut(target) else {
            return 0;
        };
        let longest = FIRST_PAUSE.saturating_mul(1 << slot.failures.min(16));
        slot.in_flight = false;
        slot.failures += 1;
        slot.not_before = Some(now + longest.min(LONGEST_PAUSE).mul_f64(share));
        slot.failures
    }
}

impl Slot {
    fn new(wanted: &Wanted) -> Self {
        Self {
            wanted: Wanted {
                stored: in_order(&wanted.stored),
                ..wanted.clone()
            },
            written: None,
            failures: 0,
            not_before: None,
            in_flight: false,
            contested: None,
        }
    }

    /// The watch may lag behind our own writes: what it tells counts from their version on.
    fn renewed(mut self, wanted: &Wanted) -> Self {
        self.wanted.status.clone_from(&wanted.status);
        self.wanted.notice.clone_from(&wanted.notice);
        if wanted.version >= self.wanted.version {
            self.wanted.stored = in_order(&wanted.stored);
            self.wanted.version = wanted.version;
        }
        self
    }

    fn is_stored(&self) -> bool {
        self.wanted.status == self.wanted.stored
    }

    fn is_contested(&self) -> bool {
        self.contested
            .is_some_and(|version| version >= self.wanted.version)
    }

    /// Whether its last attempt has failed.
    fn is_given_up(&self) -> bool {
        self.failures > 0
    }

    fn due(&self, kind: Kind, pace: Pace, now: Instant) -> Option<Instant> {
        if self.in_flight || self.is_stored() || self.is_contested() {
            return None;
        }
        if pace.closing {
            return (!self.is_given_up()).then_some(now);
        }
        let turn = match &self.written {
            Some((status, at)) => pace
                .spacing(kind, status, &self.wanted)
                .map(|spacing| pace.beat(*at) + spacing),
            None => None,
        };
        let turn = turn.unwrap_or(now);
        Some(self.not_before.map_or(turn, |pause| pause.max(turn)))
    }
}

/// How often numbers are written.
#[derive(Clone, Copy, Debug)]
struct Pace {
    closing: bool,
    began: Option<Instant>,
    rules: usize,
}

impl Pace {
    /// The beat that an instant lies in.
    fn beat(self, at: Instant) -> Instant {
        let Some(began) = self.began else { return at };
        let past = at.saturating_duration_since(began);
        at - Duration::from_nanos((past.as_nanos() % BEAT.as_nanos()) as u64)
    }

    /// Time from the beat of a write to the next one; none after a change of state.
    fn spacing(self, kind: Kind, written: &Value, wanted: &Wanted) -> Option<Duration> {
        let is_idle = || without(&wanted.stored, &TIMES) == without(&wanted.status, &TIMES);
        match kind {
            _ if state(written) != state(&wanted.status) => None,
            Kind::Rule => {
                let beats = self.rules.div_ceil(RULES_A_BEAT).clamp(1, 3);
                Some(BEAT * beats as u32)
            }
            Kind::Job if wanted.notice.is_none() && is_idle() => Some(IDLE_SPACING),
            Kind::Job => Some(BEAT),
        }
    }
}

/// A status without its numbers, and without the messages of its conditions, which may hold some.
fn state(status: &Value) -> Value {
    let mut state = without(status, &NUMBERS);
    let conditions = state.get_mut("conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten() {
        if let Some(condition) = condition.as_object_mut() {
            condition.remove("message");
        }
    }
    state
}

/// What grows or moves while the state stays.
const NUMBERS: [&str; 14] = [
    "checkpoint",
    "documentsRead",
    "eventsRead",
    "alertsCreated",
    "alertsDuplicate",
    "alertsLate",
    "quarantined",
    "undecided",
    "eventsCutOff",
    "documentsWithoutTime",
    "lagSeconds",
    "progressPercent",
    "matches",
    "lastMatchTime",
];
/// What moves although there is nothing to read.
const TIMES: [&str; 2] = ["checkpoint", "lagSeconds"];

/// A status with its conditions ordered by type, as the wanted ones are.
fn in_order(status: &Value) -> Value {
    let mut status = status.clone();
    if let Some(conditions) = status.get_mut("conditions").and_then(Value::as_array_mut) {
        conditions.sort_by_key(|condition| condition["type"].to_string());
    }
    status
}

fn without(status: &Value, but: &[&str]) -> Value {
    let mut status = status.clone();
    if let Some(fields) = status.as_object_mut() {
        fields.retain(|field, _| !but.contains(&field.as_str()));
    }
    status
}

#[cfg(test)]
mod tests;
