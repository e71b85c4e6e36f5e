//! Looks alerts up in the sink: each of those that must exist by its place, then all that the
//! sink lists for the span.

use anyhow::anyhow;
use tokio::time::{Instant, sleep};

use super::{
    PATIENCE,
    expected::{AlertId, Standing},
    verdict::Verdict,
};
use crate::{
    command::{display::Display, foreground::passes},
    elastic::{ConnectionSettings, StoredAlert, StoredAlerts},
    pipeline::{
        plan::SinkPlan,
        ports::{Fault, Remedy},
        retry::Backoff,
        window::Window,
    },
};

/// Alerts that are looked up in one request.
const BATCH: usize = 1_000;
/// How often a listing that broke off is begun anew.
const LISTINGS: usize = 5;

/// Looks alerts up while somebody watches.
pub(super) struct Lookup<'a> {
    alerts: StoredAlerts,
    patient: Patient<'a>,
}

impl<'a> Lookup<'a> {
    /// Connects to the sink.
    pub(super) async fn connect(
        settings: &ConnectionSettings,
        sink: &SinkPlan,
        display: &'a mut Display,
    ) -> anyhow::Result<Self> {
        let mut patient = Patient::new(display);
        let alerts = patient
            .ask(async || StoredAlerts::connect(settings, sink).await)
            .await?;
        Ok(Self { alerts, patient })
    }

    /// Looks every expected alert up.
    pub(super) async fn look_up(&mut self, verdict: &mut Verdict) -> anyhow::Result<()> {
        let ids = verdict.expected().ids();
        for (number, batch) in ids.chunks(BATCH).enumerate() {
            for (id, stored) in batch.iter().zip(self.in_place(verdict, batch).await?) {
                match verdict.found_in_place(*id, stored.as_ref()) {
                    Standing::Whole | Standing::Reduced => {}
                    Standing::Taken | Standing::Absent => verdict.found_nowhere(*id),
                }
            }
            let done = (number * BATCH + batch.len()).min(ids.len());
            self.patient
                .step(done, ids.len(), "expected alerts looked up");
        }
        Ok(())
    }

    async fn in_place(
        &mut self,
        verdict: &Verdict,
        ids: &[AlertId],
    ) -> anyhow::Result<Vec<Option<StoredAlert>>> {
        let place = |id: &AlertId| {
            let alert = verdict.expected().get(*id);
            let index = alert.map(|alert| alert.index.to_string());
            (index.unwrap_or_default(), id.to_string())
        };
        let places: Vec<_> = ids.iter().map(place).collect();
        self.get(&places).await
    }

    async fn get(
        &mut self,
        places: &[(String, String)],
    ) -> anyhow::Result<Vec<Option<StoredAlert>>> {
        let places: Vec<_> = places
            .iter()
            .map(|(index, id)| (index.as_str(), id.as_str()))
            .collect();
        let alerts = &self.alerts;
        self.patient.ask(async || alerts.get(&places).await).await
    }

    /// Goes through the alerts that the sink lists for a span.
    pub(super) async fn list(&mut self, span: Window, verdict: &mut Verdict) -> anyhow::Result<()> {
        let mut broken = 0;
        loop {
            verdict.begin_listing();
            match self.list_once(span, verdict).await? {
                Ok(()) => return Ok(()),
                Err(fault) if broken == LISTINGS => return Err(hopeless(&fault)),
                Err(_) => broken += 1,
            }
        }
    }

    /// One attempt; a fault after which the listing must be begun anew ends it.
    async fn list_once(
        &mut self,
        span: Window,
        verdict: &mut Verdict,
    ) -> anyhow::Result<Result<(), Fault>> {
        let Self { alerts, patient } = self;
        let Some(mut pages) = patient.ask(async || alerts.open(span).await).await? else {
            return Ok(Ok(()));
        };
        let mut listed = 0;
        let ended = loop {
            match pages.next().await {
                Ok(None) => break Ok(()),
                Ok(Some(documents)) => {
                    patient.passed();
                    listed += documents.len();
                    let listing = documents
                        .iter()
                        .filter_map(|document| alerts.read(document));
                    listing.for_each(|alert| verdict.listed(alert));
                    let all = pages.total().and_then(|total| usize::try_from(total).ok());
                    patient.step(listed, all.unwrap_or(listed), "alerts of the sink listed");
                }
                Err(fault) if fault.remedy == Remedy::Retry => patient.pause(&fault).await?,
                Err(fault) => break Err(fault),
            }
        };
        pages.close().await;
        Ok(ended)
    }
}

/// Asks again after a fault, for a while.
struct Patient<'a> {
    display: &'a mut Display,
    backoff: Backoff,
    /// When the patience with the present fault ends.
    until: Option<Instant>,
}

impl<'a> Patient<'a> {
    fn new(display: &'a mut Display) -> Self {
        Self {
            display,
            backoff: Backoff::default(),
            until: None,
        }
    }

    async fn ask<T>(
        &mut self,
        mut question: impl AsyncFnMut() -> Result<T, Fault>,
    ) -> anyhow::Result<T> {
        loop {
            match question().await {
                Ok(answer) => {
                    self.passed();
                    return Ok(answer);
                }
                Err(fault) => self.pause(&fault).await?,
            }
        }
    }

    async fn pause(&mut self, fault: &Fault) -> anyhow::Result<()> {
        let now = Instant::now();
        let until = *self.until.get_or_insert(now + PATIENCE);
        if !passes(fault.reason) || until <= now {
            return Err(hopeless(fault));
        }
        self.display.obstacle(fault, now);
        sleep(self.backoff.pause(fault)).await;
        Ok(())
    }

    fn passed(&mut self) {
        self.backoff.reset();
        self.until = None;
    }

    fn step(&mut self, done: usize, all: usize, what: &str) {
        let percent = u8::try_from(done * 100 / all.max(1)).unwrap_or(100);
        let words = format!("{done} of {all} {what}");
        self.display.step(percent, &words, Instant::now());
    }
}

fn hopeless(fault: &Fault) -> anyhow::Error {
    anyhow!("{fault} ({})", fault.reason.as_str())
}
