//! The first stage: reads window after window and hands its pages on, each with its ticket.
//!
//! Any fault is waited out here. A window that could not be read to its end is read again from its
//! start; what the first attempt led to is recognised by the sink.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{Duration, Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    detect::{document::Document, layout::Layout, ruleset::RuleSet},
    pipeline::{
        board::{Place, Reporter, SourceTime},
        link::{Ends, Link},
        ports::{Fault, FaultReason, FieldSet, Pages, Remedy},
        retry::Backoff,
        ticket::{Attempts, Ticket},
        window::{Horizon, Planner, Window},
    },
};

/// Bytes of documents that may be between this stage and the end of detection, in KiB.
const KIB_UNDER_WAY: u32 = 64 * 1024;
/// Attempts at one window after which it is halved.
const ATTEMPTS_AT_FULL_SIZE: u32 = 3;
/// How long giving up a view may take.
const CLOSING: Duration = Duration::from_secs(2);

/// Documents that were read together.
#[derive(Debug)]
pub struct Page {
    /// The documents, in time order.
    pub documents: Vec<Document>,
    /// To be acknowledged when everything that the page leads to is in the sink.
    pub ticket: Ticket,
    /// The rules that the view was opened for.
    pub rules: Arc<RuleSet>,
    /// What of the events the view delivers.
    pub fields: Arc<FieldSet>,
    /// The source's clock.
    pub now: Timestamp,
    /// Room that the documents take until they are analysed.
    pub room: OwnedSemaphorePermit,
}

/// What the stage is made of.
pub struct Fetch {
    /// The servers.
    pub link: Arc<Link>,
    /// How the documents are laid out.
    pub layout: Layout,
    /// The pause between two looks.
    pub fetch_delay: Duration,
    /// The loaded rules.
    pub rules: watch::Receiver<Arc<RuleSet>>,
    /// What is to be read next.
    pub planner: Planner,
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
    reader.close_view().await;
}

/// Why an attempt at a window ended early.
enum Setback {
    Fault(Fault),
    TooLarge(u64),
    /// The next stage is gone, and with it the reason to read.
    Unwanted,
}

impl From<Fault> for Setback {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

struct Reader {
    stage: Fetch,
    started: Instant,
    room: Arc<Semaphore>,
    time: Option<SourceTime>,
    ends: Option<Ends>,
    view: Option<Box<dyn Pages>>,
    backoff: Backoff,
    /// Attempts at the present window that a fault ended.
    failed: u32,
    /// The furthest page that was reached: only getting beyond it counts as having passed a fault.
    furthest: (Timestamp, u64),
}

impl Reader {
    fn new(stage: Fetch) -> Self {
        Self {
            stage,
            started: Instant::now(),
            room: Arc::new(Semaphore::new(KIB_UNDER_WAY as usize)),
            time: None,
            ends: None,
            view: None,
            backoff: Backoff::default(),
            failed: 0,
            furthest: (Timestamp::MIN, 0),
        }
    }

    async fn read_range(&mut self) {
        loop {
            let looked = Instant::now();
            match self.look().await {
                Ok(horizon) => {
                    if self.read_up_to(horizon).await.is_err() || self.stage.planner.finished() {
                        return;
                    }
                    sleep_until(looked + self.stage.fetch_delay).await;
                }
                Err(fault) => self.recover(&fault, None).await,
            }
        }
    }

    /// Asks the source for its time.
    async fn look(&mut self) -> Result<Timestamp, Fault> {
        let ends = self.stage.link.ends().await?;
        let source = Arc::clone(&ends.source);
        self.ends = Some(ends);
        let time = source.now().await?;
        self.time = Some(SourceTime::new(time));
        self.stage.reporter.looked(SourceTime::new(time));
        Ok(self.stage.horizon.advance(time, self.started.elapsed()))
    }

    async fn read_up_to(&mut self, horizon: Timestamp) -> Result<(), Setback> {
        while let Some(window) = self.stage.planner.next(horizon) {
            let started = Instant::now();
            match self.read(window).await {
                Ok(documents) => {
                    self.stage
                        .planner
                        .done(window, documents, started.elapsed());
                    self.failed = 0;
                    self.passed();
                }
                Err(Setback::TooLarge(documents)) => {
                    self.stage.planner.fit(window, documents);
                    self.close_view().await;
                }
                Err(Setback::Fault(fault)) => self.recover(&fault, Some(window)).await,
                Err(Setback::Unwanted) => return Err(Setback::Unwanted),
            }
        }
        self.passed();
        Ok(())
    }

