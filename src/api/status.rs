//! What the operator tells about rules and jobs. Only `controller/writer` writes it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the operator made of a rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct K8sCopRuleStatus {
    /// Ready tells whether the spec is valid and in force; Stalled stands while it is not valid.
    /// Observable is False where events of the last hour did not show what the rule asks about, and
    /// names the reason and the remedy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// Fingerprint of what is loaded. None while nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub revision: Option<String>,
    /// The last valid spec. It stays in force while the present one is not valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<LastGood>,
    /// Outcome of the tests of the spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestCounts>,
    /// Alerts made so far, all jobs together. Written at most every 10 seconds; every 30 where there
    /// are hundreds of rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub matches: Option<i64>,
    /// Events so far that the rule could not decide because they do not show what it asks about, all
    /// jobs together. Written at most every 10 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub undecided: Option<i64>,
    /// Time of the last request that matched, by the clock of the audit event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_match_time: Option<Time>,
    /// Number of jobs that use the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub used_by: Option<i32>,
}

/// A spec that was valid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastGood {
    /// Generation it had.
    #[schemars(range(min = 0))]
    pub generation: i64,
    /// Its fingerprint.
    #[schemars(length(max = 64))]
    pub revision: String,
    /// The spec without its tests.
    #[schemars(schema_with = "any_object")]
    pub spec: Value,
}

/// How many tests of a rule passed and failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestCounts {
    /// Tests that passed.
    #[schemars(range(min = 0))]
    pub passed: i32,
    /// Tests that failed.
    #[schemars(range(min = 0))]
    pub failed: i32,
}

/// How far a job has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisJobStatus {
    /// Ready tells whether the job does its work: it is False (NoAuditEvents) where most of what is
    /// read is no audit event. Complete or Failed ends a static job; Stalled, Reconciling and
    /// Suspended stand while they are so; Degraded stands while an index cannot be read, and names it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// The span of time that the job covers, defaults resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<ResolvedRange>,
    /// Where the job goes on after a restart. Only the operator writes it: a change by somebody
    /// else is overwritten and told by a CheckpointTampered event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<JobCheckpoint>,
    /// Documents read. Those that the server left out (see pushdown) are not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub documents_read: Option<i64>,
    /// Audit events read: a document may hold several, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub events_read: Option<i64>,
    /// Alerts that were new in the sink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub alerts_created: Option<i64>,
    /// Alerts that the sink had already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub alerts_duplicate: Option<i64>,
    /// Alerts about documents that became searchable late: part of alertsCreated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub alerts_late: Option<i64>,
    /// Documents, and elements of batches, that hold no audit event that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub quarantined: Option<i64>,
    /// Times that a rule could not decide an event because the event does not show what the rule asks
    /// about; the rules' statuses say which, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub undecided: Option<i64>,
    /// Events of which the end is missing in their documents: part of eventsRead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub events_cut_off: Option<i64>,
    /// Indices whose documents the server rebuilds from what it has indexed (synthetic or derived
    /// source), so that lists are sorted and merged; at most 8 of them. Rules that ask about elements
    /// of such lists are undecided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(max = 255)), extend("x-kubernetes-list-type" = "atomic"))]
    pub lists_rebuilt: Vec<String>,
    /// Documents of the source without the time field: they are not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub documents_without_time: Option<i64>,
    /// Whether the server leaves out events that no loaded rule could match, and if not, why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushdown: Option<PushdownStatus>,
    /// Rules in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub rules_loaded: Option<i32>,
    /// Fingerprint of the rules in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub rules_revision: Option<String>,
    /// Streaming: seconds between the clock of the source and what is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<i64>,
    /// Static: share of the range that is done, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub progress_percent: Option<i32>,
    /// When the job was first run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When a static job was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
}

/// Whether the server leaves out events that no loaded rule could match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushdownStatus {
    /// Whether it does.
    pub state: PushdownState,
    /// The fields that it goes by, or why it does not.
    #[schemars(length(max = 256))]
    pub message: String,
}

/// Whether something is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the field tells them")]
pub enum PushdownState {
    Active,
    Inactive,
}

/// The span `[start, end)`; without an end for a streaming job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedRange {
    /// First instant.
    pub start: Time,
    /// First instant after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
}

/// Everything before the watermark is read, and its alerts are acknowledged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobCheckpoint {
    /// Exclusive end of what is done, RFC 3339 with up to nine digits of a second.
    #[schemars(with = "String", length(max = 64))]
    pub watermark: Timestamp,
    /// Number of the term in which it was written: the leaseTransitions of the operator's Lease.
    /// 0 without an election.
    #[serde(default)]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub epoch: i64,
    /// Who led then: the holderIdentity of the Lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 320))]
    pub holder: Option<String>,
    /// Documents read up to there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub documents_read: Option<i64>,
    /// Audit events read up to there.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub events_read: i64,
    /// Alerts up to there that were new in the sink.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub alerts_created: i64,
    /// Alerts up to there that the sink had already.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub alerts_duplicate: i64,
    /// Alerts up to there about documents that became searchable late.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub alerts_late: i64,
    /// Documents up to there that hold no audit event that could be read.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub quarantined: i64,
    /// Times up to there that a rule could not decide an event.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub undecided: i64,
    /// Events up to there of which the end is missing.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub events_cut_off: i64,
    /// What was read of the last day, in buckets of five minutes, so that late documents are
    /// noticed: base64, for the operator alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 2_400))]
    pub ledger: String,
    /// Since when rules are in force that the job did not begin with, by namespace/name: they say
    /// nothing about late documents from before. Rules of the last day only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, String>", extend("maxProperties" = 64))]
    pub active_from: BTreeMap<String, Timestamp>,
    /// Static: fingerprint of the rules that the range is read with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub rules_revision: Option<String>,
}

fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}
