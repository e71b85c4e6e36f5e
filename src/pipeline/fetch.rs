//! The first stage: reads window after window and hands their pages on, each with its ticket; and
//! between two windows looks again at what was read, and reads again what has changed.
//!
//! Any fault is waited out here. A window that could not be read to its end is read again from its
//! start; what the first attempt led to is recognised by the sink.

mod window_reader;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, watch},
    time::{Duration, Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use self::window_reader::{Order, Setback, WindowRead, WindowReader};
use crate::{
    detect::{
        document::Document,
        ruleset::{Requirement, RuleSet},
    },
    pipeline::{
        absence::Absences,
        active::{ActiveFrom, ActiveRules},
        board::Reporter,
        crash,
        ledger::{Bucket, Entry, Ledger},
        link::Link,
        ports::Fault,
        sweep::{Reach, Repairs, Sweeps, span},
        ticket::{Attempts, Purpose, Ticket},
        window::{Horizon, Planner, Window},
    },
};

/// The longest span whose marks are asked for at once: a server counts no more than so many.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(60 * 24);

/// Documents that were read together.
#[derive(Debug)]
pub struct Page {
    /// The documents, in time order where the window was the newest.
    pub documents: Vec<Document>,
    /// To be acknowledged when everything that the page leads to is in the sink.
    pub ticket: Ticket,
    /// The rules that the view was opened for.
    pub rules: Arc<RuleSet>,
    /// What every event meets that the view delivers, where it leaves out others.
    pub requirement: Option<Arc<Requirement>>,
    /// Where documents are read again: the rules that are not to look at all of them.
    pub active_from: Option<Arc<ActiveFrom>>,
    /// The source's clock.
    pub now: Timestamp,
    /// Room that the documents take until they are analysed.
    pub room: OwnedSemaphorePermit,
}

impl Page {
    /// Whether it holds every event that these rules may match.
    pub fn serves(&self, rules: &RuleSet) -> bool {
        let requirement = self.requirement.as_ref();
        requirement.is_none() || requirement == rules.requirement().ok()
    }
}

/// What the stage is made of.
pub struct Fetch {
    /// The servers.
    pub link: Arc<Link>,
    /// Whether the source may leave out what no rule could match.
    pub pushdown: bool,
    /// The pause between two looks.
    pub fetch_delay: Duration,
    /// MiB of documents that may be on their way.
    pub page_memory: u32,
    /// The loaded rules.
    pub rules: watch::Receiver<Arc<RuleSet>>,
    /// Where the range starts.
    pub start: Timestamp,
    /// What is to be read next.
    pub planner: Planner,
    /// What was read.
    pub ledger: Ledger,
    /// Since when rules are in force.
    pub active: ActiveRules,
    /// How far it may be read.
    pub horizon: Horizon,
    /// Where windows are announced.
    pub attempts: Attempts,
    /// Where pages go.
    pub pages: mpsc::Sender<Page>,
    /// Where progress goes.
    pub reporter: Reporter,
}

/// Reads until the range is read, the next stage is gone, or it is told to stop.
pub async fn run(stage: Fetch, stop: CancellationToken) {
    let mut reader = Reader::new(stage);
    // Stopping drops the work wherever it waits: an open attempt is thereby abandoned.
    let _ = stop.run_until_cancelled(reader.read_range()).await;
    reader.windows.close_view().await;
}

/// The next stage is gone, and with it the reason to read.
struct Unwanted;

/// What came of looking again at what was read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mended {
    /// There is nothing to do.
    Nothing,
    /// There may be more to do.
    Something,
    /// A fault ended it.
    Failed,
}

struct Reader {
    windows: WindowReader,
    started: Instant,
    fetch_delay: Duration,
    start: Timestamp,
    forward: Planner,
    horizon: Horizon,
    active: ActiveRules,
    /// What was read, though it may not be committed yet.
    ledger: Ledger,
    sweeps: Sweeps,
    repairs: Repairs,
    absences: Absences,
}

