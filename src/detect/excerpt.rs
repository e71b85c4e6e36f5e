//! Texts cut to a bounded length, for messages, evidence and alert documents.

use std::borrow::Cow;

/// The first `max` characters of a text, the last of them `…` where something is left out.
pub fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max || text.char_indices().nth(max).is_none() {
        return Cow::Borrowed(text);
    }
    text.chars().take(max - 1).chain(['…']).collect()
}
