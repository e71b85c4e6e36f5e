//! Levels of detail in which documents are asked for.

use serde_json::{Value, json};

/// How much of each document is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::elastic) enum Detail {
    /// All of it. To pick fields out costs the server more than to send everything.
    Whole,
    /// All of it, written anew by the server. What it stored may hold comments, which are no JSON.
    Rewritten,
    /// The same without the bodies of request and response.
    WithoutBodies,
    /// That there is such a document.
    IdOnly,
}

/// Bodies of an event at whatever depth its layout keeps it. One within text stays.
const BODIES: [&str; 4] = [
    "requestObject",
    "responseObject",
    "*.requestObject",
    "*.responseObject",
];

/// A field that no document has. To leave it out makes a server parse what it stored.
const NO_FIELD: &str = "k8scop-none";

impl Detail {
    /// The `_source` part of a search.
    pub(super) fn source(self) -> Value {
        match self {
            Self::Whole => json!(true),
            Self::Rewritten => json!({"excludes": [NO_FIELD]}),
            Self::WithoutBodies => json!({"excludes": BODIES}),
            Self::IdOnly => json!(false),
        }
    }

    /// Whether it is all of the document.
    pub(in crate::elastic) fn is_whole(self) -> bool {
        matches!(self, Self::Whole | Self::Rewritten)
    }

    /// What to ask of one document that is too large with this much of it.
    pub(in crate::elastic) fn less(self) -> Option<Self> {
        match self {
            Self::Whole | Self::Rewritten => Some(Self::WithoutBodies),
            Self::WithoutBodies => Some(Self::IdOnly),
            Self::IdOnly => None,
        }
    }
}
