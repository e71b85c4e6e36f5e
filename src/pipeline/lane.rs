//! The queues of alerts on their way to the sink: one lane for each category, so that a category
//! whose index refuses is waited for alone. What is refused for its content is sent in the forms of
//! [`item`](super::item) one after the other; what is refused in all of them moves to a slow lane of
//! its own, where it holds its window but nothing else.
//!
//! Pure: what to send now, and what an answer means.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
};

use tokio::time::Instant;

use crate::pipeline::{
    item::{Form, Item},
    ports::{AddressedAlert, Fault, FaultReason, Outcome, Remedy},
    retry::Backoff,
};

/// Most alerts in one request.
const LARGEST_BATCH: usize = 500;

/// Most bytes in one request, unless one alert alone is larger.
const LARGEST_BYTES: usize = 4 << 20;

/// Queued alerts above which there is no room for more.
const QUEUED: usize = 2_000;

/// Bytes of queued alerts above which there is no room for more.
const QUEUED_BYTES: usize = 16 << 20;

/// Which lane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LaneName {
    category: String,
    refused: bool,
}

impl std::fmt::Display for LaneName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { category, refused } = self;
        let suffix = if *refused { " (refused)" } else { "" };
        write!(f, "{category}{suffix}")
    }
}

/// Items that are sent in one request.
#[derive(Debug)]
pub struct Batch {
    /// Where they came from.
    pub lane: LaneName,
    items: Vec<Item>,
}

impl Batch {
    /// What is sent, in order.
    pub fn alerts(&self) -> Vec<AddressedAlert> {
        self.items.iter().map(|item| item.sent().clone()).collect()
    }
}

/// What an answer led to.
#[derive(Debug, Default)]
pub struct Settled {
    /// Alerts that are in the sink: the page of each, and whether it was new.
    pub acked: Vec<(u64, bool)>,
    /// Lanes that have to wait, and why.
    pub waiting: Vec<(LaneName, Fault)>,
    /// Whether the lane of the request has nothing to wait for.
    pub passed: bool,
    /// Alerts that are sent again.
    pub retried: u64,
    /// Refusals for what is in an alert.
    pub rejected: u64,
    /// Alerts whose id is held by another one: they are sent again under one of their own.
    pub taken: u64,
    /// Alerts that are in the quarantine index now.
    pub quarantined: u64,
    /// What the request says about the load of the server.
    pub load: Load,
}

/// What a request says about the load of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Load {
    /// It took the request.
    Good,
    /// It has too much to do.
    Overloaded,
    /// Nothing.
    #[default]
    Unknown,
}

/// All lanes of one pipeline.
#[derive(Debug, Default)]
pub struct Lanes {
    lanes: BTreeMap<LaneName, Lane>,
    /// The lane that sent last: the next one comes first.
    last: Option<LaneName>,
    queued: usize,
    queued_bytes: usize,
}

#[derive(Debug)]
struct Lane {
    queue: VecDeque<Item>,
    backoff: Backoff,
    not_before: Option<Instant>,
    largest: usize,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            backoff: Backoff::default(),
            not_before: None,
            largest: LARGEST_BATCH,
        }
    }
}

impl Lane {
    /// As many items as one request may have.
    fn take(&mut self) -> Vec<Item> {
        let (mut count, mut bytes) = (0, 0);
        for item in self.queue.iter().take(self.largest) {
            bytes += item.bytes();
            if count > 0 && bytes > LARGEST_BYTES {
                break;
            }
            count += 1;
        }
        self.queue.drain(..count).collect()
    }

    /// The next request holds half of what the last one held.
    fn shrink(&mut self, last: usize) {
        self.largest = (last / 2).max(1);
    }
}

impl Lanes {
    /// Queues an alert in the lane of its category.
    pub fn push(&mut self, item: Item) {
        let name = LaneName {
            category: item.category().to_owned(),
            refused: false,
        };
        self.queued += 1;
        self.queued_bytes += item.bytes();
        self.lane(&name).queue.push_back(item);
    }

    /// Whether another page's alerts may be queued. Those in a request do not count.
    pub fn has_room(&self) -> bool {
        self.queued < QUEUED && self.queued_bytes < QUEUED_BYTES
    }

    /// The next batch, from the lanes in turn, leaving out those that wait.
    pub fn take(&mut self, now: Instant) -> Option<Batch> {
        let ready = |(_, lane): &(&LaneName, &Lane)| {
            !lane.queue.is_empty() && lane.not_before.is_none_or(|instant| instant <= now)
        };
        let name = match &self.last {
            Some(last) => {
                let after = (Bound::Excluded(last.clone()), Bound::Unbounded);
                let mut turn = self.lanes.range(after).chain(&self.lanes);
                turn.find(ready)
            }
            None => self.lanes.iter().find(ready),
        }
        .map(|(name, _)| name.clone())?;
        let items = self.lane(&name).take();
        self.queued -= items.len();
        self.queued_bytes -= bytes(&items);
        self.last = Some(name.clone());
        Some(Batch { lane: name, items })
    }

    /// When a waiting lane may send again.
    pub fn wake(&self) -> Option<Instant> {
        self.lanes
            .values()
            .filter(|lane| !lane.queue.is_empty())
            .filter_map(|lane| lane.not_before)
            .min()
    }

