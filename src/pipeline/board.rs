//! The progress of all plans, gathered from their tasks and published by one publisher.

mod entry;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep},
};

use self::entry::Entry;
use crate::{
    detect::{analyse::Quarantined, ruleset::RuleSet},
    pipeline::{
        cursor::Commit,
        diff::reads_alike,
        plan::{Plan, PlanId},
        ports::{Coverage, Fault},
        progress::{Checkpoint, Counts, Progress, State},
        pushdown::Pushdown,
        totals::Totals,
    },
};

/// What is published: the progress of every plan.
pub type Published = Arc<BTreeMap<PlanId, Progress>>;

/// Changes that come close together are published together.
const COALESCE: Duration = Duration::from_millis(200);

/// Where the tasks of all plans report. Clones are the same board.
#[derive(Clone, Debug, Default)]
pub struct Board {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    content: Mutex<Content>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Content {
    entries: BTreeMap<PlanId, Entry>,
    totals: BTreeMap<String, Totals>,
    seats: u64,
}

/// The right to begin the next run of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat(u64);

/// A reading of the source's clock, and when it was taken.
#[derive(Clone, Copy, Debug)]
pub struct SourceTime {
    time: Timestamp,
    read: Instant,
}

impl SourceTime {
    /// The source's clock shows this time now.
    pub fn new(time: Timestamp) -> Self {
        Self {
            time,
            read: Instant::now(),
        }
    }

    /// What the source's clock shows now, if it runs like ours.
    pub fn now(self) -> Timestamp {
        let gone = SignedDuration::try_from(self.read.elapsed()).unwrap_or_default();
        self.time.checked_add(gone).unwrap_or(Timestamp::MAX)
    }
}

/// Where in a pipeline something is waited for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The pipeline as a whole.
    Pipeline,
    /// Reading.
    Source,
    /// Pushing, by the name of the lane.
    Lane(String),
}

impl Board {
    /// Enters a plan, or a new form of it. What an earlier form still reports is taken until the
    /// new one begins.
    pub fn enter(&self, plan: &Plan) -> Seat {
        let mut content = self.content();
        content.seats += 1;
        let seat = Seat(content.seats);
        content
            .entries
            .entry(plan.id.clone())
            .and_modify(|entry| entry.next = seat)
            .or_insert_with(|| Entry::new(seat, plan, None));
        drop(content);
        self.shared.changed.notify_one();
        seat
    }

    /// Begins a run of a plan, from `checkpoint` on. What its rules have found before is kept.
    /// `None`: the plan was removed, or another form of it was entered.
    pub fn begin(
        &self,
        plan: &Plan,
        seat: Seat,
        checkpoint: Option<Checkpoint>,
    ) -> Option<Reporter> {
        let mut content = self.content();
        let entry = content.entries.get_mut(&plan.id)?;
        if entry.next != seat {
            return None;
        }
        let matches = std::mem::take(&mut entry.progress.matches);
        let undecided = std::mem::take(&mut entry.progress.undecided);
        *entry = Entry::new(seat, plan, checkpoint);
        entry.progress.matches = matches;
        entry.progress.undecided = undecided;
        entry.current = Some(seat);
        drop(content);
        self.shared.changed.notify_one();
        Some(Reporter {
            board: self.clone(),
            id: plan.id.clone(),
            seat,
        })
    }

    /// The last commit of a plan, if it was made reading the same documents.
    pub fn checkpoint(&self, plan: &Plan) -> Option<Checkpoint> {
        let content = self.content();
        let entry = content.entries.get(&plan.id)?;
        let checkpoint = entry.progress.checkpoint.clone();
        checkpoint.filter(|_| reads_alike(&entry.plan, plan))
    }

    /// Forgets a plan; its totals stay.
    pub fn remove(&self, id: &PlanId) {
        self.content().entries.remove(id);
        self.shared.changed.notify_one();
    }

    /// Totals by job, `namespace/name`.
    pub fn totals(&self) -> BTreeMap<String, Totals> {
        self.content().totals.clone()
    }

    /// Publishes every change soon after it was reported. Never ends.
    pub async fn publish(&self, published: &watch::Sender<Published>) -> Infallible {
        loop {
            self.shared.changed.notified().await;
            sleep(COALESCE).await;
            self.publish_now(published);
        }
    }

