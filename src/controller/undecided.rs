//! Events that a rule could not decide, and what the rule's condition says of them.

use std::{cmp::Reverse, collections::BTreeMap};

use jiff::{SignedDuration, Timestamp};

use super::words::counted;
use crate::detect::event::gap::Gap;

/// How long an undecided event keeps a rule from being observable: a job that meets one now and
/// then does not change the condition each time.
const HOLD: SignedDuration = SignedDuration::from_hours(1);

/// Events that a rule could not decide.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undecided {
    /// Of all time, all jobs together.
    pub total: u64,
    /// When this process began to count.
    since: Option<Timestamp>,
    gaps: BTreeMap<Gap, Seen>,
}

/// What this process has seen of one gap.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    events: u64,
    /// Where the last were seen.
    job: String,
    last: Timestamp,
}

/// What is known of the last hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastHour {
    /// Events did not show what the rule asks about.
    Undecided {
        /// The gap that most of them have.
        gap: Gap,
        /// Numbers and remedies, a sentence for each gap.
        message: String,
    },
    /// Nothing of that kind.
    Decided,
    /// This process has not counted for an hour yet, and has seen nothing of that kind.
    Unknown,
}

impl Undecided {
    /// Goes on from a stored total.
    pub fn new(total: u64) -> Self {
        Self {
            total,
            ..Self::default()
        }
    }

    /// The rule is watched from now on, unless it was before.
    pub fn watch(&mut self, now: Timestamp) {
        self.since.get_or_insert(now);
    }

    /// Adds events of one gap, seen in this job.
    pub fn add(&mut self, gap: Gap, events: u64, job: &str, now: Timestamp) {
        let before = self.gaps.get(&gap).map_or(0, |seen| seen.events);
        self.total += events;
        let seen = Seen {
            events: before + events,
            job: job.to_owned(),
            last: now,
        };
        self.gaps.insert(gap, seen);
    }

    /// What is known of the last hour.
    pub fn last_hour(&self, now: Timestamp) -> LastHour {
        let is_recent = |then: Timestamp| now.duration_since(then) < HOLD;
        let mut recent: Vec<_> = self.gaps.iter().collect();
        recent.retain(|(_, seen)| is_recent(seen.last));
        recent.sort_by_key(|(gap, seen)| (Reverse(seen.events), **gap));
        match recent.first() {
            Some((gap, _)) => LastHour::Undecided {
                gap: **gap,
                message: recent
                    .iter()
                    .map(|(gap, seen)| sentence(**gap, seen))
                    .collect::<Vec<_>>()
                    .join(" "),
            },
            None if self.since.is_none_or(is_recent) => LastHour::Unknown,
            None => LastHour::Decided,
        }
    }
}

fn sentence(gap: Gap, Seen { events, job, .. }: &Seen) -> String {
    let events = counted(*events, "event");
    let (fault, remedy) = gap_words(gap);
    format!("{events} that this rule may match {fault}, last in job {job}; {remedy}.")
}

/// The fault of events with a gap, and the remedy.
pub fn gap_words(gap: Gap) -> (&'static str, &'static str) {
    match gap {
        Gap::Level => (
            "came without the bodies that it asks about",
            "raise their audit level to RequestResponse",
        ),
        Gap::Truncated => (
            "were truncated by the apiserver",
            "raise --audit-log-truncate-max-event-size or --audit-webhook-truncate-max-event-size",
        ),
        Gap::CutOff => (
            "are cut off in their documents",
            "raise the size limit of the shipper or of the log service",
        ),
        Gap::Rebuilt => (
            "have lists that the index sorts and merges",
            "store the source of the index as it is written (index.mapping.source.mode: stored)",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).expect("in range")
    }

    #[test]
    fn the_gap_of_most_events_comes_first_and_each_has_its_remedy() {
        let mut undecided = Undecided::new(7);
        undecided.watch(at(0));
        undecided.add(Gap::Truncated, 2, "security/stage", at(0));
        undecided.add(Gap::Level, 1_200, "security/stage", at(0));
        undecided.add(Gap::Level, 1, "security/prod", at(1));
        assert_eq!(undecided.total, 1_210);
        let message = "1,201 events that this rule may match came without the bodies that it asks \
             about, last in job security/prod; raise their audit level to RequestResponse. \
             2 events that this rule may match were truncated by the apiserver, last in job \
             security/stage; raise --audit-log-truncate-max-event-size or \
             --audit-webhook-truncate-max-event-size.";
        let expected = LastHour::Undecided {
            gap: Gap::Level,
            message: message.to_owned(),
        };
        assert_eq!(undecided.last_hour(at(2)), expected);
    }

    #[test]
    fn an_hour_without_a_gap_makes_a_rule_observable_again() {
        let mut undecided = Undecided::default();
        assert_eq!(undecided.last_hour(at(0)), LastHour::Unknown);
        undecided.watch(at(0));
        assert_eq!(undecided.last_hour(at(59)), LastHour::Unknown);
        assert_eq!(undecided.last_hour(at(60)), LastHour::Decided);
        undecided.add(Gap::CutOff, 1, "security/prod", at(60));
        undecided.watch(at(100));
        assert!(matches!(
            undecided.last_hour(at(119)),
            LastHour::Undecided { .. }
        ));
        assert_eq!(undecided.last_hour(at(120)), LastHour::Decided);
    }
}
