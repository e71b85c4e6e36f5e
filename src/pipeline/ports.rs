//! What a pipeline asks of the world: a source, a sink, and somebody who connects it to both.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use crate::{
    detect::{alert::Alert, document::Document, ruleset::Requirement},
    pipeline::{
        ledger::Census, plan::Plan, progress::Degraded, pushdown::Pushdown, window::Window,
    },
};

/// Something that holds audit events, ordered by a time field.
#[async_trait]
pub trait Source: Send + Sync {
    /// The source's own clock: the only one that windows are cut by.
    async fn now(&self) -> Result<Timestamp, Fault>;

    /// Opens a frozen view of one window, in time order. Where there is a requirement, the source
    /// may leave out events that do not meet it.
    async fn open(
        &self,
        window: Window,
        requirement: Option<&Arc<Requirement>>,
    ) -> Result<Box<dyn Pages>, Fault>;

    /// The same where no order is asked for, as many documents come a second as the source can
    /// give.
    async fn open_unordered(
        &self,
        window: Window,
        requirement: Option<&Arc<Requirement>>,
    ) -> Result<Box<dyn Pages>, Fault> {
        self.open(window, requirement).await
    }

    /// What the source holds now of a span, bucket by bucket, by the filter of the plan.
    async fn census(&self, span: Window) -> Result<Census, Fault>;

    /// The same for one index of the source; an index that is gone holds nothing.
    async fn census_of(&self, _index: &str, span: Window) -> Result<Census, Fault> {
        self.census(span).await
    }

    /// Counts documents that lack the time field, or have a time from before there was Kubernetes, so
    /// that no sensible range holds them, by the filter of the plan.
    async fn without_time(&self) -> Result<u64, Fault>;

    /// The indices that were left out when the source was last asked for anything.
    fn coverage(&self) -> Coverage {
        Coverage::default()
    }
}

/// Indices of a source that are not read, or whose documents are not as they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Indices that cannot be read: no window and no census holds their documents.
    pub left_out: Vec<Degraded>,
    /// Indices whose documents are rebuilt.
    pub rebuilt: Vec<String>,
}

/// The pages of one window.
#[async_trait]
pub trait Pages: Send {
    /// The next page; `None` after the last one. An empty answer is proven to be
    /// the end, never assumed. After a fault the same call may be repeated, unless the fault says
    /// that the window must be opened again.
    async fn next(&mut self) -> Result<Option<Vec<Document>>, Fault>;

    /// How many documents the window hands out, exactly; known after the first page at the latest,
    /// and only where the server tells. A window that turns out larger than is good is then cut
    /// before it is read, and one that delivers another number is read again.
    fn total(&self) -> Option<u64> {
        None
    }

    /// What the view holds, bucket by bucket, with what is not handed out; known after the first
    /// page, whole or empty.
    fn census(&self) -> Option<&Census>;

    /// Whether documents are left out that do not meet the requirement.
    fn pushdown(&self) -> Pushdown {
        Pushdown::Off("this source hands out everything".to_owned())
    }

    /// Gives up what the server holds for this view. A failure is of no consequence.
    async fn close(self: Box<Self>);
}

/// Something that takes alerts. Writing the same alert twice leaves one.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Makes ready to take alerts (index template); called after each connecting, before the first
    /// push, and repeated after a fault.
    async fn prepare(&self) -> Result<(), Fault>;

    /// Writes alerts, each to its index, and tells the outcome of each, in the same order.
    /// `Err` means that the outcome of all is unknown: send all again.
    async fn push(&self, alerts: &[AddressedAlert]) -> Result<Vec<Outcome>, Fault>;
}

/// An alert and the index it belongs to.
#[derive(Clone, Debug)]
pub struct AddressedAlert {
    /// Concrete index.
    pub index: String,
    /// The alert.
    pub alert: Arc<Alert>,
    text: Bytes,
}

impl AddressedAlert {
    /// An alert for an index. Its document is written out here, once for all attempts to send it.
    pub fn new(index: String, alert: Arc<Alert>) -> Self {
        let text = Bytes::from(alert.document.to_string());
        Self { index, alert, text }
    }

