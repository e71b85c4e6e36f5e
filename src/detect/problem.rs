//! What is wrong with a definition: all of it at once, each with its place.

use std::fmt;

use super::{excerpt, limits};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, for example `spec.selections[0].all[1].matches`.
    pub place: String,
    /// The kind, a bounded set.
    pub reason: Reason,
    /// What is wrong and how to mend it, at most 256 characters.
    pub message: String,
}

impl Problem {
    /// A problem whose message is cut to its bound.
    pub fn new(place: impl Into<String>, reason: Reason, message: &str) -> Self {
        Self {
            place: place.into(),
            reason,
            message: excerpt::cut(message, limits::PROBLEM_CHARS).into_owned(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// The problems found so far, in the order in which they were added.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn add(&mut self, place: impl Into<String>, reason: Reason, message: impl AsRef<str>) {
        self.0.push(Problem::new(place, reason, message.as_ref()));
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems themselves.
    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }

    /// The problems as an error, if there are any.
    pub fn into_result(self) -> Result<(), Vec<Problem>> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(self.0),
        }
    }
}

/// The kinds of problem; each becomes the reason of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(
    missing_docs,
    reason = "the names say it; the reference lists them with examples"
)]
pub enum Reason {
    DefinitionInvalid,
    PatternInvalid,
    PatternTooComplex,
    PatternMatchesEverything,
    UnknownField,
    PredicateInvalid,
    SelectionInvalid,
    ConditionInvalid,
    MessageInvalid,
    TestFailed,
    LimitExceeded,
    DuplicateName,
}

impl Reason {
    /// The reason as one CamelCase word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DefinitionInvalid => "DefinitionInvalid",
            Self::PatternInvalid => "PatternInvalid",
            Self::PatternTooComplex => "PatternTooComplex",
            Self::PatternMatchesEverything => "PatternMatchesEverything",
            Self::UnknownField => "UnknownField",
            Self::PredicateInvalid => "PredicateInvalid",
            Self::SelectionInvalid => "SelectionInvalid",
            Self::ConditionInvalid => "ConditionInvalid",
            Self::MessageInvalid => "MessageInvalid",
            Self::TestFailed => "TestFailed",
            Self::LimitExceeded => "LimitExceeded",
            Self::DuplicateName => "DuplicateName",
        }
    }
}