impl Reader {
    fn new(stage: Fetch) -> Self {
        let Fetch {
            link,
            pushdown,
            fetch_delay,
            page_memory,
            rules,
            start,
            planner,
            ledger,
            active,
            horizon,
            attempts,
            pages,
            reporter,
        } = stage;
        Self {
            windows: WindowReader::new(
                link,
                pushdown,
                rules,
                attempts,
                pages,
                reporter,
                page_memory,
            ),
            started: Instant::now(),
            fetch_delay,
            start,
            forward: planner,
            horizon,
            active,
            ledger,
            sweeps: Sweeps::default(),
            repairs: Repairs::default(),
            absences: Absences::default(),
        }
    }

    /// Ends when the range is complete.
    async fn read_range(&mut self) -> Result<(), Unwanted> {
        loop {
            let looked = Instant::now();
            let next_look = looked + self.fetch_delay;
            match self.windows.look().await {
                Ok(time) => {
                    self.note_absences(self.forward.position());
                    let horizon = self.horizon.advance(time, self.started.elapsed());
                    self.read_until(horizon, next_look).await?;
                    if self.is_complete(horizon).await {
                        return Ok(());
                    }
                    sleep_until(next_look).await;
                }
                Err(fault) => self.windows.recover(&fault).await,
            }
        }
    }

    /// Reads what is new up to the horizon and what has changed, in turn, until there is nothing new
    /// and either nothing has changed or it is time for the next look.
    async fn read_until(&mut self, horizon: Timestamp, next_look: Instant) -> Result<(), Unwanted> {
        loop {
            let was_new = self.read_forward(horizon).await?;
            let mended = self.mend().await?;
            let is_time = mended == Mended::Nothing || Instant::now() >= next_look;
            if !was_new && is_time {
                if mended != Mended::Failed {
                    self.windows.passed();
                }
                return Ok(());
            }
        }
    }

    /// One attempt at the next window; tells whether there is one.
    async fn read_forward(&mut self, horizon: Timestamp) -> Result<bool, Unwanted> {
        let Some(window) = self.forward.next(horizon) else {
            return Ok(false);
        };
        let is_newest = window.end == horizon;
        let order = self.order(window, Purpose::Forward, is_newest).await;
        let read = self.windows.read(order, &self.forward).await;
        self.note_absences(window.start);
        match read {
            Ok(read) => {
                self.forward.done(window, read.documents, read.took);
                self.windows.left_out(&read.census, read.documents);
                let entry = Entry::Read(read.census);
                self.ledger.enter(&entry);
                self.ledger.forget_before(window.end);
                read.attempt.close(entry);
                self.windows.passed();
            }
            Err(setback) => give_way(&mut self.windows, &mut self.forward, window, setback).await?,
        }
        Ok(true)
    }

    /// Takes note of what was left out of what is read from `position` on. What is back is looked
    /// for at once.
    fn note_absences(&mut self, position: Timestamp) {
        let left_out = &self.windows.coverage().left_out;
        if self.absences.note(left_out, position) {
            self.sweeps.make_due();
        }
    }

    /// Reads again what was left out and lies further back than a sweep looks.
    async fn look_back(&mut self) -> Result<(), Fault> {
        let position = self.forward.position();
        let swept = span(Reach::Day, position, self.start, position);
        let end = swept.map_or(position, |span| span.start);
        while let Some((index, since)) = self.absences.back() {
            let index = index.to_owned();
            let start = Bucket::of(since).window().start.max(self.start);
            let stop = start.checked_add(LOOK_BACK).unwrap_or(end).min(end);
            if start >= stop {
                self.absences.looked(&index, None);
                continue;
            }
            let window = Window { start, end: stop };
            let census = self.windows.census_of(&index, window).await?;
            self.repairs.enter_all(&census);
            self.absences.looked(&index, Some(stop));
        }
        Ok(())
    }

