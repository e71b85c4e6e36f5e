//! A value that is not what a spec expects there: the problem and its remedy.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use crate::detect::suggestion::{did_you_mean, nearest};

/// Operators that take one value, each with the one that takes a list of them.
const OPERATORS: [(&str, &str); 6] = [
    ("equals", "in"),
    ("matches", "matchesAny"),
    ("startsWith", "startsWithAny"),
    ("endsWith", "endsWithAny"),
    ("contains", "containsAny"),
    ("cidr", "cidrAny"),
];

/// What does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// A value of another type.
    Type {
        /// The type that serde expects, in its words.
        expected: String,
        /// The value that is there.
        found: Found,
    },
    /// A word that is not one of an enumeration.
    Variant {
        /// The word.
        given: String,
        /// The enumeration.
        known: &'static [&'static str],
    },
    /// A key that the mapping does not have.
    Key {
        /// The key.
        given: String,
        /// Its keys.
        known: &'static [&'static str],
    },
    /// A key that the mapping lacks.
    Missing(&'static str),
    /// Anything else.
    Other(String),
}

/// A value of another type than expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A number or a boolean, as JSON writes it.
    Plain(String),
    /// A text.
    Text(String),
    /// A list.
    List,
    /// A mapping, or anything else.
    Mapping,
}

impl Mismatch {
    /// The problem and its remedy, given the key at which the value stands.
    pub fn message(&self, key: &str) -> String {
        match self {
            Self::Type { expected, found } => type_message(key, expected, found),
            Self::Variant { given, known } => {
                let given = given.trim_matches('"');
                let suggestion = did_you_mean(given, known.iter().copied());
                format!(
                    "must be {}, not \"{given}\"{suggestion}",
                    alternatives(known)
                )
            }
            Self::Key { given, known } => match nearest(given, known.iter().copied()) {
                Some(name) => format!("unknown key; did you mean \"{name}\"?"),
                None => format!("unknown key; known are {}", known.join(", ")),
            },
            Self::Missing(name) => format!("`{name}` is missing; it must be given"),
            Self::Other(message) => message.clone(),
        }
    }
}

fn type_message(key: &str, expected: &str, found: &Found) -> String {
    match expected {
        "a string" => text_message(key, found),
        "a sequence" => list_message(key, found),
        "a boolean" => "must be true or false, without quotes".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" => number_message(found),
        _ if *found == Found::Nothing => "is empty; write its keys below it".to_owned(),
        _ => "must be a mapping: its keys below it, each followed by a colon".to_owned(),
    }
}

fn text_message(key: &str, found: &Found) -> String {
    let many = OPERATORS.iter().find(|(one, _)| *one == key);
    match (found, many) {
        (Found::Nothing, _) => "is empty; write a text, or remove the key".to_owned(),
        (Found::Plain(value), _) => format!("must be a text; quote it: \"{value}\""),
        (Found::List, Some((_, many))) => {
            format!("takes one value; for a list of them use `{many}`: {many}: [...]")
        }
        (Found::List, None) => "must be a text, not a list".to_owned(),
        _ => "must be a text, not a mapping; quote a text that begins with a brace".to_owned(),
    }
}

fn list_message(key: &str, found: &Found) -> String {
    match found {
        Found::Nothing => "is empty; write a list, or remove the key".to_owned(),
        Found::Text(value) if is_flow_text(value) => format!("must be a list: {key}: [{value}]"),
        Found::Text(value) | Found::Plain(value) => {
            format!("must be a list: {key}: [{}]", quoted(value))
        }
        _ => "must be a list: begin each item with a dash, or write [...]".to_owned(),
    }
}

fn number_message(found: &Found) -> String {
    match found {
        Found::Text(text) if text.parse::<i64>().is_ok() => {
            format!("must be a whole number; remove the quotes: {text}")
        }
        _ => "must be a whole number, for example 400".to_owned(),
    }
}

/// Whether a text can stand in a flow list of YAML without quotes.
fn is_flow_text(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(is_plain)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `A, B or C`.
fn alternatives(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

impl Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(""))
    }
}

impl std::error::Error for Mismatch {}

impl de::Error for Mismatch {
    fn custom<T: Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Type {
            expected: expected.to_string(),
            found: unexpected.into(),
        }
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn unknown_variant(given: &str, known: &'static [&'static str]) -> Self {
        Self::Variant {
            given: given.to_owned(),
            known,
        }
    }

    fn unknown_field(given: &str, known: &'static [&'static str]) -> Self {
        Self::Key {
            given: given.to_owned(),
            known,
        }
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing(name)
    }
}

impl From<Unexpected<'_>> for Found {
    fn from(unexpected: Unexpected<'_>) -> Self {
        match unexpected {
            Unexpected::Unit | Unexpected::Option => Self::Nothing,
            Unexpected::Bool(value) => Self::Plain(value.to_string()),
            Unexpected::Unsigned(value) => Self::Plain(value.to_string()),
            Unexpected::Signed(value) => Self::Plain(value.to_string()),
            Unexpected::Float(value) => Self::Plain(value.to_string()),
            Unexpected::Char(value) => Self::Text(value.to_string()),
            Unexpected::Str(text) => Self::Text(text.to_owned()),
            Unexpected::Seq => Self::List,
            _ => Self::Mapping,
        }
    }
}
