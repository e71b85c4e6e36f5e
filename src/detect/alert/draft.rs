//! An alert document while it is written.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::TEXT_LIMIT;
use crate::detect::excerpt;

/// A document under construction, by the dotted names of its fields. Empty values are left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft(Map<String, Value>);

impl Draft {
    /// Puts a value at the end of a path of objects.
    pub(super) fn put(&mut self, path: &str, value: impl Into<Content>) {
        let Content(value) = value.into();
        let is_empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(elements) => elements.is_empty(),
            Value::Object(map) => map.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        if !is_empty {
            put(&mut self.0, path, value);
        }
    }

    /// The document.
    pub(super) fn finish(self) -> Value {
        Value::Object(self.0)
    }
}

fn put(map: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((head, rest)) = path.split_once('.') else {
        map.insert(path.to_owned(), value);
        return;
    };
    let child = map.entry(head).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(child) = child {
        put(child, rest, value);
    }
}

/// A value fit for an alert document: no text of it is longer than [`TEXT_LIMIT`].
pub(super) struct Content(Value);

impl From<Value> for Content {
    fn from(bounded: Value) -> Self {
        Self(bounded)
    }
}

impl From<Vec<Value>> for Content {
    fn from(bounded: Vec<Value>) -> Self {
        Self(Value::Array(bounded))
    }
}

impl From<i64> for Content {
    fn from(number: i64) -> Self {
        Self(number.into())
    }
}

impl From<&str> for Content {
    fn from(unbounded: &str) -> Self {
        Self(text(unbounded))
    }
}

impl From<String> for Content {
    fn from(unbounded: String) -> Self {
        Self(text(&unbounded))
    }
}

impl From<Cow<'_, str>> for Content {
    fn from(unbounded: Cow<'_, str>) -> Self {
        Self(text(&unbounded))
    }
}

impl<T: Into<Content>> From<Option<T>> for Content {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self(Value::Null), Into::into)
    }
}

/// A text of at most [`TEXT_LIMIT`] characters.
pub(super) fn text(unbounded: &str) -> Value {
    cut(unbounded, TEXT_LIMIT)
}

/// A text of at most `limit` characters; `…` stands for what was cut off.
pub(super) fn cut(unbounded: &str, limit: usize) -> Value {
    Value::String(excerpt::cut(unbounded, limit).into_owned())
}
