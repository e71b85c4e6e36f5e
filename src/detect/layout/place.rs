//! Events at one place of a document.

use serde_json::{Map, Value};

use super::{
    AuditEvent,
    search::{self, Reading, Scope},
    text,
};
use crate::detect::{document::Rejection, json::cut::MARK};

/// Reads what stands at a path. A name of the document may hold dots, lists on the way are walked
/// through, and text on the way is parsed.
pub(super) fn read_at(value: Value, path: &[String], scope: Scope) -> Reading {
    let nothing = || Reading::rejected(Rejection::NotAnAuditEvent);
    if path.is_empty() {
        return search::search(value, scope);
    }
    let at_path = |value, scope| read_at(value, path, scope);
    match value {
        Value::Object(document) => match step(document, path) {
            Some((value, rest)) => read_at(value, rest, scope),
            None => nothing(),
        },
        Value::Array(elements) => search::search_elements(elements, scope, &at_path),
        Value::String(text) => match scope.in_text().zip(text::json_in(&text)) {
            Some((scope, json)) => search::search_text(json.as_bytes(), scope, &at_path),
            None => nothing(),
        },
        _ => nothing(),
    }
}

/// The value behind the first name of a path, or the first names, and the rest of the path.
fn step(mut document: Map<String, Value>, path: &[String]) -> Option<(Value, &[String])> {
    for length in 1..=path.len() {
        let (names, rest) = path.split_at(length);
        if let Some(value) = document.remove(&names.join(".")) {
            return Some((value, rest));
        }
    }
    let prefix = format!("{}.", path.join("."));
    let members: AuditEvent = document
        .into_iter()
        .filter_map(|(name, value)| {
            let rest = name
                .strip_prefix(&prefix)
                .or((name == MARK).then_some(MARK))?;
            Some((rest.to_owned(), value))
        })
        .collect();
    let has_members = members.keys().any(|name| name != MARK);
    has_members.then_some((Value::Object(members), &[]))
}
