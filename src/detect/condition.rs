//! Which selections must hold, as a boolean expression in the manner of Sigma.
//!
//! ```text
//! or   = and { "or" and }
//! and  = not { "and" not }
//! not  = "not" not | "(" or ")" | quantity "of" group | name
//! quantity = "1" | "all"          group = name | name* | "them"
//! ```

mod parser;
#[cfg(test)]
mod tests;

use super::truth::Truth;

/// A condition over the selections of one rule, which it knows by their position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The selection at this position holds.
    Selection(usize),
    /// The inner condition does not hold.
    Not(Box<Condition>),
    /// Every one holds.
    All(Vec<Condition>),
    /// At least one holds.
    Any(Vec<Condition>),
}

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// Longer than allowed.
    #[error(
        "condition is {length} characters long; {} are allowed",
        super::limits::CONDITION_CHARS
    )]
    TooLong {
        /// Its length in characters.
        length: usize,
    },
    /// Nested too deeply.
    #[error(
        "nesting deeper than {} at column {column}",
        super::limits::CONDITION_NESTING
    )]
    TooDeep {
        /// Where the limit is passed.
        column: usize,
    },
    /// Something else should stand here.
    #[error("expected {expected} at column {column}, found {found}")]
    Unexpected {
        /// What may stand there.
        expected: &'static str,
        /// What does.
        found: String,
        /// Character it begins at, counted from 1.
        column: usize,
    },
    /// No selection has this name.
    #[error("unknown selection \"{name}\" at column {column}{suggestion}")]
    Unknown {
        /// The name, or the beginning of names with its `*`.
        name: String,
        /// Character it begins at, counted from 1.
        column: usize,
        /// The nearest name, as the end of the sentence.
        suggestion: String,
    },
}

/// The one selection that decides why a condition has the value it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// This selection holds.
    Holds(usize),
    /// This selection does not hold.
    Fails(usize),
}

/// The words of the language: no selection may be called so.
pub const RESERVED: [&str; 6] = ["and", "or", "not", "of", "all", "them"];

impl Condition {
    /// Parses a condition over selections of these names.
    pub fn parse(text: &str, names: &[&str]) -> Result<Self, ConditionError> {
        parser::parse(text, names)
    }

    /// The condition of a rule that states none: every selection holds.
    pub fn all(selections: usize) -> Self {
        Self::All((0..selections).map(Self::Selection).collect())
    }

    /// Returns the truth of the condition, given that of the selections. Asks for no more of them
    /// than it needs.
    pub fn truth(&self, selection: &mut impl FnMut(usize) -> Truth) -> Truth {
        match self {
            Self::Selection(index) => selection(*index),
            Self::Not(inner) => !inner.truth(selection),
            Self::All(parts) => Truth::all(parts.iter().map(|part| part.truth(selection))),
            Self::Any(parts) => Truth::any(parts.iter().map(|part| part.truth(selection))),
        }
    }

    /// The first selection that makes the condition hold, or makes it fail.
    pub fn cause(&self, selection: &mut impl FnMut(usize) -> Truth) -> Option<Cause> {
        let truth = self.truth(selection);
        match self {
            Self::Selection(index) if truth.is_true() => Some(Cause::Holds(*index)),
            Self::Selection(index) => Some(Cause::Fails(*index)),
            Self::Not(inner) => inner.cause(selection),
            Self::All(parts) | Self::Any(parts) => parts
                .iter()
                .find(|part| part.truth(selection) == truth)
                .and_then(|part| part.cause(selection)),
        }
    }

    /// Whether it speaks of the selection at this position.
    pub fn mentions(&self, selection: usize) -> bool {
        match self {
            Self::Selection(index) => *index == selection,
            Self::Not(inner) => inner.mentions(selection),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|p| p.mentions(selection)),
        }
    }
}
