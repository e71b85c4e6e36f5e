//! Bounded parsing of JSON, and walks through its trees.

pub(super) mod cut;
mod mend;

use std::borrow::Cow;

use serde_json::{Map, Value, value::RawValue};

use super::document::Rejection;

/// The largest document that is read, in bytes: larger than the 10 MiB that an apiserver puts into
/// one batch.
pub const SIZE_LIMIT: usize = 16 * 1024 * 1024;

/// The deepest nesting of arrays and objects that is read; what is deeper counts as null.
pub const DEPTH_LIMIT: usize = 64;

/// Parses JSON of at most [`SIZE_LIMIT`] bytes. Of a repeated key, the last value counts. What is
/// valid but cannot be held is [replaced](mend::mend), such as all that is deeper than
/// [`DEPTH_LIMIT`], and bytes that are not UTF-8 become U+FFFD.
pub(super) fn parse(source: &[u8]) -> Result<Value, Rejection> {
    if source.len() > SIZE_LIMIT {
        return Err(Rejection::TooLarge { limit: SIZE_LIMIT });
    }
    if !is_deeper_than(source, DEPTH_LIMIT)
        && let Ok(value) = serde_json::from_slice(source)
    {
        return Ok(value);
    }
    let text = String::from_utf8_lossy(source);
    let valid = serde_json::from_str::<&RawValue>(&text);
    valid
        .and_then(|valid| serde_json::from_str(&mend::mend(valid.get())))
        .map_err(|error| Rejection::NotJson(error.to_string()))
}

/// Counts brackets outside strings, before anything is built: a hostile depth costs no stack.
fn is_deeper_than(source: &[u8], limit: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in source {
        if escaped {
            escaped = false;
            continue;
        }
        match byte {
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

/// Replaces text that holds a JSON object or array by what it holds; other text stays text.
pub(super) fn unfold(value: &mut Value) {
    let Value::String(text) = value else { return };
    if !text.trim_start().starts_with(['{', '[']) {
        return;
    }
    if let Ok(parsed) = parse(text.as_bytes()) {
        *value = parsed;
    }
}

/// Visits what stands at the end of a path. Lists are walked through wherever they stand, so a
/// path has an end for each of their elements; nothing empty is visited.
pub(super) fn walk<'v, K: AsRef<str>>(
    value: &'v Value,
    path: &[K],
    visit: &mut dyn FnMut(&'v Value),
) {
    match (value, path) {
        (Value::Array(elements), _) => {
            for element in elements {
                walk(element, path, visit);
            }
        }
        (Value::Object(map), [key, rest @ ..]) => {
            if let Some(child) = map.get(key.as_ref()) {
                walk(child, rest, visit);
            }
        }
        (_, []) if !is_empty(value) => visit(value),
        _ => {}
    }
}

/// Returns true if a value counts as absent.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The text of a scalar: numbers and booleans as JSON writes them.
pub(super) fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bool(true) => Some(Cow::Borrowed("true")),
        Value::Bool(false) => Some(Cow::Borrowed("false")),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The first text at the end of a path.
pub(super) fn first_text<'v>(value: &'v Value, path: &[&str]) -> Option<Cow<'v, str>> {
    let mut first = None;
    walk(value, path, &mut |end| {
        if first.is_none() {
            first = text(end);
        }
    });
    first
}

/// The text of a member, which may be a list of one.
pub(super) fn member_text<'v>(map: &'v Map<String, Value>, key: &str) -> Option<Cow<'v, str>> {
    first_text(map.get(key)?, &[])
}
