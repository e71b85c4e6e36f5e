//! Who leads: decided from what a Lease says and from when it was seen to change. Pure; the
//! [`election`](super::election) carries out what is decided here.
//!
//! A lease counts as live for as long after it was *seen to change* as it says, by a clock that
//! never jumps: no two machines' clocks are ever compared. Whoever holds it stops to rely on it at
//! an earlier [deadline](Timing::deadline), counted from before the renewal was asked for. Every
//! write is a compare-and-swap on the version that was read. So two candidates never both rely on
//! the lease, and each term has a number of its own, its epoch, larger than any before it.
//!
//! What is lost with the lease is only the right to write: the alerts of two leaders are the same
//! alerts. That is why a leader who cannot reach the API server goes on, detached, until it sees
//! that somebody else holds the lease.

use std::time::Duration;

use tokio::time::Instant;

/// Longest time for which a holder of another kind may claim a lease without renewing it.
const LONGEST_CLAIM: Duration = Duration::from_secs(60);
/// Epochs are stored as 32 bits.
const LAST_EPOCH: i64 = i32::MAX as i64;

/// How long a lease lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A lease that was not seen to change for so long may be taken.
    pub lease: Duration,
    /// A holder that did not renew for so long does not rely on it any more.
    pub deadline: Duration,
    /// Pause between two attempts.
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// What a Lease says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who holds it; empty where it was released.
    pub holder: String,
    /// How often it has changed hands: the epoch of the holder's term.
    pub transitions: i64,
    /// For how long after a change it is live.
    pub duration: Duration,
    /// Version of the object.
    pub version: String,
}

/// Something to be asked of the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// What does the lease say?
    Read,
    /// Make the lease, held by the candidate.
    Create {
        /// The epoch.
        transitions: i64,
    },
    /// Hold the lease, if it still has this version.
    Hold {
        /// The epoch.
        transitions: i64,
        /// The version that was seen.
        version: String,
    },
    /// Let the lease go, if it still has this version.
    Release {
        /// The epoch, which stays.
        transitions: i64,
        /// The version that was seen.
        version: String,
    },
}

/// What the API server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The lease as it is now.
    Lease(Record),
    /// There is none.
    Absent,
    /// Somebody else was faster.
    Conflict,
    /// Nothing that helps; the request may have been carried out.
    Failed(String),
}

/// Where a candidate stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is no election: it leads, and perhaps others do too.
    Unopposed,
    /// It does not lead.
    Standby {
        /// Who leads, as far as is known.
        leader: Option<String>,
        /// Why it could not lead.
        obstacle: Option<String>,
    },
    /// It leads.
    Leading {
        /// Number of its term.
        epoch: i64,
    },
    /// It has led, cannot renew its lease, and knows of nobody else who leads.
    Detached {
        /// Number of its term.
        epoch: i64,
        /// Why it cannot renew.
        obstacle: String,
    },
}

impl Standing {
    /// Whether it runs the jobs.
    pub fn leads(&self) -> bool {
        !matches!(self, Self::Standby { .. })
    }

    /// Number of its term, where there is an election and it leads.
    pub fn epoch(&self) -> Option<i64> {
        match self {
            Self::Leading { epoch } | Self::Detached { epoch, .. } => Some(*epoch),
            Self::Unopposed | Self::Standby { .. } => None,
        }
    }
}

/// One who would lead. In each turn it is asked for [requests](Self::request) and given the
/// answers, until it has no more.
#[derive(Clone, Debug)]
pub struct Candidate {
    identity: String,
    timing: Timing,
    /// The highest epoch that any job's status holds; none while the jobs are not known.
    floor: Option<i64>,
    seen: Seen,
    term: Option<Term>,
    turn: Turn,
    obstacle: Option<String>,
}

/// The lease as it was last seen.
#[derive(Clone, Debug, Default)]
struct Seen {
    record: Option<Record>,
    /// When somebody else's hold on it was last seen to change.
    foreign: Option<Foreign>,
    /// The highest number that it had.
    transitions: i64,
}

#[derive(Clone, Copy, Debug)]
struct Foreign {
    since: Instant,
    duration: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Term {
    epoch: i64,
    renewed: Instant,
}

/// How far a turn has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Over,
    /// The lease must be read.
    Look,
    /// What is known of the lease is good enough to write; if it turns out that it is not, the
    /// holder may look once.
    Act {
        may_look: bool,
    },
}

impl Candidate {
    /// A candidate that knows nothing yet. No other may ever have the same identity.
    pub fn new(identity: String, timing: Timing) -> Self {
        Self {
            identity,
            timing,
            floor: None,
            seen: Seen::default(),
            term: None,
            turn: Turn::Over,
            obstacle: None,
        }
    }

