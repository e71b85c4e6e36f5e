//! The reading of one window: its view is opened, and its pages are handed on.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{Duration, Instant, sleep, timeout},
};

use super::Page;
use crate::{
    detect::{
        document::Document,
        ruleset::{Requirement, RuleSet},
    },
    pipeline::{
        active::ActiveFrom,
        board::{Place, Reporter, SourceTime},
        crash,
        ledger::Census,
        link::{Ends, Link},
        ports::{Coverage, Fault, FaultReason, Pages, Remedy, Source},
        progress::Degraded,
        pushdown::{self, Pushdown},
        retry::Backoff,
        ticket::{Attempt, Attempts, Purpose},
        window::{Planner, Window},
    },
};

/// How long giving up a view may take.
const CLOSING: Duration = Duration::from_secs(2);

/// What is to be read.
pub(super) struct Order {
    pub(super) window: Window,
    pub(super) purpose: Purpose,
    /// Whether documents are wanted as they came. What is read long after may come in any order, and
    /// is then read faster.
    pub(super) in_order: bool,
    /// For these.
    pub(super) rules: Arc<RuleSet>,
    /// For a repair: the rules that are not to look at all documents.
    pub(super) active_from: Option<Arc<ActiveFrom>>,
}

/// A window that was read to its end.
pub(super) struct WindowRead {
    /// To be closed.
    pub(super) attempt: Attempt,
    pub(super) documents: u64,
    pub(super) census: Census,
    pub(super) took: Duration,
}

/// Why an attempt at a window ended early.
pub(super) enum Setback {
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

pub(super) struct WindowReader {
    link: Arc<Link>,
    /// Whether documents are wanted without those that no rule could match.
    pushdown: bool,
    rules: watch::Receiver<Arc<RuleSet>>,
    attempts: Attempts,
    pages: mpsc::Sender<Page>,
    reporter: Reporter,
    room: Room,
    time: Option<SourceTime>,
    /// The indices that were left out when the source was last asked.
    coverage: Coverage,
    ends: Option<Ends>,
    view: Option<Box<dyn Pages>>,
    backoff: Backoff,
    /// The furthest page that was reached: only getting beyond it counts as having passed a fault.
    furthest: (Timestamp, u64),
}

impl WindowReader {
    pub(super) fn new(
        link: Arc<Link>,
        pushdown: bool,
        rules: watch::Receiver<Arc<RuleSet>>,
        attempts: Attempts,
        pages: mpsc::Sender<Page>,
        reporter: Reporter,
        page_memory: u32,
    ) -> Self {
        Self {
            link,
            pushdown,
            rules,
            attempts,
            pages,
            reporter,
            room: Room::new(page_memory),
            time: None,
            coverage: Coverage::default(),
            ends: None,
            view: None,
            backoff: Backoff::default(),
            furthest: (Timestamp::MIN, 0),
        }
    }

    /// Asks the source for its time.
    pub(super) async fn look(&mut self) -> Result<Timestamp, Fault> {
        let source = self.source().await?;
        let time = source.now().await?;
        self.cover(&*source);
        self.time = Some(SourceTime::new(time));
        self.reporter.looked(SourceTime::new(time));
        Ok(time)
    }

    /// What the source holds of a span.
    pub(super) async fn census(&mut self, span: Window) -> Result<Census, Fault> {
        self.source().await?.census(span).await
    }

    /// The marks of one index of the source for a span.
    pub(super) async fn census_of(&mut self, index: &str, span: Window) -> Result<Census, Fault> {
        self.source().await?.census_of(index, span).await
    }

    /// The indices that were left out of the last view or look.
    pub(super) fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    fn cover(&mut self, source: &dyn Source) {
        let coverage = source.coverage();
        if coverage != self.coverage {
            for Degraded { index, message } in &coverage.left_out {
                tracing::warn!(job = %self.reporter.plan(), index, message, "index is left out");
            }
            self.reporter.coverage(&coverage);
            self.coverage = coverage;
        }
    }

    /// Tells how many documents no window holds.
    pub(super) async fn count_without_time(&mut self) -> Result<(), Fault> {
        let documents = self.source().await?.without_time().await?;
        self.reporter.without_time(documents);
        Ok(())
    }

    /// One attempt at one window. The planner knows what is too large to be read at once.
    pub(super) async fn read(
        &mut self,
        order: Order,
        planner: &Planner,
    ) -> Result<WindowRead, Setback> {
        let started = Instant::now();
        let Order {
            window,
            purpose,
            in_order,
            rules,
            active_from,
        } = order;
        let mut attempt = self.attempts.open(window, purpose).await;
        let requirement = self.open(window, in_order, &rules).await?;
        crash::point("fetch.after_open_pit");
        let (mut read, mut pages) = (0, 0);
        while let Some(documents) = self.next_page().await? {
            pages += 1;
            read += documents.len() as u64;
            let held = self.total().unwrap_or(read);
            if planner.is_too_large(window, held) {
                return Err(Setback::TooLarge(held));
            }
            self.reached(window, pages);
            let page = Page {
                room: self.room.take(&documents).await,
                documents,
                ticket: attempt.ticket(),
                rules: Arc::clone(&rules),
                requirement: requirement.clone(),
                active_from: active_from.clone(),
                now: self.time.map_or(window.end, SourceTime::now),
            };
            let sent = self.pages.send(page).await;
            sent.map_err(|_| Setback::Unwanted)?;
            crash::point("fetch.after_page");
        }
        let census = self.checked_census(read)?;
        self.close_view().await;
        Ok(WindowRead {
            attempt,
            documents: read,
            census,
            took: started.elapsed(),
        })
    }