    /// One attempt at one window; gives the number of its documents.
    async fn read(&mut self, window: Window) -> Result<u64, Setback> {
        let rules = self.loaded_rules().await;
        let fields = Arc::new(FieldSet {
            layout: self.stage.layout,
            paths: rules.fields(),
        });
        let mut attempt = self.stage.attempts.open(window).await;
        let ends = self.stage.link.ends().await?;
        let source = Arc::clone(&ends.source);
        self.ends = Some(ends);
        self.view = Some(source.open(window, &fields).await?);
        let (mut read, mut pages) = (0, 0);
        while let Some(documents) = self.next_page().await? {
            pages += 1;
            read += documents.len() as u64;
            let held = self.total().unwrap_or(read);
            if self.stage.planner.is_too_large(window, held) {
                return Err(Setback::TooLarge(held));
            }
            self.reached(window, pages);
            let page = Page {
                room: room_for(&documents, &self.room).await,
                documents,
                ticket: attempt.ticket(),
                rules: Arc::clone(&rules),
                fields: Arc::clone(&fields),
                now: self.time.map_or(window.end, SourceTime::now),
            };
            let sent = self.stage.pages.send(page).await;
            sent.map_err(|_| Setback::Unwanted)?;
        }
        self.check_total(read)?;
        self.close_view().await;
        attempt.close();
        Ok(read)
    }

    /// The next page of the view, asked for until it comes or the view has to be opened again.
    async fn next_page(&mut self) -> Result<Option<Vec<Document>>, Fault> {
        loop {
            let view = self.view.as_mut().expect("the view was opened before");
            match view.next().await {
                Err(fault) if fault.remedy == Remedy::Retry => self.pause(&fault).await,
                answer => return answer,
            }
        }
    }

    fn total(&self) -> Option<u64> {
        self.view.as_ref().and_then(|view| view.total())
    }

    fn check_total(&self, read: u64) -> Result<(), Fault> {
        match self.total() {
            Some(total) if total != read => Err(Fault {
                reason: FaultReason::PartialResults,
                message: format!("the window holds {total} documents, but {read} were delivered"),
                remedy: Remedy::Reopen,
                retry_after: None,
            }),
            _ => Ok(()),
        }
    }

    /// The loaded rules, as soon as there are any: what nobody looks at is not passed over.
    async fn loaded_rules(&mut self) -> Arc<RuleSet> {
        loop {
            let rules = Arc::clone(&self.stage.rules.borrow_and_update());
            if !rules.is_empty() {
                return rules;
            }
            let fault = Fault {
                reason: FaultReason::NoRules,
                message: "no rule is loaded; reading goes on when there is one".to_owned(),
                remedy: Remedy::Retry,
                retry_after: None,
            };
            self.stage.reporter.waiting(Place::Source, &fault);
            if self.stage.rules.changed().await.is_err() {
                // Nobody can load rules any more, so this pipeline is about to be stopped.
                std::future::pending::<()>().await;
            }
            self.stage.reporter.passed(&Place::Source);
        }
    }

    /// Makes ready to try again.
    async fn recover(&mut self, fault: &Fault, window: Option<Window>) {
        self.close_view().await;
        if fault.remedy == Remedy::Reconnect
            && let Some(ends) = self.ends.take()
        {
            self.stage.link.give_up(&ends).await;
        }
        if let Some(window) = window {
            self.failed += 1;
            let often = self.failed.is_multiple_of(ATTEMPTS_AT_FULL_SIZE);
            if fault.remedy == Remedy::Shrink || (fault.remedy == Remedy::Reopen && often) {
                self.stage.planner.shrink(window);
            }
        }
        self.pause(fault).await;
    }

    async fn pause(&mut self, fault: &Fault) {
        self.stage.reporter.waiting(Place::Source, fault);
        sleep(self.backoff.pause(fault)).await;
    }

    fn reached(&mut self, window: Window, pages: u64) {
        if (window.start, pages) > self.furthest {
            self.furthest = (window.start, pages);
            self.passed();
        }
    }

    fn passed(&mut self) {
        self.backoff.reset();
        self.stage.reporter.passed(&Place::Source);
    }

    async fn close_view(&mut self) {
        if let Some(view) = self.view.take() {
            // What is not given up in time, the server forgets by itself.
            let _ = timeout(CLOSING, view.close()).await;
        }
    }
}

/// Waits until the documents find room. A page larger than all the room takes the whole of it.
async fn room_for(documents: &[Document], room: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    let bytes: usize = documents.iter().map(|document| document.source.len()).sum();
    let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX);
    Arc::clone(room)
        .acquire_many_owned(kib.min(KIB_UNDER_WAY))
        .await
        .expect("the semaphore is never closed")
}