    /// Tells the highest epoch that any job's status holds. It wants no term before it knows; and
    /// a higher epoch than its own means that its term is over.
    pub fn know(&mut self, floor: i64) {
        let floor = floor.min(LAST_EPOCH);
        self.floor = Some(floor);
        self.term = self.term.filter(|term| term.epoch >= floor);
    }

    /// Begins a turn.
    pub fn begin(&mut self) {
        let holds = self.term.is_some() && self.holder() == Some(&self.identity);
        self.turn = match holds {
            true => Turn::Act { may_look: true },
            false => Turn::Look,
        };
    }

    /// What to ask next; nothing: the turn is over.
    pub fn request(&self, now: Instant) -> Option<Request> {
        match self.turn {
            Turn::Over => None,
            Turn::Look => Some(Request::Read),
            Turn::Act { .. } => self.claim(now),
        }
    }

    /// Takes in the answer to a request that was begun at `asked`.
    pub fn answered(&mut self, request: &Request, answer: Answer, asked: Instant, now: Instant) {
        if let Answer::Failed(why) = answer {
            self.obstacle = Some(why);
            self.turn = Turn::Over;
            return;
        }
        self.obstacle = None;
        match (request, answer) {
            (Request::Read, Answer::Lease(record)) => self.look(Some(record), now),
            (Request::Read, _) => self.look(None, now),
            (_, Answer::Lease(record)) => {
                let epoch = record.transitions;
                self.see(Some(record), now);
                self.term = (self.holder() == Some(&self.identity)).then_some(Term {
                    epoch,
                    renewed: asked,
                });
                self.turn = Turn::Over;
            }
            _ => {
                self.turn = match self.turn {
                    Turn::Act { may_look: true } => Turn::Look,
                    _ => Turn::Over,
                }
            }
        }
    }

    /// Ends the term, if there is one: what to ask then.
    pub fn resign(&mut self) -> Option<Request> {
        let term = self.term.take()?;
        let record = self.seen.record.as_ref();
        let own = record.filter(|record| record.holder == self.identity)?;
        Some(Request::Release {
            transitions: term.epoch,
            version: own.version.clone(),
        })
    }

    /// Where it stands.
    pub fn standing(&self, now: Instant) -> Standing {
        match self.term {
            None => Standing::Standby {
                leader: self
                    .holder()
                    .filter(|holder| **holder != self.identity)
                    .cloned(),
                obstacle: self.obstacle.clone(),
            },
            Some(Term { epoch, renewed }) if now < renewed + self.timing.deadline => {
                Standing::Leading { epoch }
            }
            Some(Term { epoch, .. }) => Standing::Detached {
                epoch,
                obstacle: self.obstacle.clone().unwrap_or_else(|| {
                    format!(
                        "not renewed within {} s",
                        self.timing.deadline.as_secs_f32()
                    )
                }),
            },
        }
    }

    fn holder(&self) -> Option<&String> {
        let record = self.seen.record.as_ref()?;
        Some(&record.holder).filter(|holder| !holder.is_empty())
    }

    fn look(&mut self, record: Option<Record>, now: Instant) {
        self.see(record, now);
        let deposed = match (&self.seen.record, self.term) {
            (Some(record), Some(term)) => {
                record.transitions > term.epoch || self.is_foreign(&record.holder)
            }
            _ => false,
        };
        if deposed {
            self.term = None;
        }
        self.turn = Turn::Act { may_look: false };
    }

    fn see(&mut self, record: Option<Record>, now: Instant) {
        if let Some(record) = &record {
            let known = self.seen.record.as_ref().map(|known| &known.version);
            if !self.is_foreign(&record.holder) {
                self.seen.foreign = None;
            } else if known != Some(&record.version) {
                self.seen.foreign = Some(Foreign {
                    since: now,
                    duration: record.duration.min(LONGEST_CLAIM),
                });
            }
            self.seen.transitions = self.seen.transitions.max(record.transitions);
        }
        self.seen.record = record;
    }

    fn is_foreign(&self, holder: &str) -> bool {
        !holder.is_empty() && holder != self.identity
    }

    /// The write that would hold the lease, if it may be held. A lease that was deleted under its
    /// holder is still live for the others: the holder goes on until it notices.
    fn claim(&self, now: Instant) -> Option<Request> {
        let transitions = match self.term {
            Some(term) => term.epoch,
            None => {
                let foreign = self.seen.foreign;
                let live = foreign.is_some_and(|foreign| now < foreign.since + foreign.duration);
                self.next_epoch().filter(|_| !live)?
            }
        };
        Some(match &self.seen.record {
            None => Request::Create { transitions },
            Some(record) => Request::Hold {
                transitions,
                version: record.version.clone(),
            },
        })
    }

    fn next_epoch(&self) -> Option<i64> {
        let last = self.floor?.max(self.seen.transitions);
        Some(last.saturating_add(1).min(LAST_EPOCH))
    }
}

#[cfg(test)]
mod tests;
