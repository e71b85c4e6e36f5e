//! The second stage: analyses pages, one after the other, away from the async threads.

mod isolate;

use std::{
    panic::resume_unwind,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, watch};

use self::isolate::isolate;
use crate::{
    detect::{
        alert::Alert,
        analyse::{Analysis, Quarantined, analyse},
        context::Context,
        layout::{Layout, LayoutPath},
        ruleset::RuleSet,
    },
    pipeline::{
        active::ActiveFrom,
        away::away,
        board::Reporter,
        crash,
        fetch::Page,
        ticket::{Tally, Ticket},
    },
};

/// Quarantined documents that are named in the log within a minute; the others are counted.
const NAMED_A_MINUTE: u32 = 10;

/// What was found in one page.
#[derive(Debug)]
pub struct Found {
    /// The alerts.
    pub alerts: Vec<Alert>,
    /// What is known of the page before its alerts are pushed.
    pub tally: Tally,
    /// To be acknowledged when the alerts are.
    pub ticket: Ticket,
}

/// What the stage is made of.
pub struct Detect {
    /// Where pages come from.
    pub pages: mpsc::Receiver<Page>,
    /// Where their alerts go.
    pub found: mpsc::Sender<Found>,
    /// The loaded rules.
    pub rules: watch::Receiver<Arc<RuleSet>>,
    /// Namespace of the job.
    pub tenant: String,
    /// Name of the job.
    pub job: String,
    /// Name of the cluster.
    pub cluster: String,
    /// How documents are laid out.
    pub layout: Layout,
    /// The only place of the event in its document.
    pub layout_path: Option<LayoutPath>,
    /// Where totals go.
    pub reporter: Reporter,
}

/// Analyses until there are no more pages, or the next stage is gone.
pub async fn run(mut stage: Detect) {
    let mut log = QuarantineLog::default();
    while let Some(page) = stage.pages.recv().await {
        let found = stage.analyse(page, &mut log).await;
        if stage.found.send(found).await.is_err() {
            return;
        }
    }
}

impl Detect {
    async fn analyse(&self, page: Page, log: &mut QuarantineLog) -> Found {
        let rules = self.rules_for(&page);
        let context = Context {
            tenant: self.tenant.clone(),
            job: self.job.clone(),
            cluster: self.cluster.clone(),
            layout: self.layout,
            layout_path: self.layout_path.clone(),
            now: page.now,
        };
        let Page {
            documents,
            ticket,
            active_from,
            room,
            now,
            ..
        } = page;
        let read = documents.len() as u64;
        let analysing = away(move || {
            let analysis = isolate(&documents, |documents| analyse(documents, &rules, &context));
            drop((documents, room));
            analysis
        });
        let analysis = match analysing.await {
            Ok(analysis) => analysis,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime is shutting down, and will not poll this task again.
                Err(_) => std::future::pending().await,
            },
        };
        crash::point("match.mid_page");
        let Analysis {
            mut alerts,
            events,
            quarantined,
            excepted: _,
            undecided,
            cut_off,
        } = analysis;
        if let Some(active_from) = active_from {
            alerts.retain(|alert| !is_older(alert, &active_from));
        }
        for document in &quarantined {
            log.note(document, &self.reporter);
        }
        self.reporter.rejected(&quarantined);
        self.reporter.count(|totals| {
            totals.pages += 1;
            totals.events += events;
            totals.events_cut_off += cut_off;
            totals.quarantined += quarantined.len() as u64;
            for ((_, gap), events) in &undecided {
                *totals.undecided.entry(*gap).or_default() += events;
            }
        });
        let mut tally = Tally {
            documents: read,
            events,
            cut_off,
            quarantined: quarantined.len() as u64,
            undecided,
            ..Tally::default()
        };
        for alert in &alerts {
            tally.add_matches(&alert.rule, 1, alert.time.unwrap_or(now));
        }
        Found {
            alerts,
            tally,
            ticket,
        }
    }

    /// The newest rules; or, if there are none any more, or they may match what the page was read
    /// without, or the page is read again, those that the page was read for.
    fn rules_for(&self, page: &Page) -> Arc<RuleSet> {
        let newest = Arc::clone(&self.rules.borrow());
        let is_new = page.active_from.is_none() && !newest.is_empty();
        if Arc::ptr_eq(&newest, &page.rules) || (is_new && page.serves(&newest)) {
            newest
        } else {
            Arc::clone(&page.rules)
        }
    }
}

/// Whether an alert is about a document from before its rule came.
fn is_older(alert: &Alert, active_from: &ActiveFrom) -> bool {
    let from = active_from.get(&alert.rule);
    alert
        .source_time
        .zip(from)
        .is_some_and(|(time, from)| time < *from)
}

/// Names quarantined documents in the log, but does not let them flood it.
#[derive(Debug, Default)]
struct QuarantineLog {
    minute: Option<Instant>,
    noted: u32,
}

impl QuarantineLog {
    fn note(&mut self, document: &Quarantined, reporter: &Reporter) {
        let begins = self
            .minute
            .is_none_or(|minute| minute.elapsed() >= Duration::from_secs(60));
        if begins {
            self.minute = Some(Instant::now());
            self.noted = 0;
        }
        self.noted += 1;
        let job = reporter.plan();
        if self.noted <= NAMED_A_MINUTE {
            tracing::warn!(%job, index = ?document.index, id = ?document.id,
                reason = ?document.rejection.to_string(), "document rejected");
        } else if self.noted == NAMED_A_MINUTE + 1 {
            tracing::warn!(%job, "more documents rejected; they are counted, but not named, for up to a minute");
        }
    }
}
