//! Distinguishes audit events from other objects.

use serde_json::{Map, Value};

use super::{
    AuditEvent, Kind, canonical, dotted, has_target, is_event, kind, renamed, search::Scope,
    text_of,
};
use crate::detect::{document::Rejection, json::cut::MARK};

/// The nature of an object.
pub(super) enum Recognised {
    /// An event.
    Event(AuditEvent),
    /// A list of events.
    List(Vec<Value>),
    /// Something that may hold one, and the reason why it is none although it looks like one.
    Other(Map<String, Value>, Option<Rejection>),
}

/// Tells events from other objects. Where events are known to stand, an object need not look like
/// one in all respects.
pub(super) fn recognise(
    mut document: Map<String, Value>,
    scope: Scope,
    is_known: bool,
) -> Recognised {
    match kind(&document) {
        Kind::Any => {}
        Kind::EventList => match document.remove("items") {
            Some(Value::Array(items)) => return Recognised::List(items),
            _ => return Recognised::Other(Map::new(), None),
        },
        // Callers write it.
        Kind::Foreign => return Recognised::Other(Map::new(), None),
    }
    let mut rejection = None;
    match event_of(&document, is_known) {
        Ok(Some(Shape::AsItIs)) => return Recognised::Event(canonical(document)),
        Ok(Some(Shape::Restored(event))) => return Recognised::Event(event),
        Ok(None) => {}
        Err(reason) => rejection = Some(reason),
    }
    let prefixes = match scope.has_prefixes {
        true => renamed::prefixes(&document),
        false => Vec::new(),
    };
    for prefix in prefixes {
        match event_of(&with_prefix(&document, &prefix), true) {
            Ok(Some(Shape::Restored(event))) => return Recognised::Event(event),
            Ok(Some(Shape::AsItIs)) => {
                return Recognised::Event(canonical(with_prefix(&document, &prefix)));
            }
            Ok(None) => {}
            Err(reason) => rejection = Some(reason),
        }
    }
    Recognised::Other(document, rejection)
}

/// The form of an event in its document.
enum Shape {
    AsItIs,
    Restored(AuditEvent),
}

/// Returns the event that an object is, or the reason why it is no longer one.
fn event_of(document: &AuditEvent, is_known: bool) -> Result<Option<Shape>, Rejection> {
    let is_renamed = document.keys().any(|name| renamed::is_renamed(name));
    let is_one = |event: &AuditEvent| is_event(event) && (is_known || is_surely_event(event));
    let has_other_names = is_renamed || dotted::has_members(document);
    if !has_other_names && is_one(document) {
        return accept(document, Shape::AsItIs);
    }
    if has_other_names {
        let restored = canonical(renamed::restore(document.clone())?);
        if is_one(&restored) {
            return accept(document, Shape::Restored(restored));
        }
    }
    match is_known && renamed::has_traces(document) {
        true => Err(Rejection::Renamed),
        false => Ok(None),
    }
}

/// An event that names neither its user nor its object, while some names look like theirs, is not
/// what it was.
fn accept(document: &AuditEvent, shape: Shape) -> Result<Option<Shape>, Rejection> {
    let event = match &shape {
        Shape::AsItIs => document,
        Shape::Restored(event) => event,
    };
    match !has_target(event) && renamed::has_traces(document) {
        true => Err(Rejection::Renamed),
        false => Ok(Some(shape)),
    }
}

/// Returns true if an object is an event wherever it stands.
fn is_surely_event(event: &AuditEvent) -> bool {
    let is_named = event.contains_key("auditID")
        || text_of(event, "kind").is_some() && text_of(event, "apiVersion").is_some();
    is_named && text_of(event, "verb").is_some() || event.contains_key(MARK)
}

/// Only what has a name that begins with the prefix, by the rest of its name.
fn with_prefix(document: &Map<String, Value>, prefix: &str) -> Map<String, Value> {
    let members = document.iter().filter_map(|(name, value)| {
        let rest = name
            .strip_prefix(prefix)
            .or((name == MARK).then_some(MARK))?;
        Some((rest.to_owned(), value.clone()))
    });
    members.collect()
}
