//! The queues of alerts on their way to the sink: one lane for each category, so that a category
//! whose index refuses is waited for alone. What is refused for its content moves to a slow lane
//! of its own, where it holds its window but nothing else.
//!
//! Pure: what to send now, and what an answer means.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

use tokio::time::Instant;

use crate::{
    detect::alert::Alert,
    pipeline::{
        ports::{AddressedAlert, Fault, FaultReason, Outcome, Remedy},
        reduce::reduce,
        retry::Backoff,
    },
};

/// Most alerts in one request.
const LARGEST_BATCH: usize = 500;

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

/// An alert on its way.
#[derive(Clone, Debug)]
pub struct Item {
    /// Number of the page that it was found in.
    pub page: u64,
    /// The whole alert, and its index.
    whole: AddressedAlert,
    /// What is sent instead after the whole was refused.
    reduced: Option<Arc<Alert>>,
}

impl Item {
    /// An alert that was found in a page.
    pub fn new(page: u64, index: String, alert: Alert) -> Self {
        Self {
            page,
            whole: AddressedAlert {
                index,
                alert: Arc::new(alert),
            },
            reduced: None,
        }
    }

    fn addressed(&self) -> AddressedAlert {
        match &self.reduced {
            Some(reduced) => AddressedAlert {
                index: self.whole.index.clone(),
                alert: Arc::clone(reduced),
            },
            None => self.whole.clone(),
        }
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
        self.items.iter().map(Item::addressed).collect()
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
}

/// All lanes of one pipeline.
#[derive(Debug, Default)]
pub struct Lanes {
    lanes: BTreeMap<LaneName, Lane>,
    /// The lane that sent last: the next one comes first.
    last: Option<LaneName>,
    queued: usize,
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

impl Lanes {
    /// Queues an alert in the lane of its category.
    pub fn push(&mut self, item: Item) {
        let name = LaneName {
            category: item.whole.alert.category.clone(),
            refused: false,
        };
        self.queued += 1;
        self.lane(&name).queue.push_back(item);
    }

    /// Alerts that are queued; those in a request are not.
    pub fn queued(&self) -> usize {
        self.queued
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
        let lane = self.lane(&name);
        let count = lane.queue.len().min(lane.largest);
        let items: Vec<Item> = lane.queue.drain(..count).collect();
        self.queued -= count;
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
        if fault.remedy == Remedy::Shrink {
            self.lane(name).largest = (items.len() / 2).max(1);
        }
        let retried = items.len() as u64;
        self.requeue(name, items);
        self.wait(name, &fault, now);
        Settled {
            retried,
            waiting: vec![(name.clone(), fault)],
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
        let mut settled = Settled::default();
        let (mut again, mut refused) = (Vec::new(), Vec::new());
        let (mut retry_fault, mut refusal) = (None, None);
        for (mut item, outcome) in items.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Created => settled.acked.push((item.page, true)),
                Outcome::Duplicate | Outcome::Taken => settled.acked.push((item.page, false)),
                Outcome::Retry(fault) => {
                    settled.retried += 1;
                    retry_fault = Some(longer(retry_fault, fault));
                    again.push(item);
                }
                Outcome::Rejected(_) if item.reduced.is_none() => {
                    settled.rejected += 1;
                    item.reduced = Some(Arc::new(reduce(&item.whole.alert)));
                    again.push(item);
                }
                Outcome::Rejected(fault) => {
                    settled.rejected += 1;
                    item.reduced = None;
                    refusal = Some(fault);
                    refused.push(item);
                }
            }
        }
        self.requeue(name, again);
        let slow = LaneName {
            category: name.category.clone(),
            refused: true,
        };
        if let Some(fault) = refusal {
            self.requeue(&slow, refused);
            let fault = Fault {
                reason: FaultReason::SinkRejecting,
                ..fault
            };
            self.wait(&slow, &fault, now);
            settled.waiting.push((slow, fault));
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

    /// Puts items back to the front, in their order.
    fn requeue(&mut self, name: &LaneName, items: Vec<Item>) {
        self.queued += items.len();
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
