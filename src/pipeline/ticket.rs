//! What a reader hands along with the pages of a window, so that the window is committed only
//! after every page of it was acknowledged. Acknowledging is a call; a ticket that is dropped
//! without it is reported as lost.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::{
    detect::event::gap::Gap,
    pipeline::{active::ActiveFrom, ledger::Entry, progress::RuleMatches, window::Window},
};

/// Windows that are read ahead of those whose alerts are still under way.
const WINDOWS_UNDER_WAY: usize = 8;

/// What was made of one page, or of one window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Documents read.
    pub documents: u64,
    /// Audit events read.
    pub events: u64,
    /// Events of which the end is missing.
    pub cut_off: u64,
    /// Documents, and elements of batches, that hold no audit event that could be read.
    pub quarantined: u64,
    /// Alerts that were new in the sink.
    pub created: u64,
    /// Alerts that the sink had already.
    pub duplicate: u64,
    /// Alerts among the new ones that were found by reading again.
    pub late: u64,
    /// Alerts of each rule; none by reading again, which meets most of them a second time.
    pub matches: BTreeMap<String, RuleMatches>,
    /// Events that a rule could not decide, by the rule and the reason; none by reading again.
    pub undecided: BTreeMap<(String, Gap), u64>,
}

impl Tally {
    /// Adds another tally to this one.
    pub fn add(&mut self, other: Tally) {
        let Tally {
            documents,
            events,
            cut_off,
            quarantined,
            created,
            duplicate,
            late,
            matches,
            undecided,
        } = other;
        self.documents += documents;
        self.events += events;
        self.cut_off += cut_off;
        self.quarantined += quarantined;
        self.created += created;
        self.duplicate += duplicate;
        self.late += late;
        for (rule, more) in matches {
            self.add_matches(&rule, more.count, more.last);
        }
        for (gap, events) in undecided {
            *self.undecided.entry(gap).or_default() += events;
        }
    }

    /// What counts of documents most of which were counted before: what is new in the sink, and
    /// what the documents hold.
    fn of_repair(self) -> Self {
        Self {
            duplicate: 0,
            late: self.created,
            matches: BTreeMap::new(),
            undecided: BTreeMap::new(),
            ..self
        }
    }

    /// Adds alerts of one rule, the last of them at `last`.
    pub fn add_matches(&mut self, rule: &str, count: u64, last: Timestamp) {
        match self.matches.get_mut(rule) {
            Some(known) => {
                known.count += count;
                known.last = known.last.max(last);
            }
            None => {
                self.matches
                    .insert(rule.to_owned(), RuleMatches { count, last });
            }
        }
    }
}

/// Why a window is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It is the next one.
    Forward,
    /// It, or what it is a part of, holds something else than when it was read first.
    Repair,
}

/// News of the windows, in the order of their happening.
#[derive(Debug)]
pub enum Receipt {
    /// An attempt to read a window began.
    Opened {
        /// Number of the attempt.
        attempt: u64,
        /// What is read.
        window: Window,
        /// Why.
        purpose: Purpose,
    },
    /// The window was read to its end.
    Closed {
        /// Number of the attempt.
        attempt: u64,
        /// Pages that it had, a ticket for each.
        pages: u64,
        /// What it says about the source.
        entry: Entry,
    },
    /// The attempt was given up; another one will begin at the same instant.
    Abandoned {
        /// Number of the attempt.
        attempt: u64,
    },
    /// Everything that a page led to is acknowledged.
    Acked {
        /// Number of the attempt.
        attempt: u64,
        /// What the page led to.
        tally: Tally,
    },
    /// Rules came that the job did not begin with.
    Rules {
        /// All of them, and since when they are in force.
        active_from: Arc<ActiveFrom>,
    },
    /// A ticket was dropped: nobody will ever acknowledge that page.
    Lost {
        /// Number of the attempt.
        attempt: u64,
    },
}

/// Issues the attempts to read windows.
#[derive(Debug)]
pub struct Attempts {
    receipts: mpsc::UnboundedSender<Receipt>,
    room: Arc<Semaphore>,
    issued: u64,
}

impl Attempts {
    /// The issuer, and where its receipts arrive.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Receipt>) {
        let (receipts, arriving) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(WINDOWS_UNDER_WAY));
        let attempts = Self {
            receipts,
            room,
            issued: 0,
        };
        (attempts, arriving)
    }

    /// Begins to read a window, as soon as the alerts of earlier ones have left room for it.
    pub async fn open(&mut self, window: Window, purpose: Purpose) -> Attempt {
        let permit = Arc::clone(&self.room)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        self.issued += 1;
        let attempt = self.issued;
        self.tell(Receipt::Opened {
            attempt,
            window,
            purpose,
        });
        Attempt {
            number: attempt,
            purpose,
            pages: 0,
            closed: false,
            receipts: self.receipts.clone(),
            room: Arc::new(permit),
        }
    }

    /// Tells since when rules are in force that the job did not begin with.
    pub fn note_rules(&self, active_from: Arc<ActiveFrom>) {
        self.tell(Receipt::Rules { active_from });
    }

    fn tell(&self, receipt: Receipt) {
        // Without a receiver the pipeline is ending, and the window stays uncommitted.
        let _ = self.receipts.send(receipt);
    }
}

/// One attempt to read one window. Dropped before [`close`](Self::close), it is abandoned.
#[derive(Debug)]
pub struct Attempt {
    number: u64,
    purpose: Purpose,
    pages: u64,
    closed: bool,
    receipts: mpsc::UnboundedSender<Receipt>,
    room: Arc<OwnedSemaphorePermit>,
}

impl Attempt {
    /// The ticket of the next page.
    pub fn ticket(&mut self) -> Ticket {
        self.pages += 1;
        Ticket {
            attempt: self.number,
            purpose: self.purpose,
            acked: false,
            receipts: self.receipts.clone(),
            _room: Arc::clone(&self.room),
        }
    }

    /// The window was read to its end.
    pub fn close(mut self, entry: Entry) {
        self.closed = true;
        let _ = self.receipts.send(Receipt::Closed {
            attempt: self.number,
            pages: self.pages,
            entry,
        });
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.closed {
            let _ = self.receipts.send(Receipt::Abandoned {
                attempt: self.number,
            });
        }
    }
}

/// Stands for one page until all that it led to is acknowledged.
#[derive(Debug)]
pub struct Ticket {
    attempt: u64,
    purpose: Purpose,
    acked: bool,
    receipts: mpsc::UnboundedSender<Receipt>,
    _room: Arc<OwnedSemaphorePermit>,
}

impl Ticket {
    /// Every alert of the page is in the sink.
    pub fn ack(mut self, mut tally: Tally) {
        self.acked = true;
        if self.purpose == Purpose::Repair {
            tally = tally.of_repair();
        }
        let _ = self.receipts.send(Receipt::Acked {
            attempt: self.attempt,
            tally,
        });
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.acked {
            let _ = self.receipts.send(Receipt::Lost {
                attempt: self.attempt,
            });
        }
    }
}