    /// Publishes what is known now.
    pub fn publish_now(&self, published: &watch::Sender<Published>) {
        let all: BTreeMap<_, _> = self
            .content()
            .entries
            .iter()
            .map(|(id, entry)| (id.clone(), entry.progress.clone()))
            .collect();
        published.send_if_modified(|last| {
            let modified = **last != all;
            if modified {
                *last = Arc::new(all);
            }
            modified
        });
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        // Whoever panicked here left whole values behind: each is replaced in one go.
        self.shared
            .content
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// How one run of a plan reports what it does.
#[derive(Clone, Debug)]
pub struct Reporter {
    board: Board,
    id: PlanId,
    seat: Seat,
}

impl Reporter {
    /// Whose progress it is.
    pub fn plan(&self) -> &PlanId {
        &self.id
    }

    /// The last commit.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        let content = self.board.content();
        content.entries.get(&self.id)?.progress.checkpoint.clone()
    }

    /// This set of rules is loaded; matches of rules that are gone are forgotten.
    pub fn loaded(&self, rules: &RuleSet) {
        let loaded = |key: &str| rules.rules().iter().any(|rule| rule.key() == key);
        self.update(|entry| {
            entry.progress.rules_loaded = rules.len();
            entry.progress.rules_revision = rules.revision().to_owned();
            entry.progress.matches.retain(|rule, _| loaded(rule));
            entry.progress.undecided.retain(|(rule, _), _| loaded(rule));
        });
    }

    /// The source was asked for its time.
    pub fn looked(&self, time: SourceTime) {
        self.update(|entry| entry.looked = Some(time));
    }

    /// What was found so far does not count: the range is read again from its start.
    pub fn begin_anew(&self) {
        self.update(|entry| {
            entry.progress.checkpoint = None;
            entry.progress.counts = Counts::default();
            entry.progress.matches.clear();
            entry.progress.undecided.clear();
            entry.progress.left_out = 0;
        });
    }

    /// So many documents lack the time field, or have one that cannot be.
    pub fn without_time(&self, documents: u64) {
        self.update(|entry| entry.progress.without_time = Some(documents));
    }

    /// The source left so many events out of a window.
    pub fn left_out(&self, events: u64) {
        if events > 0 {
            self.update(|entry| {
                entry.left_out += events;
                entry.progress.left_out += events;
            });
        }
    }

    /// These documents hold no audit event that could be read.
    pub fn rejected(&self, documents: &[Quarantined]) {
        if !documents.is_empty() {
            self.update(|entry| entry.reject(documents));
        }
    }

    /// This is left out of the source, or rebuilt.
    pub fn coverage(&self, coverage: &Coverage) {
        self.update(|entry| entry.progress.cover(coverage));
    }

    /// A window was opened, and this became of the requirement of its rules.
    pub fn pushdown(&self, pushdown: Pushdown) {
        self.update(|entry| entry.progress.pushdown = Some(pushdown));
    }

    /// A fault of a server stands in the way somewhere, and is being retried.
    pub fn waiting(&self, place: Place, fault: &Fault) {
        self.waits(place, fault);
        self.count(|totals| *totals.faults.entry(fault.reason).or_default() += 1);
    }

    /// Something else than a server stands in the way.
    pub fn waits(&self, place: Place, fault: &Fault) {
        let waiting = State::Waiting {
            reason: fault.reason,
            message: fault.message.clone(),
        };
        self.update(|entry| {
            entry.waits.insert(place, waiting);
        });
    }

    /// Nothing stands in the way there any more.
    pub fn passed(&self, place: &Place) {
        self.update(|entry| {
            entry.waits.remove(place);
        });
    }

    /// The pipeline broke; it begins again at the last commit.
    pub fn broke(&self, fault: &Fault) {
        self.update(|entry| {
            entry.waits.clear();
            let checkpoint = entry.progress.checkpoint.as_ref();
            entry.progress.counts = checkpoint.map(|done| done.counts).unwrap_or_default();
        });
        self.count(|totals| totals.restarts += 1);
        self.waits(Place::Pipeline, fault);
    }

    /// The counts with the windows under way.
    pub fn counted(&self, counts: Counts) {
        self.update(|entry| entry.progress.counts = counts);
    }

    /// Windows were committed.
    pub fn committed(&self, commit: Commit) {
        self.update(|entry| entry.commit(commit));
    }

    /// Everything is read and pushed.
    pub fn complete(&self) {
        self.update(|entry| entry.complete = true);
    }

    /// Counts something in the totals of the job.
    pub fn count(&self, count: impl FnOnce(&mut Totals)) {
        let mut content = self.board.content();
        count(content.totals.entry(self.id.to_string()).or_default());
    }

    fn update(&self, change: impl FnOnce(&mut Entry)) {
        let mut content = self.board.content();
        let current = content.entries.get_mut(&self.id);
        if let Some(entry) = current.filter(|entry| entry.current == Some(self.seat)) {
            change(entry);
            entry.settle();
            self.board.shared.changed.notify_one();
        }
    }
}
