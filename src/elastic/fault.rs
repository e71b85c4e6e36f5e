//! What a refusal means: a server's status and error types, led to a reason and a remedy.
//!
//! Messages are our own words only. Of a server's answer nothing is repeated.

use std::time::Duration;

use elasticsearch::http::headers::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

use super::client::Answer;
use crate::pipeline::ports::{Fault, FaultReason, Remedy};

/// The longest pause that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What to say of an index that takes no writes for now.
pub(super) const BLOCKED: &str =
    "alert index is read-only, full or closed: free disk space, lift the block or open it";

/// Errors of a shard after which a frozen view never answers for it again.
const LOST: [&str; 4] = [
    "search_context_missing_exception",
    "index_not_found_exception",
    "no_shard_available_action_exception",
    "shard_not_found_exception",
];

/// Errors of a server that has not got every shard of what is searched.
const MISSING_SHARDS: [&str; 2] = [
    "search_phase_execution_exception",
    "no_shard_available_action_exception",
];

/// What was asked of the server when it refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Finding out which product it is.
    Recognise,
    /// Asking for its time.
    ReadClock,
    /// Asking how the time field is mapped.
    ReadMapping,
    /// Counting documents.
    Count,
    /// Freezing a window.
    OpenView,
    /// Reading a page of a frozen window.
    ReadPage,
    /// Writing alerts.
    Write,
    /// Looking up alerts that are there already.
    Verify,
    /// Looking up what the alert indices are.
    Look,
    /// Installing the index template.
    Template,
}

impl Operation {
    fn gerund(self) -> &'static str {
        match self {
            Self::Recognise => "asking the server what it is",
            Self::ReadClock => "asking the server for its time",
            Self::ReadMapping => "asking how the time field is mapped",
            Self::Count => "counting the documents of the source",
            Self::OpenView => "opening a view of the source",
            Self::ReadPage => "reading the source",
            Self::Write => "writing alerts",
            Self::Verify => "looking up alerts",
            Self::Look => "looking up the alert indices",
            Self::Template => "installing the index template",
        }
    }

    fn privilege(self) -> &'static str {
        match self {
            Self::Recognise => "\"monitor\" on the cluster",
            Self::ReadClock | Self::ReadMapping | Self::Count | Self::OpenView | Self::ReadPage => {
                "\"read\" on the source indices"
            }
            Self::Write => "\"create_doc\", \"read\" and \"auto_configure\" on the alert indices",
            Self::Verify => "\"read\" on the alert indices",
            Self::Look => "\"view_index_metadata\" on the alert indices",
            Self::Template => {
                "\"manage_index_templates\", or install the template as an administrator"
            }
        }
    }

    fn is_read(self) -> bool {
        matches!(
            self,
            Self::ReadClock | Self::ReadMapping | Self::Count | Self::OpenView | Self::ReadPage
        )
    }
}

/// A fault without a pause.
pub(super) fn new(reason: FaultReason, remedy: Remedy, message: impl Into<String>) -> Fault {
    Fault {
        reason,
        message: message.into(),
        remedy,
        retry_after: None,
    }
}

/// The server cannot be reached or does not make sense; the same call may be repeated.
pub(super) fn unavailable(message: impl Into<String>) -> Fault {
    new(
        FaultReason::ElasticsearchUnavailable,
        Remedy::Retry,
        message,
    )
}

/// The meaning of an answer whose status is not a success.
pub(super) fn refused(operation: Operation, answer: &Answer) -> Fault {
    let types = ErrorTypes::read(&answer.body);
    let mut fault = classify(operation, answer.status, &types);
    fault.retry_after = pause(&answer.headers);
    fault
}

