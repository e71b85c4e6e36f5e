//! The place of the event in its document, as far as one pass over the document shows it.

use std::ops::Range;

use super::Outline;
use crate::detect::{
    layout::{self, Layout, Place},
    reading::{FLAT, Leaves, NodeId, ROOT, Refused},
};

/// The place of an event.
pub(super) enum Found {
    /// In the document, where its members were found.
    Here,
    /// In the text with these bytes of the document.
    InText(Range<usize>),
}

impl Outline {
    /// Finds the event of a document that was read, or refuses it if it could also be elsewhere.
    pub(super) fn find(
        &self,
        source: &str,
        leaves: &Leaves,
        place: Place<'_>,
    ) -> Result<Found, Refused> {
        let home = leaves.home();
        // The first place counts. Those before the one with members are objects without any, unless
        // they are text.
        let is_before = |node: &NodeId| match home {
            Some(FLAT) => false,
            Some(home) => *node < home,
            None => true,
        };
        let mut before = self.plan().places().take_while(is_before);
        let text = before.find(|node| may_hold_json(&source[leaves.whole(*node)]));
        let (node, found) = match (home, text) {
            (Some(home), None) => (home, Found::Here),
            (None, Some(node)) => {
                let range = leaves.whole(node);
                (node, Found::InText(range.start + 1..range.end - 1))
            }
            _ => return Err(Refused),
        };
        match self.is_accepted(node, place) {
            true => Ok(found),
            false => Err(Refused),
        }
    }

    fn is_accepted(&self, node: NodeId, place: Place<'_>) -> bool {
        let known = || self.plan().places().position(|known| known == node);
        let is_among = |names: fn(&[&str]) -> bool| {
            known().is_some_and(|known| names(layout::KNOWN_PLACES[known]))
        };
        match place.layout {
            _ if place.path.is_some() => false,
            Layout::Auto => true,
            Layout::Raw => node == ROOT,
            Layout::Elastic => is_among(|names| names == layout::ELASTIC),
            Layout::Wrapped => is_among(layout::is_wrapped),
            Layout::Dotted => matches!(node, ROOT | FLAT),
        }
    }
}

/// Returns true if a value is text that may hold JSON, and for some other texts.
fn may_hold_json(value: &str) -> bool {
    value.starts_with('"') && memchr::memchr3(b'{', b'[', b'\\', value.as_bytes()).is_some()
}
