//! Flat documents: `"objectRef.resource": "pods"` for `{"objectRef": {"resource": "pods"}}`.
//!
//! Which values of two lists belong to the same element is lost in such documents.

use serde_json::{Map, Value, map::Entry};

use crate::detect::schema;

/// The deepest object that a dotted name makes; the rest of the name stays one key.
pub(super) const DEPTH_LIMIT: usize = 32;

/// Whether members of the event have dotted names.
pub(super) fn has_members(document: &Map<String, Value>) -> bool {
    document.keys().any(|name| is_dotted_member(name))
}

/// Whether a name is a path that begins with a member of the event.
pub(in crate::detect) fn is_dotted_member(name: &str) -> bool {
    name.split_once('.')
        .is_some_and(|(member, _)| schema::is_member(member))
}

/// Makes paths of dotted names. What stands at its place already is kept.
pub(super) fn expand(document: Map<String, Value>) -> Map<String, Value> {
    if !has_members(&document) {
        return document;
    }
    let (dotted, mut event): (Map<_, _>, Map<_, _>) = document
        .into_iter()
        .partition(|(name, _)| is_dotted_member(name));
    for (name, value) in dotted {
        insert(&mut event, &name, value, DEPTH_LIMIT);
    }
    event
}

fn insert(map: &mut Map<String, Value>, name: &str, value: Value, depth: usize) {
    let split = name.split_once('.').filter(|_| depth > 0);
    let Some((key, rest)) = split else {
        map.entry(name).or_insert(value);
        return;
    };
    let child = match map.entry(key) {
        Entry::Vacant(vacant) => vacant.insert(Value::Object(Map::new())),
        Entry::Occupied(occupied) => occupied.into_mut(),
    };
    if let Value::Object(child) = child {
        let depth = match schema::has_dotted_keys(key) {
            true => 0,
            false => depth - 1,
        };
        insert(child, rest, value, depth);
    }
}
