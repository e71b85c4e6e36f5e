//! The text of an alert: a template with fields of the event and captured texts.
//!
//! `{user.username}` is a field, `{pod}` a named group; `{{` and `}}` are literal braces. Several
//! values are joined by `, `, a missing value is `-`. One variable adds at most 512 characters,
//! and the whole is at most 1024 characters long. Control characters stay as they are: to show
//! them safely is the task of whoever shows them.

#[cfg(test)]
mod tests;

use super::{
    excerpt::cut,
    field::{Field, FieldError},
    limits,
    suggestion::did_you_mean,
};

/// A template whose variables are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
    Capture(String),
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Neither a field nor a named group.
    #[error("unknown variable \"{name}\" at column {column}{suggestion}")]
    Unknown {
        /// The text between the braces.
        name: String,
        /// Character at which it begins, counted from 1; the brace stands before it.
        column: usize,
        /// The nearest name, as the end of the sentence.
        suggestion: String,
    },
    /// `{` without `}`.
    #[error("unclosed \"{{\" at column {column}; write \"{{{{\" for a brace")]
    Unclosed {
        /// Where the brace stands.
        column: usize,
    },
    /// `}` without `{`.
    #[error("unopened \"}}\" at column {column}; write \"}}}}\" for a brace")]
    Unopened {
        /// Where the brace stands.
        column: usize,
    },
}

impl Message {
    /// Parses a template in which these named groups may be used; or names every problem.
    pub fn parse(text: &str, captures: &[&str]) -> Result<Self, Vec<MessageError>> {
        let mut parts = Vec::new();
        let mut errors = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            let column = column(text, rest) + rest[..at].chars().count();
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
            } else if brace == "}" {
                errors.push(MessageError::Unopened { column });
            } else if let Some((name, after)) = rest.split_once('}') {
                parts.push(Part::Text(std::mem::take(&mut literal)));
                match variable(name, column + 1, captures) {
                    Ok(part) => parts.push(part),
                    Err(error) => errors.push(error),
                }
                rest = after;
            } else {
                errors.push(MessageError::Unclosed { column });
                break;
            }
        }
        literal.push_str(rest);
        parts.push(Part::Text(literal));
        match errors.is_empty() {
            true => Ok(Self(parts)),
            false => Err(errors),
        }
    }

    /// A text without variables: what a rule says that has no template.
    pub fn literal(text: &str) -> Self {
        Self(vec![Part::Text(text.to_owned())])
    }

    /// The text, given the values of fields and of captured groups.
    pub fn render(
        &self,
        mut field: impl FnMut(&Field) -> Vec<String>,
        mut capture: impl FnMut(&str) -> Option<String>,
    ) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Field(name) => text.push_str(&shown(&field(name).join(", "))),
                Part::Capture(name) => text.push_str(&shown(&capture(name).unwrap_or_default())),
            }
        }
        cut(&text, limits::MESSAGE_CHARS).into_owned()
    }
}

fn shown(value: &str) -> std::borrow::Cow<'_, str> {
    match value {
        "" => "-".into(),
        value => cut(value, limits::VARIABLE_CHARS),
    }
}

/// The column of `rest`, which is the end of `text`.
fn column(text: &str, rest: &str) -> usize {
    text[..text.len() - rest.len()].chars().count() + 1
}

fn variable(name: &str, column: usize, captures: &[&str]) -> Result<Part, MessageError> {
    if captures.contains(&name) {
        return Ok(Part::Capture(name.to_owned()));
    }
    let nearest_field = match Field::parse(name) {
        Ok(field) => return Ok(Part::Field(field)),
        Err(FieldError::Unknown { suggestion, .. }) => suggestion,
        Err(FieldError::Syntax { .. }) => None,
    };
    let known = captures.iter().copied().chain(nearest_field.as_deref());
    Err(MessageError::Unknown {
        name: cut(name, limits::NAME_CHARS).into_owned(),
        column,
        suggestion: did_you_mean(name, known),
    })
}
