//! One audit event, read leniently from whatever a shipper made of it.

pub mod gap;
mod glance;
mod lookup;
mod outline;
mod place;
#[cfg(test)]
pub(super) mod spelling;
#[cfg(test)]
mod tests;
mod trace;

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    document::{Document, Rejection},
    field::{Field, Lookup},
    json::{first_text, text, walk},
    layout::{self, FoundEvent, Place, Reading},
    time,
};
use lookup::Node;

pub(super) use glance::{Buffers, Glance};
pub(super) use outline::Outline;
pub(super) use trace::Trace;

/// An audit event in the shape of `audit.k8s.io/v1`.
///
/// Nothing in it is required, and an empty text, list or object counts as absent.
#[derive(Debug)]
pub struct Event {
    root: Value,
    position: usize,
    document_time: Option<String>,
    is_cut_off: bool,
    is_rebuilt: bool,
}

impl Event {
    /// Reads the events of one document.
    ///
    /// # Errors
    ///
    /// The reason why there is none, unless it is an empty list.
    pub fn read<'p>(
        document: &Document,
        place: impl Into<Place<'p>>,
    ) -> Result<Vec<Event>, Rejection> {
        let (events, mut rejections) = Self::read_each(document, place.into());
        match rejections.pop().filter(|_| events.is_empty()) {
            Some(rejection) => Err(rejection),
            None => Ok(events),
        }
    }

    /// The events of one document, and why other parts of it are none: each element of a list
    /// counts by itself.
    pub fn read_each(document: &Document, place: Place<'_>) -> (Vec<Event>, Vec<Rejection>) {
        let Reading { events, rejections } = layout::audit_events(&document.source, place);
        let event = |(position, found): (usize, FoundEvent)| Self {
            root: Value::Object(found.members),
            position,
            document_time: document.time.clone(),
            is_cut_off: found.is_cut_off,
            is_rebuilt: document.is_rebuilt,
        };
        (
            events.into_iter().enumerate().map(event).collect(),
            rejections,
        )
    }

    /// An event from JSON in the raw layout, for tests of rules: any part of an event will do.
    pub fn from_value(value: serde_json::Value) -> Event {
        let root = match value {
            Value::Object(map) => Value::Object(layout::canonical(map)),
            other => other,
        };
        Self {
            root,
            position: 0,
            document_time: None,
            is_cut_off: false,
            is_rebuilt: false,
        }
    }

    /// The values of a field as text: none where it is missing or empty, several for a list.
    /// Numbers and booleans are given by their JSON text.
    pub fn values(&self, field: &Field) -> Vec<Cow<'_, str>> {
        let mut values = Vec::new();
        self.visit(field, &mut |node| values.extend(node.into_text()));
        values
    }

    /// Whether a field is there and not empty. Unlike [`Event::values`], an object counts.
    pub fn exists(&self, field: &Field) -> bool {
        let mut exists = false;
        self.visit(field, &mut |_| exists = true);
        exists
    }

    /// The elements of a list field, each an event of its own for fields made by
    /// [`Field::parse_in_element`]. A field that holds no list has itself as the one element.
    pub fn elements(&self, list: &Field) -> Vec<Element<'_>> {
        let mut elements = Vec::new();
        self.visit(list, &mut |node| elements.push(Element(node)));
        elements
    }

    /// The time of the request: `requestReceivedTimestamp`, else `stageTimestamp`, else the
    /// document's own.
    pub fn time(&self) -> Option<Timestamp> {
        ["requestReceivedTimestamp", "stageTimestamp"]
            .into_iter()
            .find_map(|name| time::parse(&first_text(&self.root, &[name])?))
            .or_else(|| time::parse(self.document_time.as_deref()?))
    }

    /// Whether the document ends before the event does: members that are missing may have been
    /// behind the cut.
    pub fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// Whether the store rebuilt the document, so that lists are not as they were written.
    pub fn is_rebuilt(&self) -> bool {
        self.is_rebuilt
    }

    /// The place of the event in its document, from 0.
    pub fn position(&self) -> usize {
        self.position
    }

    pub(super) fn root(&self) -> &Value {
        &self.root
    }

    fn visit<'e>(&'e self, field: &Field, visit: &mut dyn FnMut(Node<'e>)) {
        lookup::visit(&self.root, field.lookup(), visit);
    }
}

/// One element of a list field.
#[derive(Debug)]
pub struct Element<'e>(Node<'e>);

impl Element<'_> {
    /// The values of a field within the element, as [`Event::values`] gives them.
    pub fn values(&self, field: &Field) -> Vec<Cow<'_, str>> {
        let mut values = Vec::new();
        self.visit(field, &mut |value| values.extend(text(value)));
        if let (Node::Text(text), Lookup::InElement(path)) = (&self.0, field.lookup())
            && path.is_empty()
        {
            values.push(Cow::Borrowed(text));
        }
        values
    }

    /// Whether a field is there and not empty within the element, as [`Event::exists`] tells it.
    pub fn exists(&self, field: &Field) -> bool {
        let mut exists = !self.values(field).is_empty();
        self.visit(field, &mut |_| exists = true);
        exists
    }

    fn visit<'s>(&'s self, field: &Field, visit: &mut dyn FnMut(&'s Value)) {
        if let (Node::Value(value), Lookup::InElement(path)) = (&self.0, field.lookup()) {
            walk(value, path, visit);
        }
    }
}
