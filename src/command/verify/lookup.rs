//! Looks alerts up in the sink: each of those that must exist by its place, then all that the
//! sink lists for the span.

use anyhow::anyhow;
use tokio::time::{Duration, Instant, sleep};

use super::{
    expected::{AlertId, ExpectedAlert, Standing},
    verdict::Verdict,
};
use crate::{
    command::{display::Display, foreground::passes},
    detect::alert::index::quarantine_beside,
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
        mut patient: Patient<'a>,
    ) -> anyhow::Result<Self> {
        let alerts = patient
            .ask(async || StoredAlerts::connect(settings, sink).await)
            .await?;
        Ok(Self { alerts, patient })
    }

    /// Looks every expected alert up.
    pub(super) async fn look_up(&mut self, verdict: &mut Verdict) -> anyhow::Result<()> {
        let ids = verdict.expected().ids();
        let mut done = 0;
        for batch in ids.chunks(BATCH) {
            let absent = self.in_place(verdict, batch).await?;
            for id in self.in_quarantine(verdict, &absent).await? {
                verdict.nowhere(id);
            }
            done += batch.len();
            self.patient
                .step(done, ids.len(), "expected alerts looked up");
        }
        Ok(())
    }

    /// Looks where alerts belong; gives those that are not there. An alert whose id is held by
    /// another one has an id of its own.
    async fn in_place(
        &mut self,
        verdict: &mut Verdict,
        ids: &[AlertId],
    ) -> anyhow::Result<Vec<AlertId>> {
        let (mut taken, mut absent) = (Vec::new(), Vec::new());
        let found = self.get(verdict, ids, |alert, id| (alert.index.to_string(), id));
        for (id, stored) in found.await? {
            match verdict.in_place(id, stored.as_ref()) {
                Standing::Whole | Standing::Reduced => {}
                Standing::Taken => taken.push(id),
                Standing::Absent => absent.push(id),
            }
        }
        let found = self.get(verdict, &taken, |alert, id| {
            (alert.index.to_string(), alert.own_id(id))
        });
        for (id, stored) in found.await? {
            match verdict.under_own_id(id, stored.as_ref()) {
                Standing::Whole | Standing::Reduced => {}
                Standing::Taken | Standing::Absent => absent.push(id),
            }
        }
        Ok(absent)
    }

    /// Looks where alerts are kept that their index refuses; gives those that are not there either.
    async fn in_quarantine(
        &mut self,
        verdict: &mut Verdict,
        ids: &[AlertId],
    ) -> anyhow::Result<Vec<AlertId>> {
        let found = self.get(verdict, ids, |alert, id| {
            (quarantine_beside(&alert.index), id)
        });
        let mut absent = found.await?;
        absent.retain(|(id, stored)| !verdict.in_quarantine(*id, stored.as_ref()));
        let ids: Vec<_> = absent.into_iter().map(|(id, _)| id).collect();
        let found = self.get(verdict, &ids, |alert, id| {
            (quarantine_beside(&alert.index), alert.own_id(id))
        });
        let mut absent = found.await?;
        absent.retain(|(id, stored)| !verdict.in_quarantine(*id, stored.as_ref()));
        Ok(absent.into_iter().map(|(id, _)| id).collect())
    }

    /// What lies at the places of these alerts.
    async fn get(
        &mut self,
        verdict: &Verdict,
        ids: &[AlertId],
        place: impl Fn(&ExpectedAlert, AlertId) -> (String, AlertId),
    ) -> anyhow::Result<Vec<(AlertId, Option<StoredAlert>)>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let place = |id: &AlertId| {
            let alert = verdict.expected().get(*id);
            let (index, id) = place(alert.expect("only expected alerts are looked up"), *id);
            (index, id.to_string())
        };
        let places: Vec<_> = ids.iter().map(place).collect();
        let alerts = &self.alerts;
        let found = self.patient.ask(async || alerts.get(&places).await).await?;
        Ok(ids.iter().copied().zip(found).collect())
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
pub(super) struct Patient<'a> {
    patience: Duration,
    display: &'a mut Display,
    backoff: Backoff,
    /// When the patience with the present fault ends.
    until: Option<Instant>,
}

impl<'a> Patient<'a> {
    /// Waits so long for a fault to pass, and shows it.
    pub(super) fn new(patience: Duration, display: &'a mut Display) -> Self {
        Self {
            patience,
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
        let until = *self.until.get_or_insert(now + self.patience);
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
