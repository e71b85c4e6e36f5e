//! Deliberate bugs between a pipeline and its server, to show that the simulator finds them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::{
    detect::ruleset::Requirement,
    pipeline::{
        ledger::Census,
        plan::Plan,
        ports::{AddressedAlert, Connector, Fault, Outcome, Pages, Sink, Source},
        window::Window,
    },
};

/// A way to lose alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Alerts count as stored when they are queued, to be written with the next ones.
    AcknowledgesEarly,
    /// The first instant of a window is taken for one before it.
    OpensWindowsAtBothEnds,
    /// A request that was answered counts as good for all of its items.
    TrustsTheAnswerAsAWhole,
}

/// A way to servers that has a bug.
pub struct Buggy {
    pub connector: Arc<dyn Connector>,
    pub bug: Bug,
}

#[async_trait]
impl Connector for Buggy {
    async fn connect(&self, plan: &Plan) -> Result<(Arc<dyn Source>, Arc<dyn Sink>), Fault> {
        let (source, sink) = self.connector.connect(plan).await?;
        Ok(match self.bug {
            Bug::AcknowledgesEarly => {
                let queue = Mutex::default();
                (source, Arc::new(EarlySink { sink, queue }))
            }
            Bug::OpensWindowsAtBothEnds => (Arc::new(OpenSource { source }), sink),
            Bug::TrustsTheAnswerAsAWhole => (source, Arc::new(TrustingSink { sink })),
        })
    }
}

struct EarlySink {
    sink: Arc<dyn Sink>,
    queue: Mutex<Vec<AddressedAlert>>,
}

#[async_trait]
impl Sink for EarlySink {
    async fn prepare(&self) -> Result<(), Fault> {
        self.sink.prepare().await
    }

    async fn push(&self, alerts: &[AddressedAlert]) -> Result<Vec<Outcome>, Fault> {
        let queued = {
            let mut queue = self.queue.lock().expect("nobody panics in here");
            std::mem::replace(&mut *queue, alerts.to_vec())
        };
        if !queued.is_empty() {
            self.sink.push(&queued).await?;
        }
        Ok(vec![Outcome::Created; alerts.len()])
    }
}

struct OpenSource {
    source: Arc<dyn Source>,
}

#[async_trait]
impl Source for OpenSource {
    async fn now(&self) -> Result<Timestamp, Fault> {
        self.source.now().await
    }

    async fn open(
        &self,
        window: Window,
        requirement: Option<&Arc<Requirement>>,
    ) -> Result<Box<dyn Pages>, Fault> {
        let start = window.start + SignedDuration::from_nanos(1);
        let window = Window { start, ..window };
        self.source.open(window, requirement).await
    }

    async fn census(&self, span: Window) -> Result<Census, Fault> {
        self.source.census(span).await
    }

    async fn without_time(&self) -> Result<u64, Fault> {
        self.source.without_time().await
    }
}

struct TrustingSink {
    sink: Arc<dyn Sink>,
}

#[async_trait]
impl Sink for TrustingSink {
    async fn prepare(&self) -> Result<(), Fault> {
        self.sink.prepare().await
    }

    async fn push(&self, alerts: &[AddressedAlert]) -> Result<Vec<Outcome>, Fault> {
        self.sink.push(alerts).await?;
        Ok(vec![Outcome::Created; alerts.len()])
    }
}
