//! The ways in which shippers store audit events, and how each is led back to `audit.k8s.io/v1`.
//!
//! | layout | a document holds |
//! |---|---|
//! | `Auto` | the event wherever it is found first; see [`search`] |
//! | `Raw` | the event itself, or an `EventList` of them |
//! | `Elastic` | the event below `kubernetes.audit`, as Elastic's Kubernetes integration stores it |
//! | `Dotted` | flat keys, `kubernetes.audit.objectRef.resource` or `objectRef.resource`, whose values may be lists of one |
//! | `Wrapped` | the event, as text or as an object, in `log`, `message`, `properties.log` (AKS) or `event.original` |
//!
//! A list of events, and a text with several of them, is read element by element in each layout.
//! Parts of an event that are stored as text (`requestObject` by fluentd's `to_json`) are parsed,
//! and stay text where they are no JSON. The cloud audit log of GKE is another schema and is not
//! read.

pub(super) mod dotted;
mod path;
mod place;
mod recognise;
pub(super) mod renamed;
mod search;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    document::Rejection,
    json::{self, member_text},
};
use search::{DEPTH, Scope};

pub use path::{LayoutPath, PathError};
pub(super) use search::{FoundEvent, Reading};

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

/// A place at which events are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Place<'p> {
    /// The layout of documents, unless there is a path.
    pub layout: Layout,
    /// The only place of the event.
    pub path: Option<&'p LayoutPath>,
}

impl From<Layout> for Place<'_> {
    fn from(layout: Layout) -> Self {
        Self { layout, path: None }
    }
}

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
pub(super) fn audit_events(source: &[u8], place: Place<'_>) -> Reading {
    if let Some(path) = place.path {
        let at_path = |value, scope| place::read_at(value, path.names(), scope);
        let mut reading = search::search_text(source, Scope::new(0, false), &at_path);
        for rejection in &mut reading.rejections {
            if *rejection == Rejection::NotAnAuditEvent {
                let path = path.to_string();
                *rejection = Rejection::NothingAtPath { path };
            }
        }
        return reading;
    }
    let (scope, search): (Scope, &search::Searcher<'_>) = match place.layout {
        Layout::Auto => (Scope::new(DEPTH, true), &search::search),
        Layout::Raw => (Scope::new(0, false), &search::search),
        Layout::Dotted => (Scope::new(0, true), &search::search),
        Layout::Elastic => (Scope::new(0, false), &elastic),
        Layout::Wrapped => (Scope::new(DEPTH, true), &wrapped),
    };
    search::search_text(source, scope, search)
}

/// Places at which events are known to stand: objects below objects, or text. The first one that
/// holds an event counts.
pub(super) const KNOWN_PLACES: [&[&str]; 11] = [
    &ELASTIC,
    &["message"],
    &["log"],
    &["log_processed"],
    &["properties", "log"],
    &["event", "original"],
    &["json"],
    &["body"],
    &["azure", "platformlogs", "properties", "log"],
    &["aws", "eks", "audit"],
    &["result", "_raw"],
];

/// The prefix of names in flat documents.
pub(super) const FLAT_PREFIX: &str = "kubernetes.audit.";

/// The place that Elastic's Kubernetes integration uses.
pub(super) const ELASTIC: [&str; 2] = ["kubernetes", "audit"];

/// Returns true for the known places of [`Layout::Wrapped`].
pub(super) fn is_wrapped(place: &[&str]) -> bool {
    place.first().is_some_and(|name| is_wrapper(name))
}

fn elastic(value: Value, scope: Scope) -> Reading {
    let path = ELASTIC.map(str::to_owned);
    place::read_at(value, &path, scope)
}

fn wrapped(value: Value, scope: Scope) -> Reading {
    match value {
        Value::Object(document) => search::search_members(document, scope, is_wrapper, is_wrapped),
        Value::Array(elements) => search::search_elements(elements, scope, &wrapped),
        _ => Reading::rejected(Rejection::NotAnAuditEvent),
    }
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

/// Returns true if events are known to stand below a name.
fn is_place(name: &str) -> bool {
    let is_other = matches!(
        name,
        "kubernetes" | "audit" | "kubernetes.audit" | "json" | "body" | "_raw" | "_source"
    );
    is_other || is_wrapper(name)
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

/// Returns true if a name is another spelling of a member of the event, or of something within one.
pub(super) fn is_other_spelling(name: &str) -> bool {
    renamed::is_renamed(name) || dotted::is_dotted_member(name)
}

/// Returns true if a name is that of a member by which an event is recognised, perhaps behind the
/// name of its place.
pub(super) fn is_anchor(name: &str) -> bool {
    renamed::ends_with_anchor(name)
}

/// The kind of an object, by its own words.
enum Kind {
    /// Nothing that matters, or that it is an audit event.
    Any,
    /// It is a list of audit events.
    EventList,
    /// It is another object of the Kubernetes API.
    Foreign,
}

fn kind(document: &AuditEvent) -> Kind {
    let version = text_of(document, "apiVersion");
    let is_audit = is_audit_version(version.as_deref());
    match text_of(document, "kind").as_deref() {
        None => Kind::Any,
        Some("EventList") if is_audit && document.get("items").is_some_and(Value::is_array) => {
            Kind::EventList
        }
        Some("Event") if is_audit => Kind::Any,
        // What prints objects of any kind together makes a list of this kind.
        Some("List") if document.get("items").is_some_and(Value::is_array) => Kind::EventList,
        Some(_) if version.is_some() && !is_audit => Kind::Foreign,
        Some(_) => Kind::Any,
    }
}

fn text_of<'d>(document: &'d AuditEvent, name: &str) -> Option<Cow<'d, str>> {
    member_text(document, name)
}

fn is_event(document: &AuditEvent) -> bool {
    let has = |name: &str| document.get(name).is_some_and(|it| !json::is_empty(it));
    looks_like_event(|name| text_of(document, name), has)
}

/// Returns true if an event says who asked, or for which object.
fn has_target(event: &AuditEvent) -> bool {
    let has = |name| event.get(name).is_some_and(|it| !json::is_empty(it));
    has("user") || has("objectRef")
}

/// Returns true if members are those of an audit event, given their texts and presence: an event
/// names its kind and API group, or at least has what other documents have not; and it says who
/// asked or for what.
pub(super) fn looks_like_event<'e>(
    text: impl Fn(&'static str) -> Option<Cow<'e, str>>,
    has: impl Fn(&str) -> bool,
) -> bool {
    if text("kind").is_some_and(|kind| kind != "Event")
        || !is_audit_version(text("apiVersion").as_deref())
    {
        return false;
    }
    let is_about_something = text("requestURI").is_some() || has("objectRef") || has("user");
    let is_event = || {
        text("auditID").is_some()
            || text("verb").is_some()
            || text("stage").is_some_and(|stage| is_stage(&stage))
    };
    is_about_something && is_event()
}

fn is_stage(text: &str) -> bool {
    matches!(
        text,
        "RequestReceived" | "ResponseStarted" | "ResponseComplete" | "Panic"
    )
}

fn is_audit_version(version: Option<&str>) -> bool {
    version.is_none_or(|version| version.starts_with("audit.k8s.io/"))
}