    /// The alert's document as one line of JSON, without its end.
    pub fn text(&self) -> &Bytes {
        &self.text
    }
}

/// What became of one alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was new.
    Created,
    /// It was there already: the sink has looked at what it holds.
    Duplicate,
    /// Its id is taken by another alert, so that it needs an id of its own.
    Taken,
    /// It can be sent again after a pause.
    Retry(Fault),
    /// The sink will never take it as it is.
    Rejected(Fault),
}

/// Connects a plan to its servers.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Makes the source and the sink of a plan. Called again after a fault that asks for it, so
    /// that changed credentials are picked up.
    async fn connect(&self, plan: &Plan) -> Result<(Arc<dyn Source>, Arc<dyn Sink>), Fault>;
}

/// Why something did not work, in terms of what to do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// The kind, a bounded set: it becomes a condition's reason and a metric's label.
    pub reason: FaultReason,
    /// One sentence in our own words, at most 256 characters: never a server's body, never a secret.
    pub message: String,
    /// What the caller should do.
    pub remedy: Remedy,
    /// The pause that the server asked for.
    pub retry_after: Option<Duration>,
}

/// What to do after a fault. There is no giving up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Repeat the same call.
    Retry,
    /// Open the window again and read it from its start.
    Reopen,
    /// Connect again: credentials or address may have changed.
    Reconnect,
    /// Halve the window or the batch. An alert that is refused alone with
    /// [`FaultReason::SinkRejecting`] counts as rejected.
    Shrink,
}

/// The kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultReason {
    /// No connection, a time-out, or an answer that is none (5xx, a proxy's page).
    ElasticsearchUnavailable,
    /// 401.
    AuthFailed,
    /// 403.
    Forbidden,
    /// The pattern matches no index.
    IndexNotFound,
    /// 429 or an open circuit breaker.
    TooManyRequests,
    /// A search answered for a part of the shards only.
    PartialResults,
    /// The frozen view is gone.
    ViewLost,
    /// The time field is missing or cannot be sorted.
    TimestampFieldInvalid,
    /// The sink is read-only, full or closed, or its configuration stands in the way.
    SinkBlocked,
    /// The sink refuses a document for what is in it.
    SinkRejecting,
    /// An alias or a data stream stands where alert indices belong: behind it the same id could be
    /// written twice.
    SinkNotDeterministic,
    /// A template of somebody else wins for the alert indices, with a mapping that takes no alert.
    SinkTemplateMissing,
    /// The job's server is not on the list of allowed origins.
    OriginNotAllowed,
    /// The secret is missing, unreadable or malformed.
    SecretInvalid,
    /// The server's certificate is not accepted.
    TlsFailed,
    /// The answer is not one of Elasticsearch or OpenSearch.
    NotElasticsearch,
    /// No rule is loaded: nothing is read, so that nothing is passed over unseen.
    NoRules,
    /// The pipeline broke by a fault of its own, and begins again at its checkpoint.
    PipelineFailed,
}

impl FaultReason {
    /// The reason as one CamelCase word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ElasticsearchUnavailable => "ElasticsearchUnavailable",
            Self::AuthFailed => "AuthFailed",
            Self::Forbidden => "Forbidden",
            Self::IndexNotFound => "IndexNotFound",
            Self::TooManyRequests => "TooManyRequests",
            Self::PartialResults => "PartialResults",
            Self::ViewLost => "ViewLost",
            Self::TimestampFieldInvalid => "TimestampFieldInvalid",
            Self::SinkBlocked => "SinkBlocked",
            Self::SinkRejecting => "SinkRejecting",
            Self::SinkNotDeterministic => "SinkNotDeterministic",
            Self::SinkTemplateMissing => "SinkTemplateMissing",
            Self::OriginNotAllowed => "OriginNotAllowed",
            Self::SecretInvalid => "SecretInvalid",
            Self::TlsFailed => "TlsFailed",
            Self::NotElasticsearch => "NotElasticsearch",
            Self::NoRules => "NoRules",
            Self::PipelineFailed => "PipelineFailed",
        }
    }
}