    /// A sweep if one is due, and one attempt at a repair.
    async fn mend(&mut self) -> Result<Mended, Unwanted> {
        let mut looked = self.look_back().await;
        if looked.is_ok()
            && let Some(reach) = self.sweeps.due(self.started.elapsed())
        {
            looked = self.sweep(reach).await;
        }
        if let Err(fault) = looked {
            self.windows.recover(&fault).await;
            return Ok(Mended::Failed);
        }
        self.repair().await
    }

    async fn sweep(&mut self, reach: Reach) -> Result<(), Fault> {
        let position = self.forward.position();
        if let Some(span) = span(reach, position, self.start, position) {
            self.compare(span).await?;
        }
        if reach == Reach::Day {
            self.windows.count_without_time().await?;
        }
        self.sweeps.done(reach, self.started.elapsed());
        Ok(())
    }

    /// Compares what the source holds with what was read of a span; tells whether anything differs.
    async fn compare(&mut self, span: Window) -> Result<bool, Fault> {
        let census = self.windows.census(span).await?;
        Ok(self.repairs.enter(span, &self.ledger, &census))
    }

    /// One attempt at the next part of a repair.
    async fn repair(&mut self) -> Result<Mended, Unwanted> {
        let read = Window {
            start: self.start,
            end: self.forward.position(),
        };
        let Some(mut repair) = self.repairs.take(read, &self.ledger) else {
            return Ok(Mended::Nothing);
        };
        let mut mended = Mended::Something;
        if let Some(window) = repair.planner.next(Timestamp::MAX) {
            let order = self.order(window, Purpose::Repair, false).await;
            let read = self.windows.read(order, &repair.planner).await;
            self.note_absences(window.start);
            match read {
                Ok(WindowRead {
                    attempt,
                    documents,
                    census,
                    took,
                }) => {
                    repair.add(window, documents, &census, took);
                    let entry = repair.entry();
                    crash::point("sweep.before_ledger");
                    self.ledger.enter(&entry);
                    attempt.close(entry);
                    self.windows.passed();
                }
                Err(setback) => {
                    mended = Mended::Failed;
                    give_way(&mut self.windows, &mut repair.planner, window, setback).await?;
                }
            }
        }
        if !repair.planner.finished() {
            self.repairs.put_back(repair);
        }
        Ok(mended)
    }

    /// Whether the range has an end, all of it was read, and nothing of its last day has changed
    /// since.
    async fn is_complete(&mut self, horizon: Timestamp) -> bool {
        let is_back = self.absences.back().is_some();
        if is_back || !self.forward.finished() || !self.repairs.is_empty() {
            return false;
        }
        let Some(span) = span(Reach::Day, horizon, self.start, self.forward.position()) else {
            return true;
        };
        match self.compare(span).await {
            Ok(differs) => !differs,
            Err(fault) => {
                self.windows.recover(&fault).await;
                false
            }
        }
    }

    /// Takes note of the rules that a window is to be read for, as soon as there are any.
    async fn order(&mut self, window: Window, purpose: Purpose, in_order: bool) -> Order {
        let rules = self.windows.loaded_rules().await;
        if self.active.note(&rules, self.forward.position()) {
            self.windows.note_rules(self.active.from());
        }
        Order {
            window,
            rules,
            purpose,
            in_order,
            active_from: (purpose == Purpose::Repair).then(|| self.active.from()),
        }
    }
}

/// Makes ready to try again, maybe a smaller window.
async fn give_way(
    windows: &mut WindowReader,
    planner: &mut Planner,
    window: Window,
    setback: Setback,
) -> Result<(), Unwanted> {
    match setback {
        Setback::TooLarge(documents) => {
            planner.fit(window, documents);
            windows.close_view().await;
        }
        Setback::Fault(fault) => {
            planner.failed(window, fault.remedy);
            windows.recover(&fault).await;
        }
        Setback::Unwanted => return Err(Unwanted),
    }
    Ok(())
}
