//! Whether a source hands out only such events as the loaded rules could match.

/// What a source made of the requirement of some rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushdown {
    /// It leaves out what no rule could match, going by these fields of the audit event.
    On(Vec<&'static str>),
    /// It hands out everything, for this reason: a part of a sentence.
    Off(String),
}

/// Why nothing is left out where somebody wants it so.
pub const UNWANTED: &str = "the job asks for every event";