    /// Opens a view for some rules; tells what they require, if it leaves out what does not meet it.
    async fn open(
        &mut self,
        window: Window,
        in_order: bool,
        rules: &RuleSet,
    ) -> Result<Option<Arc<Requirement>>, Fault> {
        let requirement = match self.pushdown {
            true => rules.requirement().map_err(ToString::to_string),
            false => Err(pushdown::UNWANTED.to_owned()),
        };
        let known = requirement.as_ref().ok().copied();
        let source = self.source().await?;
        let view = match in_order {
            true => source.open(window, known).await?,
            false => source.open_unordered(window, known).await?,
        };
        // As it was when the view was opened: it may change while pages are read.
        self.cover(&*source);
        let applied = known
            .filter(|_| matches!(view.pushdown(), Pushdown::On(_)))
            .cloned();
        let pushdown = requirement.map_or_else(Pushdown::Off, |_| view.pushdown());
        self.view = Some(view);
        self.reporter.pushdown(pushdown);
        Ok(applied)
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

    /// The marks of a view that was read to its end, and gave as many documents as it holds.
    fn checked_census(&self, read: u64) -> Result<Census, Fault> {
        let reopen = |message| Fault {
            reason: FaultReason::PartialResults,
            message,
            remedy: Remedy::Reopen,
            retry_after: None,
        };
        if let Some(total) = self.total().filter(|total| *total != read) {
            return Err(reopen(format!(
                "the window holds {total} documents, but {read} were delivered"
            )));
        }
        let census = self.view.as_ref().and_then(|view| view.census().cloned());
        census.ok_or_else(|| reopen("the source does not tell what a window holds".to_owned()))
    }

    /// The loaded rules, as soon as there are any: what nobody looks at is not passed over.
    pub(super) async fn loaded_rules(&mut self) -> Arc<RuleSet> {
        loop {
            let rules = Arc::clone(&self.rules.borrow_and_update());
            if !rules.is_empty() {
                return rules;
            }
            let fault = Fault {
                reason: FaultReason::NoRules,
                message: "no rule is loaded; reading goes on when there is one".to_owned(),
                remedy: Remedy::Retry,
                retry_after: None,
            };
            self.reporter.waits(Place::Source, &fault);
            if self.rules.changed().await.is_err() {
                // Nobody can load rules any more, so this pipeline is about to be stopped.
                std::future::pending::<()>().await;
            }
            self.reporter.passed(&Place::Source);
        }
    }

    /// Tells since when rules are in force that the job did not begin with.
    pub(super) fn note_rules(&self, active_from: Arc<ActiveFrom>) {
        self.attempts.note_rules(active_from);
    }

    /// Tells how many documents a window holds that were not handed out: they are events.
    pub(super) fn left_out(&self, census: &Census, read: u64) {
        self.reporter.left_out(census.documents_beside(read));
    }

    /// Makes ready to try again.
    pub(super) async fn recover(&mut self, fault: &Fault) {
        self.close_view().await;
        if fault.remedy == Remedy::Reconnect
            && let Some(ends) = self.ends.take()
        {
            self.link.give_up(&ends).await;
        }
        self.pause(fault).await;
    }

    /// Nothing stands in the way any more.
    pub(super) fn passed(&mut self) {
        self.backoff.reset();
        self.reporter.passed(&Place::Source);
    }

    pub(super) async fn close_view(&mut self) {
        if let Some(view) = self.view.take() {
            // What is not given up in time, the server forgets by itself.
            let _ = timeout(CLOSING, view.close()).await;
        }
    }

    async fn source(&mut self) -> Result<Arc<dyn Source>, Fault> {
        let ends = self.link.ends().await?;
        let source = Arc::clone(&ends.source);
        self.ends = Some(ends);
        Ok(source)
    }

    async fn pause(&mut self, fault: &Fault) {
        self.reporter.waiting(Place::Source, fault);
        sleep(self.backoff.pause(fault)).await;
    }

    fn reached(&mut self, window: Window, pages: u64) {
        if (window.start, pages) > self.furthest {
            self.furthest = (window.start, pages);
            self.passed();
        }
    }
}

/// Room for documents between this stage and the end of detection, in KiB.
struct Room {
    free: Arc<Semaphore>,
    all: u32,
}

impl Room {
    fn new(mib: u32) -> Self {
        let all = mib.saturating_mul(1024).max(1);
        Self {
            free: Arc::new(Semaphore::new(all as usize)),
            all,
        }
    }

    /// Waits until the documents find room. A page larger than all the room takes the whole of it.
    async fn take(&self, documents: &[Document]) -> OwnedSemaphorePermit {
        let bytes: usize = documents.iter().map(|document| document.source.len()).sum();
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX);
        Arc::clone(&self.free)
            .acquire_many_owned(kib.min(self.all))
            .await
            .expect("the semaphore is never closed")
    }
}
