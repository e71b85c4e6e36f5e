//! Bounded regular expressions: small when compiled, linear when run, never look-around.

mod literals;
#[cfg(test)]
mod tests;

use regex::{Regex, RegexBuilder};
use regex_syntax::{ParserBuilder, ast, hir::Hir};

pub use self::literals::LiteralSet;
use super::{limits, problem::Reason};

/// Stands for any text: a character that no rule looks for and no event has.
const ANY_TEXT: &str = "\u{fdd0}";

/// A pattern that may be run against values chosen by an attacker.
#[derive(Debug)]
pub struct Pattern {
    regex: Regex,
    literals: Vec<LiteralSet>,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Longer than allowed.
    #[error(
        "pattern is {length} bytes long; {} are allowed",
        limits::PATTERN_BYTES
    )]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// Not a regular expression.
    #[error("{problem} at column {column}")]
    Syntax {
        /// What is wrong, without a capital or a full stop.
        problem: String,
        /// Character it begins at, counted from 1.
        column: usize,
    },
    /// `(?=x)` and its like.
    #[error("look-around is not supported (column {column})")]
    LookAround {
        /// Character it begins at, counted from 1.
        column: usize,
    },
    /// `\1` and its like.
    #[error("backreferences are not supported (column {column})")]
    Backreference {
        /// Character it begins at, counted from 1.
        column: usize,
    },
    /// Needs too much memory when compiled.
    #[error("compiled size exceeds 1 MiB; use fewer or smaller repetitions")]
    TooLarge,
    /// Nested too deeply.
    #[error("nesting deeper than {}", limits::PATTERN_NESTING)]
    TooDeep,
    /// Matches the empty text and, not being anchored to it, every value.
    #[error("pattern matches every value, even an empty one; use exists: Present")]
    MatchesEverything,
}

impl PatternError {
    /// The kind of problem this is.
    pub fn reason(&self) -> Reason {
        match self {
            Self::TooLong { .. } => Reason::LimitExceeded,
            Self::TooLarge | Self::TooDeep => Reason::PatternTooComplex,
            Self::MatchesEverything => Reason::PatternMatchesEverything,
            Self::Syntax { .. } | Self::LookAround { .. } | Self::Backreference { .. } => {
                Reason::PatternInvalid
            }
        }
    }
}

impl Pattern {
    /// Compiles a pattern within the limits.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.len() > limits::PATTERN_BYTES {
            return Err(PatternError::TooLong { length: text.len() });
        }
        let hir = parse(text)?;
        let regex = compile(text)?;
        if ["", ANY_TEXT].iter().all(|text| regex.is_match(text)) {
            return Err(PatternError::MatchesEverything);
        }
        Ok(Self {
            regex,
            literals: literals::required(&hir),
        })
    }

    /// Whether it matches somewhere in the first 64 KiB of a value.
    pub fn is_match(&self, value: &str) -> bool {
        self.regex.is_match(haystack(value))
    }

    /// The named groups of the first match, in the order of the pattern.
    pub fn captures<'t>(&'t self, value: &'t str) -> Vec<(&'t str, &'t str)> {
        if self.names().next().is_none() {
            return Vec::new();
        }
        let Some(captures) = self.regex.captures(haystack(value)) else {
            return Vec::new();
        };
        self.names()
            .filter_map(|name| Some((name, captures.name(name)?.as_str())))
            .collect()
    }

    /// The names of its groups.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.regex.capture_names().flatten()
    }

    /// Its text.
    pub fn text(&self) -> &str {
        self.regex.as_str()
    }

    /// Sets of texts, of each of which every matching value holds at least one text.
    pub fn literals(&self) -> &[LiteralSet] {
        &self.literals
    }
}

/// The part of a value that is searched.
pub fn haystack(value: &str) -> &str {
    &value[..value.floor_char_boundary(limits::HAYSTACK_BYTES)]
}

fn parse(text: &str) -> Result<Hir, PatternError> {
    ParserBuilder::new()
        .nest_limit(limits::PATTERN_NESTING)
        .build()
        .parse(text)
        .map_err(|error| match error {
            regex_syntax::Error::Parse(error) => syntax_error(text, &error),
            regex_syntax::Error::Translate(error) => PatternError::Syntax {
                problem: lower_first(&error.kind().to_string()),
                column: column(text, error.span()),
            },
            other => PatternError::Syntax {
                problem: other.to_string(),
                column: 1,
            },
        })
}

fn syntax_error(text: &str, error: &ast::Error) -> PatternError {
    let column = column(text, error.span());
    match error.kind() {
        ast::ErrorKind::UnsupportedLookAround => PatternError::LookAround { column },
        ast::ErrorKind::UnsupportedBackreference => PatternError::Backreference { column },
        ast::ErrorKind::NestLimitExceeded(_) => PatternError::TooDeep,
        kind => PatternError::Syntax {
            problem: lower_first(&kind.to_string()),
            column,
        },
    }
}

fn column(text: &str, span: &ast::Span) -> usize {
    text.get(..span.start.offset)
        .map_or(1, |before| before.chars().count() + 1)
}

fn lower_first(sentence: &str) -> String {
    let mut characters = sentence.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}

fn compile(text: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(text)
        .size_limit(limits::COMPILED_BYTES)
        .dfa_size_limit(limits::COMPILED_BYTES)
        .nest_limit(limits::PATTERN_NESTING)
        .build()
        .map_err(|_| PatternError::TooLarge)
}
