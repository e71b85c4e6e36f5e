//! The ways in which shippers store audit events, and how each is led back to `audit.k8s.io/v1`.
//!
//! | layout | a document holds |
//! |---|---|
//! | `Auto` | whichever of the others is found first, in this order |
//! | `Raw` | the event itself, or an `EventList` of them |
//! | `Elastic` | the event below `kubernetes.audit`, as Elastic's Kubernetes integration stores it |
//! | `Dotted` | flat keys, `kubernetes.audit.objectRef.resource` or `objectRef.resource`, whose values may be lists of one |
//! | `Wrapped` | the event, as text or as an object, in `log`, `message`, `properties.log` (AKS) or `event.original` |
//!
//! Parts of an event that are stored as text (`requestObject` by fluentd's `to_json`) are parsed,
//! and stay text where they are no JSON. The cloud audit log of GKE is another schema and is not
//! read.

pub(super) mod dotted;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    document::Rejection,
    json::{self, member_text},
};

/// How a stored document holds its audit event.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[allow(missing_docs, reason = "the field that uses it tells them")]
pub enum Layout {
    #[default]
    Auto,
    Raw,
    Elastic,
    Dotted,
    Wrapped,
}

/// An audit event, a JSON object in the shape of `audit.k8s.io/v1`.
type AuditEvent = Map<String, Value>;

/// How many wrappers may stand around one another.
const WRAPPER_LIMIT: usize = 4;

/// Members of the event that are objects, and that shippers may have stored as text.
pub(super) const OBJECTS: [&str; 7] = [
    "user",
    "impersonatedUser",
    "objectRef",
    "responseStatus",
    "requestObject",
    "responseObject",
    "annotations",
];

/// Reads the audit events of a document. Each is [`canonical`].
pub(super) fn audit_events(source: &[u8], layout: Layout) -> Result<Vec<AuditEvent>, Rejection> {
    let Value::Object(document) = json::parse(source)? else {
        return Err(Rejection::NotAnAuditEvent);
    };
    match layout {
        Layout::Auto => auto(document, WRAPPER_LIMIT),
        Layout::Raw => raw(document).map_err(|_| Rejection::NotAnAuditEvent),
        Layout::Elastic => elastic(document).map_err(|_| Rejection::NotAnAuditEvent),
        Layout::Dotted => dotted(document).map_err(|_| Rejection::NotAnAuditEvent),
        Layout::Wrapped => wrapped(document, WRAPPER_LIMIT),
    }
}

/// Makes the members of an event stand where `audit.k8s.io/v1` has them: dotted names become
/// paths, and objects that are stored as text are parsed.
pub(super) fn canonical(event: AuditEvent) -> AuditEvent {
    let mut event = dotted::expand(event);
    for name in OBJECTS {
        if let Some(member) = event.get_mut(name) {
            json::unfold(member);
        }
    }
    event
}

type Attempt = Result<Vec<AuditEvent>, AuditEvent>;

fn auto(document: AuditEvent, wrappers: usize) -> Result<Vec<AuditEvent>, Rejection> {
    raw(document)
        .or_else(elastic)
        .or_else(dotted)
        .or_else(|document| wrapped(document, wrappers))
}

/// Each attempt gives the document back if it is laid out otherwise.
fn raw(document: AuditEvent) -> Attempt {
    if is_event_list(&document) {
        return Ok(items(document));
    }
    single(document)
}

fn elastic(mut document: AuditEvent) -> Attempt {
    let audit = document
        .get("kubernetes")
        .and_then(|kubernetes| kubernetes.get("audit"))
        .and_then(Value::as_object);
    if !audit.is_some_and(is_event) {
        return Err(document);
    }
    match document.remove("kubernetes") {
        Some(Value::Object(mut kubernetes)) => match kubernetes.remove("audit") {
            Some(Value::Object(audit)) => Ok(vec![canonical(audit)]),
            _ => Err(document),
        },
        _ => Err(document),
    }
}

fn dotted(document: AuditEvent) -> Attempt {
    match dotted::has_prefixed(&document) {
        true => single(dotted::strip_prefix(document)),
        false => single(document),
    }
}

fn single(document: AuditEvent) -> Attempt {
    if is_event(&document) {
        return Ok(vec![canonical(document)]);
    }
    if !dotted::has_members(&document) {
        return Err(document);
    }
    let event = canonical(document);
    match is_event(&event) {
        true => Ok(vec![event]),
        false => Err(event),
    }
}

fn wrapped(document: AuditEvent, wrappers: usize) -> Result<Vec<AuditEvent>, Rejection> {
    let mut rejection = Rejection::NotAnAuditEvent;
    if wrappers == 0 {
        return Err(rejection);
    }
    for (name, content) in document {
        if !is_wrapper(&name) {
            continue;
        }
        match unwrap(content, wrappers - 1) {
            Ok(events) => return Ok(events),
            Err(Rejection::NotAnAuditEvent) => {}
            Err(telling) => rejection = telling,
        }
    }
    Err(rejection)
}

fn is_wrapper(name: &str) -> bool {
    matches!(
        name,
        "log"
            | "log_processed"
            | "message"
            | "properties"
            | "event"
            | "original"
            | "event.original"
    )
}

fn unwrap(content: Value, wrappers: usize) -> Result<Vec<AuditEvent>, Rejection> {
    let content = match content {
        Value::String(text) if text.trim_start().starts_with('{') => json::parse(text.as_bytes())?,
        other => other,
    };
    match content {
        Value::Object(document) => auto(document, wrappers),
        _ => Err(Rejection::NotAnAuditEvent),
    }
}

fn is_event(document: &AuditEvent) -> bool {
    let is_object = |name: &str| document.get(name).is_some_and(Value::is_object);
    looks_like_event(|name| member_text(document, name), is_object)
}

/// Whether members are those of an audit event, given their texts, and which are objects: an event
/// names its kind and API group, or at least has what other documents have not.
pub(super) fn looks_like_event<'e>(
    text: impl Fn(&'static str) -> Option<Cow<'e, str>>,
    is_object: impl Fn(&str) -> bool,
) -> bool {
    if text("kind").is_some_and(|kind| kind != "Event") || !is_audit_version(text("apiVersion")) {
        return false;
    }
    text("auditID").is_some()
        || text("stage").is_some_and(|stage| is_stage(&stage))
        || text("verb").is_some()
            && (text("requestURI").is_some() || is_object("objectRef") || is_object("user"))
}

fn is_stage(text: &str) -> bool {
    matches!(
        text,
        "RequestReceived" | "ResponseStarted" | "ResponseComplete" | "Panic"
    )
}

fn is_audit_version(version: Option<Cow<'_, str>>) -> bool {
    version.is_none_or(|version| version.starts_with("audit.k8s.io/"))
}

fn is_event_list(document: &AuditEvent) -> bool {
    let is_item = |item: &Value| item.as_object().is_some_and(is_event);
    member_text(document, "kind").is_some_and(|kind| kind == "EventList")
        && is_audit_version(member_text(document, "apiVersion"))
        && matches!(document.get("items"), Some(Value::Array(items)) if items.iter().all(is_item))
}

fn items(mut list: AuditEvent) -> Vec<AuditEvent> {
    let Some(Value::Array(items)) = list.remove("items") else {
        return Vec::new();
    };
    let objects = items.into_iter().filter_map(|item| match item {
        Value::Object(event) => Some(canonical(event)),
        _ => None,
    });
    objects.collect()
}
