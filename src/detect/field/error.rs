//! Texts that are not fields.

/// Why a text is no field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// Not a path at all.
    #[error("\"{field}\" is not a field path: {problem}")]
    Syntax {
        /// The text.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A path that no audit event has.
    #[error("unknown field \"{field}\"{}", .suggestion.as_ref().map(|s| format!("; did you mean \"{s}\"?")).unwrap_or_default())]
    Unknown {
        /// The text.
        field: String,
        /// The nearest known field.
        suggestion: Option<String>,
    },
}
