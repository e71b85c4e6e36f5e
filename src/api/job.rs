//! `AnalysisJob`: which audit events are analysed, and where the alerts go.
//!
//! What can be said in the schema is said there, so that the API server refuses it; the
//! conversion in [`super::convert`] says it again for everybody else.

#![expect(
    clippy::duplicated_attributes,
    reason = "each printer column has its own attributes"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{status::AnalysisJobStatus, validation};
use crate::detect::layout::Layout;

/// Which audit events are analysed with which rules, and where the alerts go.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "k8scop.io",
    version = "v1alpha1",
    kind = "AnalysisJob",
    namespaced,
    status = "AnalysisJobStatus",
    doc = "An analysis of Kubernetes audit events: a fixed range of time, or everything from now on.",
    derive = "PartialEq",
    shortname = "kcjob",
    category = "k8scop",
    selectable = ".spec.mode",
    printcolumn(name = "MODE", type_ = "string", json_path = ".spec.mode"),
    printcolumn(
        name = "READY",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "REASON",
        type_ = "string",
        priority = 1,
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#
    ),
    printcolumn(name = "EVENTS", type_ = "integer", json_path = ".status.eventsRead"),
    printcolumn(
        name = "ASIDE",
        type_ = "integer",
        priority = 1,
        description = "Documents that hold no audit event that could be read",
        json_path = ".status.quarantined"
    ),
    printcolumn(
        name = "CUT-OFF",
        type_ = "integer",
        priority = 1,
        description = "Events of which the end is missing in their documents",
        json_path = ".status.eventsCutOff"
    ),
    printcolumn(
        name = "UNDECIDED",
        type_ = "integer",
        priority = 1,
        description = "Times that a rule could not decide an event",
        json_path = ".status.undecided"
    ),
    printcolumn(
        name = "ALERTS",
        type_ = "integer",
        json_path = ".status.alertsCreated"
    ),
    printcolumn(name = "LAG", type_ = "integer", json_path = ".status.lagSeconds"),
    printcolumn(
        name = "PROGRESS",
        type_ = "integer",
        json_path = ".status.progressPercent"
    ),
    printcolumn(
        name = "RULES",
        type_ = "integer",
        priority = 1,
        json_path = ".status.rulesLoaded"
    ),
    printcolumn(
        name = "SOURCE",
        type_ = "string",
        priority = 1,
        json_path = ".spec.source.index"
    ),
    printcolumn(
        name = "AGE",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validation::job()))]
pub struct AnalysisJobSpec {
    /// Streaming follows the source from startTime on, without end; Static reads the range from
    /// startTime to endTime once and is then complete. Immutable.
    pub mode: Mode,
    /// First instant, RFC 3339 with a zone, for example 2026-11-01T00:00:00Z. Static: required.
    /// Streaming: the default is the creation of the job. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-validations" = validation::time()))]
    pub start_time: Option<String>,
    /// First instant after the last, RFC 3339 with a zone. Static only; the default is the
    /// creation of the job. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-validations" = validation::time()))]
    pub end_time: Option<String>,
    /// Streaming: pause between two looks at the source, in seconds, 1 to 300.
    #[serde(default = "default_fetch_delay")]
    #[schemars(range(min = 1, max = 300))]
    pub fetch_delay_seconds: i32,
    /// True stops the job and keeps what it has done; false goes on from there.
    #[serde(default)]
    pub suspend: bool,
    /// Where audit events are read. Immutable.
    pub source: JobSource,
    /// Where alerts are written. Immutable.
    #[serde(default)]
    pub sink: JobSink,
    /// The server that holds source and sink. Default: the one that the operator was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elasticsearch: Option<JobElasticsearch>,
    /// Whether the server may leave out events that no loaded rule could match: Auto, where the
    /// mapping of the source makes it exact (status.pushdown tells), or Never.
    #[serde(default)]
    pub pushdown: PushdownMode,
    /// Labels of the rules to use. Default: every rule of the namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::validation::label_selector")]
    pub rule_selector: Option<LabelSelector>,
    /// Namespaces of the rules to use. Default: the namespace of the job.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub rule_namespaces: Vec<String>,
}

/// Whether a job ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the field tells them")]
pub enum Mode {
    Streaming,
    Static,
}

/// Whether the server may leave events out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the field tells them")]
pub enum PushdownMode {
    #[default]
    Auto,
    Never,
}

/// Where audit events are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobSource {
    /// Name of an index, or its beginning followed by `*`, for example `logstash-*`.
    #[schemars(length(min = 1, max = 255), extend("x-kubernetes-validations" = validation::source_index()))]
    pub index: String,
    /// The date field of the documents that the job goes by.
    #[serde(default = "default_timestamp_field")]
    #[schemars(length(min = 1, max = 256))]
    pub timestamp_field: String,
    /// How documents hold their audit event: Auto finds it wherever it is; Raw is
    /// `audit.k8s.io/v1` as the API server wrote it; Elastic has it below `kubernetes.audit`;
    /// Dotted has dots in its keys; Wrapped is JSON within the field `log` or `message`.
    #[serde(default)]
    pub layout: Layout,
    /// The only place of the audit event in its document, an object or text, or a list of them:
    /// names with dots between them, for example azure.platformlogs.properties.log. Not together
    /// with a layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), extend("x-kubernetes-validations" = validation::layout_path()))]
    pub layout_path: Option<String>,
    /// Fields that documents must have, each with one of the given values; sent to the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["field"]))]
    pub filter: Vec<JobFilter>,
}

/// A field that documents must have with one of some values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobFilter {
    /// Field of the stored document.
    #[schemars(length(min = 1, max = 256))]
    pub field: String,
    /// Values, one of which the field must have.
    #[serde(rename = "in")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 256)))]
    pub is_in: Vec<String>,
}

/// Where alerts are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobSink {
    /// Beginning of the names of the alert indices; `-` and the day of the request are added.
    /// `{category}` stands for the category of the rule in lower case.
    #[serde(default = "default_sink_index")]
    #[schemars(length(min = 1, max = 128), extend("x-kubernetes-validations" = validation::sink_index()))]
    pub index: String,
}

/// A server of the job's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobElasticsearch {
    /// Its origin, for example https://es.example:9200. The operator must allow it
    /// (`--allowed-origins`). Immutable.
    #[schemars(length(min = 1, max = 512), extend("x-kubernetes-validations" = validation::url()))]
    pub url: String,
    /// Secret of the job's namespace with the keys `apiKey`, or `username` and `password`; and
    /// `ca.crt` for the certificate authority of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretRef>,
}

/// Name of a Secret in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

impl Default for JobSink {
    fn default() -> Self {
        Self {
            index: default_sink_index(),
        }
    }
}

fn default_fetch_delay() -> i32 {
    10
}

fn default_timestamp_field() -> String {
    "@timestamp".to_owned()
}

fn default_sink_index() -> String {
    "k8scop-alerts".to_owned()
}