    /// Takes note of the answer to a batch: what is not in the sink is queued again.
    pub fn answered(
        &mut self,
        batch: Batch,
        answer: Result<Vec<Outcome>, Fault>,
        now: Instant,
    ) -> Settled {
        let Batch { lane, items } = batch;
        match answer {
            Ok(outcomes) if outcomes.len() == items.len() => {
                self.item_by_item(&lane, items, outcomes, now)
            }
            Ok(_) => self.all_unknown(&lane, items, incomplete_answer(), now),
            Err(fault) if items.len() == 1 && refuses_alone(&fault) => {
                self.item_by_item(&lane, items, vec![Outcome::Rejected(fault)], now)
            }
            Err(fault) => self.all_unknown(&lane, items, fault, now),
        }
    }

    fn all_unknown(
        &mut self,
        name: &LaneName,
        items: Vec<Item>,
        fault: Fault,
        now: Instant,
    ) -> Settled {
        let overloaded = is_overload(&fault);
        if fault.remedy == Remedy::Shrink || overloaded {
            self.lane(name).shrink(items.len());
        }
        let retried = items.len() as u64;
        self.requeue(name, items);
        self.wait(name, &fault, now);
        Settled {
            retried,
            waiting: vec![(name.clone(), fault)],
            load: if overloaded {
                Load::Overloaded
            } else {
                Load::Unknown
            },
            ..Settled::default()
        }
    }

    fn item_by_item(
        &mut self,
        name: &LaneName,
        items: Vec<Item>,
        outcomes: Vec<Outcome>,
        now: Instant,
    ) -> Settled {
        let sent = items.len();
        let mut settled = Settled {
            load: Load::Good,
            ..Settled::default()
        };
        let (mut again, mut refused) = (Vec::new(), Vec::new());
        let (mut retry_fault, mut refusal) = (None, None);
        for (mut item, outcome) in items.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Created => settled.ack(&item, true),
                Outcome::Duplicate => settled.ack(&item, false),
                Outcome::Taken => {
                    settled.taken += 1;
                    item.take_own_id();
                    again.push(item);
                }
                Outcome::Retry(fault) => {
                    settled.retry(&fault);
                    retry_fault = Some(longer(retry_fault, fault));
                    again.push(item);
                }
                Outcome::Rejected(fault) => {
                    settled.rejected += 1;
                    if item.give_way(&fault) {
                        again.push(item);
                    } else {
                        refusal = Some(fault);
                        refused.push(item);
                    }
                }
            }
        }
        if settled.load == Load::Overloaded {
            self.lane(name).shrink(sent);
        }
        self.requeue(name, again);
        if let Some(fault) = refusal {
            self.hold(name, refused, fault, now, &mut settled);
        }
        match retry_fault {
            Some(fault) => {
                self.wait(name, &fault, now);
                settled.waiting.push((name.clone(), fault));
            }
            None if settled.acked.is_empty() => {}
            None => settled.passed = self.pass(name, now),
        }
        settled
    }

    /// Moves items that are refused in every form to the slow lane of their category.
    fn hold(
        &mut self,
        name: &LaneName,
        refused: Vec<Item>,
        fault: Fault,
        now: Instant,
        settled: &mut Settled,
    ) {
        let slow = LaneName {
            category: name.category.clone(),
            refused: true,
        };
        let fault = Fault {
            reason: FaultReason::SinkRejecting,
            ..fault
        };
        self.requeue(&slow, refused);
        self.wait(&slow, &fault, now);
        settled.waiting.push((slow, fault));
    }

    /// Puts items back to the front, in their order.
    fn requeue(&mut self, name: &LaneName, items: Vec<Item>) {
        self.queued += items.len();
        self.queued_bytes += bytes(&items);
        let queue = &mut self.lane(name).queue;
        for item in items.into_iter().rev() {
            queue.push_front(item);
        }
    }

    fn wait(&mut self, name: &LaneName, fault: &Fault, now: Instant) {
        let lane = self.lane(name);
        let until = now + lane.backoff.pause(fault);
        lane.not_before = lane.not_before.max(Some(until));
    }

    /// A request of the lane went well: unless another one made it wait, all is well with it.
    fn pass(&mut self, name: &LaneName, now: Instant) -> bool {
        let lane = self.lane(name);
        let waits = lane.not_before.is_some_and(|instant| instant > now);
        if !waits {
            lane.not_before = None;
            lane.backoff.reset();
            lane.largest = (lane.largest * 2).min(LARGEST_BATCH);
        }
        !waits
    }

    fn lane(&mut self, name: &LaneName) -> &mut Lane {
        self.lanes.entry(name.clone()).or_default()
    }
}

impl Settled {
    fn ack(&mut self, item: &Item, is_new: bool) {
        self.acked.push((item.page, is_new));
        self.quarantined += u64::from(is_new && item.form() == Form::Quarantined);
    }

    fn retry(&mut self, fault: &Fault) {
        self.retried += 1;
        if is_overload(fault) {
            self.load = Load::Overloaded;
        }
    }
}

fn bytes(items: &[Item]) -> usize {
    items.iter().map(Item::bytes).sum()
}

fn is_overload(fault: &Fault) -> bool {
    fault.reason == FaultReason::TooManyRequests
}

/// Whether a fault of a request that held one alert tells something about that alert.
fn refuses_alone(fault: &Fault) -> bool {
    fault.remedy == Remedy::Shrink && fault.reason == FaultReason::SinkRejecting
}

/// The fault that asks for the longer pause.
fn longer(known: Option<Fault>, fault: Fault) -> Fault {
    match known {
        Some(known) if known.retry_after >= fault.retry_after => known,
        _ => fault,
    }
}

fn incomplete_answer() -> Fault {
    Fault {
        reason: FaultReason::ElasticsearchUnavailable,
        message: "the answer does not tell the outcome of every alert".to_owned(),
        remedy: Remedy::Retry,
        retry_after: None,
    }
}

#[cfg(test)]
mod tests;
