//! The severities of alerts and the outcomes of requests.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bad a match is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[allow(
    missing_docs,
    reason = "documented variants lose their docs in a CRD; the field tells them"
)]
pub enum Severity {
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// Returns the severity one step below, at the least Informational.
    pub fn lower(self) -> Self {
        match self {
            Self::Informational | Self::Low => Self::Informational,
            Self::Medium => Self::Low,
            Self::High => Self::Medium,
            Self::Critical => Self::High,
        }
    }

    /// The severity in lower case, as alerts and metrics have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// The outcome of a request.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[allow(
    missing_docs,
    reason = "documented variants lose their docs in a CRD; the field documents them"
)]
pub enum RequestOutcome {
    Success,
    Denied,
    Failure,
    DryRun,
}

impl RequestOutcome {
    /// Returns the outcome as the field `outcome` has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Denied => "denied",
            Self::Failure => "failure",
            Self::DryRun => "dryRun",
        }
    }
}
