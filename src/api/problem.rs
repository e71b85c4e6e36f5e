//! What is wrong with a resource: all of it at once, each with its place.

use std::fmt;

use crate::detect::{self, excerpt::cut};

/// Longest message, in characters.
const MESSAGE_LIMIT: usize = 256;

/// One thing that is wrong with a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    place: String,
    reason: &'static str,
    message: String,
}

impl Problem {
    /// A problem at a place, for example `spec.source.index`. The message is cut to 256
    /// characters.
    pub fn new(place: impl Into<String>, reason: &'static str, message: impl AsRef<str>) -> Self {
        Self {
            place: place.into(),
            reason,
            message: cut(message.as_ref(), MESSAGE_LIMIT).into_owned(),
        }
    }

    /// Where, for example `spec.selections[0].all[1].matches`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The kind as one CamelCase word of a bounded set.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// What is wrong and how to mend it.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<detect::problem::Problem> for Problem {
    fn from(problem: detect::problem::Problem) -> Self {
        Self::new(problem.place, problem.reason.as_str(), problem.message)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}
