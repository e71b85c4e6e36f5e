//! Bulk writes as plain data: lines of JSON out, the verdict on each item in.
//!
//! Promises: an item counts as created only if its own answer says 201, in the index that it was
//! sent to; an answer that does not fit what was sent, item by item, says nothing about any of
//! them.

use std::{borrow::Cow, io::Write};

use bytes::Bytes;
use elasticsearch::http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    fault::{self, BLOCKED},
    request::Request,
};
use crate::pipeline::ports::{AddressedAlert, Fault, FaultReason, Outcome, Remedy};

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

/// What a server said of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// What became of it.
    Known(Outcome),
    /// Its id is there already: who holds it has to be looked up.
    Conflict,
}

/// One bulk request: for each alert the line that creates it, and its document as it was written.
pub(super) fn request(alerts: &[AddressedAlert]) -> Request {
    let mut lines = Vec::with_capacity(alerts.iter().map(size).sum());
    for alert in alerts {
        let action = json!({"create": {"_index": alert.index, "_id": alert.alert.id}});
        writeln!(lines, "{action}").expect("a vector takes all");
        lines.extend_from_slice(alert.text());
        lines.push(b'\n');
    }
    Request::new(Method::Post, "_bulk").lines(Bytes::from(lines))
}

/// Bytes of both lines of an alert, or a few more.
fn size(alert: &AddressedAlert) -> usize {
    const ACTION: usize = 48;
    alert.text().len() + alert.index.len() + alert.alert.id.len() + ACTION
}

/// The verdict on each alert of a request, in the order they were sent.
pub(super) fn verdicts(sent: &[AddressedAlert], body: &[u8]) -> Result<Vec<Verdict>, Fault> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| unknown())?;
    if answer.items.len() != sent.len() {
        return Err(unknown());
    }
    let items = answer.items.iter().zip(sent);
    items
        .map(|(item, sent)| item.create.verdict(sent).ok_or_else(unknown))
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
    #[serde(borrow, rename = "_index")]
    index: Option<Cow<'a, str>>,
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

    fn kind(&self) -> Option<&str> {
        self.error.as_ref().map(|error| error.kind.as_ref())
    }

    /// `None`: it is about another item than the one that was sent.
    fn verdict(&self, sent: &AddressedAlert) -> Option<Verdict> {
        let index = self.index.as_deref()?;
        if self.id.as_deref()? != sent.alert.id {
            return None;
        }
        let is_there = match (self.status, self.kind()) {
            (201, None) => Verdict::Known(Outcome::Created),
            (409, Some("version_conflict_engine_exception")) => Verdict::Conflict,
            _ => return Some(Verdict::Known(self.refusal())),
        };
        match index == sent.index {
            true => Some(is_there),
            false => Some(Verdict::Known(Outcome::Retry(elsewhere()))),
        }
    }

    fn refusal(&self) -> Outcome {
        let kind = self.kind();
        let retry =
            |reason, remedy, message: &str| Outcome::Retry(fault::new(reason, remedy, message));
        match (self.status, kind) {
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
                "server answered 403 for an alert: grant \"create_doc\", \"read\" and \"auto_configure\" on the alert indices",
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

/// An alias or a data stream has led an alert to another index than the one it belongs to.
fn elsewhere() -> Fault {
    fault::new(
        FaultReason::SinkNotDeterministic,
        Remedy::Reconnect,
        "an alert was led to another index than its own: no alias, data stream or ingest pipeline may stand between",
    )
}

fn unknown() -> Fault {
    fault::unavailable(
        "answer to a bulk request does not fit what was sent: all of it is sent again",
    )
}

#[cfg(test)]
mod tests;
