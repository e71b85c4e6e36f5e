//! The place of the event in its document, where a user names it.

use std::{fmt, str::FromStr};

use super::renamed;

/// The longest path, in bytes.
const LENGTH_LIMIT: usize = 256;

/// The names on the way to the event, such as `azure.platformlogs.properties.log`. A name of the
/// document may hold dots itself: `{"a.b": {"c": …}}` has something at `a.b.c`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutPath(Vec<String>);

/// The reason why a text is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It is too long or empty, or has empty names.
    #[error(
        "must be names with dots between them, at most {LENGTH_LIMIT} bytes, such as \
         azure.platformlogs.properties.log"
    )]
    Malformed,
    /// It leads into an event.
    #[error(
        "must lead to the whole event, not into it: end it before {0:?}, for callers choose what \
         stands there"
    )]
    InsideEvent(&'static str),
}

impl LayoutPath {
    pub(super) fn names(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for LayoutPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let names: Vec<String> = text.split('.').map(str::to_owned).collect();
        let is_bad = |name: &String| name.trim() != name || name.is_empty();
        if text.len() > LENGTH_LIMIT || names.iter().any(is_bad) || text.contains(char::is_control)
        {
            return Err(PathError::Malformed);
        }
        match names.iter().find_map(|name| renamed::body_of(name)) {
            Some(body) => Err(PathError::InsideEvent(body)),
            None => Ok(Self(names)),
        }
    }
}

impl fmt::Display for LayoutPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}
