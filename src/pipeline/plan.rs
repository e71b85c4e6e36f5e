//! What is to run: one plan for each job that is valid and not suspended.

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    detect::{
        layout::{Layout, LayoutPath},
        rule::Rule,
    },
    pipeline::progress::Checkpoint,
};

/// Who a plan belongs to. A job that is deleted and made again is another one: its uid differs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlanId {
    /// Namespace of the job; part of the identity of its alerts.
    pub namespace: String,
    /// Name of the job.
    pub name: String,
    /// The job's uid; empty where there is no cluster.
    pub uid: String,
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// One job, resolved: no defaults are left open.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Whose plan it is.
    pub id: PlanId,
    /// Which events, and whether there is an end.
    pub range: Range,
    /// Pause between two looks at the source, for a streaming job.
    pub fetch_delay: Duration,
    /// Where events come from.
    pub source: SourcePlan,
    /// Where alerts go.
    pub sink: SinkPlan,
    /// Which server.
    pub connection: Connection,
    /// Whether the server may leave out events that no rule could match.
    pub pushdown: bool,
    /// The rules, ordered by key. A change of these alone does not restart the pipeline.
    pub rules: Arc<[Arc<Rule>]>,
    /// Where an earlier run stopped; read at the start only, never compared.
    pub resume: Option<Checkpoint>,
}

/// The span of time that a plan covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// `[start, end)`, then done.
    Static {
        /// First instant.
        start: Timestamp,
        /// First instant after the last.
        end: Timestamp,
    },
    /// From `start` on, without end.
    Streaming {
        /// First instant.
        start: Timestamp,
    },
}

/// Where audit events are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePlan {
    /// Index pattern, for example `logstash-*`.
    pub index: String,
    /// The date field that windows are made of, for example `@timestamp`.
    pub timestamp_field: String,
    /// How documents are laid out.
    pub layout: Layout,
    /// The only place of the event in its document.
    pub layout_path: Option<LayoutPath>,
    /// Terms that documents must have, checked by the server.
    pub filter: Vec<TermFilter>,
}

/// A field that must have one of some values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermFilter {
    /// Field of the stored document.
    pub field: String,
    /// Values, one of which it must have.
    pub values: Vec<String>,
}

/// Where alerts are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkPlan {
    /// Prefix of the daily indices; may hold `{category}`.
    pub index: String,
}

/// Which server a plan speaks to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Connection {
    /// The one the process was started with.
    Default,
    /// One that the job names.
    Origin {
        /// Origin, `https://host:port`.
        url: String,
        /// Secret of the job's namespace that holds credentials and CA.
        secret: Option<String>,
    },
}