fn classify(operation: Operation, status: u16, types: &ErrorTypes) -> Fault {
    use FaultReason as Reason;
    let doing = operation.gerund();
    let lost = if operation == Operation::ReadPage {
        Remedy::Reopen
    } else {
        Remedy::Retry
    };
    match status {
        403 | 429 if types.any(&["cluster_block_exception"]) && !operation.is_read() => {
            new(Reason::SinkBlocked, Remedy::Retry, BLOCKED)
        }
        403 if types.any(&["cluster_block_exception"]) => new(
            Reason::PartialResults,
            lost,
            "an index of the source is blocked for reads: set its index.blocks.read to false",
        ),
        401 => new(
            Reason::AuthFailed,
            Remedy::Reconnect,
            format!(
                "server answered 401 when {doing}: check username and password, or the API key"
            ),
        ),
        403 => new(
            Reason::Forbidden,
            Remedy::Reconnect,
            format!(
                "server answered 403 when {doing}: grant {}",
                operation.privilege()
            ),
        ),
        404 if types.any(&["search_context_missing_exception"]) => new(
            Reason::ViewLost,
            Remedy::Reopen,
            "frozen view of the source has expired",
        ),
        404 if types.any(&["index_not_found_exception"]) => new(
            Reason::IndexNotFound,
            lost,
            format!("no index matches when {doing}: check the index pattern"),
        ),
        429 => new(
            Reason::TooManyRequests,
            Remedy::Retry,
            format!("server answered 429 when {doing}: it is overloaded"),
        ),
        _ if types.is_overload() => new(
            Reason::TooManyRequests,
            Remedy::Retry,
            format!("server is short of memory or threads when {doing}"),
        ),
        404 if operation == Operation::ReadPage => new(
            Reason::ViewLost,
            Remedy::Reopen,
            "frozen view of the source is gone",
        ),
        400 if types.any(&["index_closed_exception"]) && operation.is_read() => new(
            Reason::IndexNotFound,
            lost,
            "an index of the pattern is closed: open it or narrow the pattern",
        ),
        400 if types.is_page_too_large && operation.is_read() => new(
            Reason::TooManyRequests,
            Remedy::Shrink,
            "an index of the source has an index.max_result_window of less than a page",
        ),
        // A proxy's page tells nothing about what was sent.
        400 if !types.is_known() => unavailable(format!("server answered 400 when {doing}")),
        400 if operation.is_read() => new(
            Reason::TimestampFieldInvalid,
            lost,
            format!(
                "server refused the search when {doing}: check that the time field is a date and the filter fits the mapping"
            ),
        ),
        400 if operation == Operation::Template => new(
            Reason::SinkRejecting,
            Remedy::Retry,
            "server refused the index template: does another one of equal priority match the same indices?",
        ),
        413 if operation == Operation::Write => new(
            Reason::SinkRejecting,
            Remedy::Shrink,
            "bulk request was too large",
        ),
        400 if operation == Operation::Write => new(
            Reason::SinkRejecting,
            Remedy::Shrink,
            "server refused a bulk request as a whole",
        ),
        503 if types.is_known() && operation == Operation::ReadPage => new(
            Reason::ViewLost,
            Remedy::Reopen,
            "shards of the frozen view are gone",
        ),
        503 if types.any(&MISSING_SHARDS) && operation.is_read() => new(
            Reason::PartialResults,
            Remedy::Retry,
            "no node serves a shard of the source: check the health of its indices",
        ),
        _ => unavailable(format!("server answered {status} when {doing}")),
    }
}

/// The pause that the server asks for in whole seconds, at most five minutes.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

/// The types of error within an error, wherever they stand.
pub(super) struct ErrorTypes {
    types: Vec<String>,
    /// More documents were asked for at once than an index allows: it has no type of its own.
    is_page_too_large: bool,
}

/// The fault of an answer that leaves shards out, from the failures that it tells.
pub(super) fn partial(failures: &[Value]) -> Fault {
    let failures: Vec<_> = failures.iter().map(ErrorTypes::of).collect();
    if failures.iter().any(|types| types.any(&LOST)) {
        return new(
            FaultReason::ViewLost,
            Remedy::Reopen,
            "shards of the frozen view are gone",
        );
    }
    new(
        FaultReason::PartialResults,
        Remedy::Retry,
        "server answered for a part of the shards only: check the health of the source indices",
    )
}

impl ErrorTypes {
    fn read(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        Self::of(&body["error"])
    }

    /// Those of one error.
    pub(super) fn of(error: &Value) -> Self {
        let mut found = Self {
            types: Vec::new(),
            is_page_too_large: false,
        };
        found.collect(error);
        found
    }

    pub(super) fn any(&self, wanted: &[&str]) -> bool {
        let mut types = self.types.iter();
        types.any(|found| wanted.contains(&found.as_str()))
    }

    pub(super) fn is_known(&self) -> bool {
        !self.types.is_empty()
    }

    /// Returns whether the server is short of memory or threads.
    pub(super) fn is_overload(&self) -> bool {
        self.any(&[
            "circuit_breaking_exception",
            "es_rejected_execution_exception",
        ])
    }

    /// Error bodies nest at most as deep as serde_json reads.
    fn collect(&mut self, error: &Value) {
        if let Some(kind) = error["type"].as_str() {
            self.types.push(kind.to_owned());
        }
        let reason = error["reason"].as_str();
        self.is_page_too_large |= reason.is_some_and(|it| it.contains("index.max_result_window"));
        for list in ["root_cause", "failed_shards", "suppressed"] {
            for cause in error[list].as_array().into_iter().flatten() {
                self.collect(cause);
            }
        }
        for nested in ["caused_by", "reason"] {
            if error[nested].is_object() {
                self.collect(&error[nested]);
            }
        }
    }
}

#[cfg(test)]
mod tests;
