//! Reads JSON text whose end is missing, up to the cut.
//!
//! Shippers and providers cut long lines. The members and elements that stand whole before the cut
//! are read. Every list and object that is open at the cut gets a mark, so that its reader knows.

#[cfg(test)]
mod tests;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::mend::mend;

/// The mark: a member of objects, and the last element of lists. It is on the way from the root to
/// the cut only.
pub(in crate::detect) const MARK: &str = "\u{0}cut off";

/// Characters after which a text may have been cut by somebody who says so, such as
/// `...[truncated]`.
const MARK_LENGTH: usize = 64;

/// Reads what stands before the cut. A scalar at the cut is dropped, since its value is unknown.
/// `None`: the text is not cut, or is no JSON before that.
pub(in crate::detect) fn read_cut(text: &str) -> Option<Value> {
    let text = before_cut(text);
    read_open(text).or_else(|| read_open(&mend(text)))
}

/// The same of a text that is cut within a string, which counts as if it ended there: it may hold
/// JSON itself.
pub(in crate::detect) fn read_cut_string(text: &str) -> Option<Value> {
    let text = before_cut(text);
    let backslashes = text.len() - text.trim_end_matches('\\').len();
    let closed = format!("{}\"", &text[..text.len() - backslashes % 2]);
    read_open(&closed).or_else(|| read_open(&mend(&closed)))
}

/// Removes the marks of a value. Returns true if there was one, so that its end is missing.
pub(in crate::detect) fn take_marks(value: &mut Value) -> bool {
    match value {
        Value::Object(members) => take_member_marks(members),
        Value::Array(elements) => {
            let is_open = is_open_list(elements);
            if is_open {
                elements.pop();
                elements.iter_mut().for_each(|element| {
                    take_marks(element);
                });
            }
            is_open
        }
        _ => false,
    }
}

/// The same for the members of an object.
pub(in crate::detect) fn take_member_marks(members: &mut Map<String, Value>) -> bool {
    let is_open = members.remove(MARK).is_some();
    if is_open {
        members.values_mut().for_each(|member| {
            take_marks(member);
        });
    }
    is_open
}

/// Returns the name of the member whose end is missing.
pub(in crate::detect) fn open_member(members: &Map<String, Value>) -> Option<String> {
    let is_open = |value: &Value| match value {
        Value::Object(members) => members.contains_key(MARK),
        Value::Array(elements) => is_open_list(elements),
        _ => false,
    };
    let mut members = members.iter();
    members.find_map(|(name, value)| is_open(value).then(|| name.clone()))
}

/// Returns true if the end of a list is missing.
pub(in crate::detect) fn is_open_list(elements: &[Value]) -> bool {
    elements.last().is_some_and(|last| last == MARK)
}

/// The text without a number or literal at its end, which may be half of one, and without the mark
/// of whoever cut it.
fn before_cut(text: &str) -> &str {
    let text = without_mark(text.trim_end()).trim_end();
    let is_of_scalar = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    text.trim_end_matches(is_of_scalar)
}

fn without_mark(text: &str) -> &str {
    let start = text.floor_char_boundary(text.len().saturating_sub(MARK_LENGTH));
    let tail = &text[start..];
    let begins_mark = |at: &usize| {
        let rest = &tail[*at..];
        let says_so = || rest.to_ascii_lowercase().contains("trunc");
        let may_be = rest.starts_with("...")
            || rest.starts_with("[...")
            || rest.starts_with('…')
            || rest.starts_with(['[', '<', '(']) && says_so();
        may_be && !rest.contains(['"', ':', ',', '{', '}', '\\'])
    };
    let mut places = tail.char_indices().map(|(at, _)| at);
    places
        .find(begins_mark)
        .map_or(text, |at| &text[..start + at])
}

/// Returns the part that was read when the text ended too early.
fn read_open(text: &str) -> Option<Value> {
    let mut value = Value::Null;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let error = Partial(&mut value).deserialize(&mut deserializer).err()?;
    let has_begun = value.is_object() || value.is_array();
    (error.is_eof() && has_begun).then_some(value)
}

/// Builds a value in its place, so that what was built is there after an error.
struct Partial<'v>(&'v mut Value);

impl<'de> DeserializeSeed<'de> for Partial<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Partial<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        *self.0 = value.into();
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        *self.0 = value.into();
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        *self.0 = value.into();
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        *self.0 = Number::from_f64(value).map_or(Value::Null, Value::Number);
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        *self.0 = value.into();
        Ok(())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<(), E> {
        *self.0 = value.into();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<(), A::Error> {
        let mut elements = Vec::new();
        let end = loop {
            let mut element = Value::Null;
            match parts.next_element_seed(Partial(&mut element)) {
                Ok(Some(())) => elements.push(element),
                Ok(None) => break Ok(()),
                Err(error) => {
                    elements.extend(open(element));
                    elements.push(MARK.into());
                    break Err(error);
                }
            }
        };
        *self.0 = Value::Array(elements);
        end
    }

    fn visit_map<A: MapAccess<'de>>(self, mut parts: A) -> Result<(), A::Error> {
        let mut members = Map::new();
        let end = loop {
            let name: String = match parts.next_key() {
                Ok(Some(name)) => name,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            let mut member = Value::Null;
            if let Err(error) = parts.next_value_seed(Partial(&mut member)) {
                members.extend(open(member).map(|member| (name, member)));
                break Err(error);
            }
            members.insert(name, member);
        };
        if end.is_err() {
            members.insert(MARK.to_owned(), Value::Null);
        }
        *self.0 = Value::Object(members);
        end
    }
}

/// Returns the part of a value that stands before the cut.
fn open(value: Value) -> Option<Value> {
    (value.is_object() || value.is_array()).then_some(value)
}
