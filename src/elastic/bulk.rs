//! Bulk writes as plain data: lines of JSON out, the outcome of each item in.
//!
//! Promises: an item counts as created only if its own answer says 201; an answer that does not
//! fit what was sent, item by item, says nothing about any of them.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;
use elasticsearch::http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    fault::{self, BLOCKED},
    request::Request,
};
use crate::pipeline::ports::{AddressedAlert, Fault, FaultReason, Outcome, Remedy};

/// Items of the largest request.
const LARGEST_COUNT: usize = 500;

/// Bytes of the largest request, unless one item alone is larger.
const LARGEST_BYTES: usize = 4 << 20;

/// Errors for what is in a document, or for its index's name.
const CONTENT_ERRORS: [&str; 4] = [
    "document_parsing_exception",
    "mapper_parsing_exception",
    "strict_dynamic_mapping_exception",
    "invalid_index_name_exception",
];

/// Parts of the reasons of an `illegal_argument_exception` that are about a document. Others are
/// about the server's configuration, such as a missing pipeline.
const CONTENT_REASONS: [&str; 5] = [
    "immense term",
    "Limit of total fields",
    "Limit of mapping depth",
    "cannot be changed from type",
    "is too long",
];

/// Two lines that create one alert.
pub(super) fn lines(alert: &AddressedAlert) -> String {
    let action = json!({"create": {"_index": alert.index, "_id": alert.alert.id}});
    format!("{action}\n{}\n", alert.alert.document)
}

/// Ranges of items that fit one request each, in order.
pub(super) fn batches(items: &[String]) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, item) in items.iter().enumerate() {
        let full = at - start == LARGEST_COUNT || bytes + item.len() > LARGEST_BYTES;
        if full && at > start {
            batches.push(start..at);
            (start, bytes) = (at, 0);
        }
        bytes += item.len();
    }
    if start < items.len() {
        batches.push(start..items.len());
    }
    batches
}

/// One bulk request.
pub(super) fn request(items: &[String]) -> Request {
    Request::new(Method::Post, "_bulk").lines(Bytes::from(items.concat()))
}

/// The outcome of each item of a request, in the order they were sent. `sent` are their ids.
pub(super) fn outcomes<'a>(
    sent: impl ExactSizeIterator<Item = &'a str>,
    body: &[u8],
) -> Result<Vec<Outcome>, Fault> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| unknown())?;
    if answer.items.len() != sent.len() {
        return Err(unknown());
    }
    answer
        .items
        .iter()
        .zip(sent)
        .map(|(item, id)| {
            let same = item.create.id.as_deref() == Some(id);
            same.then(|| item.create.outcome()).ok_or_else(unknown)
        })
        .collect()
}

/// The outcome of an item that was alone in a request when less was asked for. An answer that was
/// too large is no refusal: the item may well be written.
pub(super) fn refused_alone(fault: Fault) -> Outcome {
    if fault.reason == FaultReason::SinkRejecting {
        return Outcome::Rejected(rejecting(
            "server refused the request that held this alert alone",
        ));
    }
    Outcome::Retry(Fault {
        remedy: Remedy::Retry,
        ..fault
    })
}

/// The fault of a request in which each item was refused for who we are.
pub(super) fn refused_credentials(outcomes: &[Outcome]) -> Option<Fault> {
    let mut faults = outcomes.iter().map(|outcome| match outcome {
        Outcome::Retry(fault) if fault.remedy == Remedy::Reconnect => Some(fault),
        _ => None,
    });
    let first = faults.next()??;
    faults.all(|fault| fault.is_some()).then(|| first.clone())
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    items: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    create: Created<'a>,
}

#[derive(Deserialize)]
struct Created<'a> {
    #[serde(borrow, rename = "_id")]
    id: Option<Cow<'a, str>>,
    status: u16,
    #[serde(borrow)]
    error: Option<Error<'a>>,
}

#[derive(Deserialize)]
struct Error<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
}

impl Created<'_> {
    /// Whether an error says that the document itself, or its index name, will never do.
    fn is_for_content(&self, kind: &str) -> bool {
        let reason = self
            .error
            .as_ref()
            .and_then(|error| error.reason.as_deref());
        let reason = reason.unwrap_or_default();
        CONTENT_ERRORS.contains(&kind)
            || (kind == "illegal_argument_exception"
                && CONTENT_REASONS.iter().any(|found| reason.contains(found)))
    }

    fn outcome(&self) -> Outcome {
        let kind = self.error.as_ref().map(|error| error.kind.as_ref());
        let retry =
            |reason, remedy, message: &str| Outcome::Retry(fault::new(reason, remedy, message));
        match (self.status, kind) {
            (201, None) => Outcome::Created,
            (409, _) => Outcome::Duplicate,
            (_, Some("cluster_block_exception" | "index_closed_exception"))
            // The cluster has as many shards as it may have: no index can be made.
            | (400, Some("validation_exception")) => {
                retry(FaultReason::SinkBlocked, Remedy::Retry, BLOCKED)
            }
            (429, _) => retry(
                FaultReason::TooManyRequests,
                Remedy::Retry,
                "server answered 429 for an alert: it is overloaded",
            ),
            (401, _) => retry(
                FaultReason::AuthFailed,
                Remedy::Reconnect,
                "server answered 401 for an alert: check username and password, or the API key",
            ),
            (403, _) => retry(
                FaultReason::Forbidden,
                Remedy::Reconnect,
                "server answered 403 for an alert: grant \"create_doc\" and \"auto_configure\" on the alert indices",
            ),
            (404, _) => retry(
                FaultReason::IndexNotFound,
                Remedy::Retry,
                "alert index is missing and not made by itself: allow it in action.auto_create_index",
            ),
            (400, Some(kind)) if self.is_for_content(kind) => Outcome::Rejected(rejecting(
                "server refused an alert for what is in it: check the mapping of the alert index",
            )),
            (400, Some(_)) => retry(
                FaultReason::SinkBlocked,
                Remedy::Retry,
                "server refused an alert, but not for what is in it: check ingest pipelines and templates of the alert index",
            ),
            _ => Outcome::Retry(fault::unavailable(format!(
                "server answered {} for an alert",
                self.status
            ))),
        }
    }
}

fn rejecting(message: &str) -> Fault {
    fault::new(FaultReason::SinkRejecting, Remedy::Retry, message)
}

fn unknown() -> Fault {
    fault::unavailable(
        "answer to a bulk request does not fit what was sent: all of it is sent again",
    )
}

#[cfg(test)]
mod tests;
