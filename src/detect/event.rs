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

use std::{borrow::Cow, cell::OnceCell};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    definition::RequestOutcome,
    derived,
    document::{Document, Rejection},
    field::{Field, Lookup},
    json::{first_text, text, walk},
    layout::{self, FoundEvent, Place, Reading},
    patch, pod_spec, time,
};
use gap::{Gap, Gaps};
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
    open_member: Option<String>,
    is_rebuilt: bool,
    asked: OnceCell<Option<Value>>,
    gaps: OnceCell<Gaps>,
    outcome: OnceCell<Option<RequestOutcome>>,
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
            position,
            document_time: document.time.clone(),
            is_cut_off: found.is_cut_off,
            open_member: found.open_member,
            is_rebuilt: document.is_rebuilt,
            ..Self::of_root(Value::Object(found.members))
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
        Self::of_root(root)
    }

    fn of_root(root: Value) -> Self {
        Self {
            root,
            position: 0,
            document_time: None,
            is_cut_off: false,
            open_member: None,
            is_rebuilt: false,
            asked: OnceCell::new(),
            gaps: OnceCell::new(),
            outcome: OnceCell::new(),
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
    ///
    /// With `as_entries`, the elements of an object are its entries, each with a key and a value.
    pub fn elements(&self, list: &Field, as_entries: bool) -> Vec<Element<'_>> {
        let mut elements = Vec::new();
        self.visit(list, &mut |node| match node {
            Node::Value(Value::Object(map)) if as_entries => {
                let entries = map.iter();
                elements.extend(entries.map(|(key, value)| Element::Entry(key, value)));
            }
            node => elements.push(Element::Node(node)),
        });
        elements
    }

    /// Returns the outcome of the request, `None` at stage `RequestReceived`.
    pub fn outcome(&self) -> Option<RequestOutcome> {
        *self.outcome.get_or_init(|| derived::outcome(&self.root))
    }

    /// Returns why the event may not show a value of a field that its request had.
    pub(super) fn gap(&self, field: &Field) -> Option<Gap> {
        if self.is_cut_off {
            let may_have_more =
                self.may_be_behind_the_cut(field) && (field.has_elements() || !self.exists(field));
            return may_have_more.then_some(Gap::CutOff);
        }
        if matches!(field.lookup(), Lookup::SourceIp) && self.has_merged_source_ips() {
            return Some(Gap::Rebuilt);
        }
        let gap = self.gaps().of_field(
            field,
            || pod_spec::may_be_in(&self.root),
            || self.is_partial(),
        );
        // What the request states of its object is decided.
        gap.filter(|_| !field.is_of_object() || !self.exists(field))
    }

    /// Returns whether a field is one of a member that stands behind the cut, or that is cut.
    fn may_be_behind_the_cut(&self, field: &Field) -> bool {
        // It is written before the object, both in the order of the apiserver and in that of names.
        let is_known_absent =
            |member: &String| member == "impersonatedUser" && self.root.get("objectRef").is_some();
        let is_whole = |member: &String| {
            (self.root.get(member).is_some() || is_known_absent(member))
                && self.open_member.as_ref() != Some(member)
        };
        !field.sources().iter().all(is_whole)
    }

    /// Returns whether the request is a patch of containers that only the response shows whole.
    pub(super) fn is_partial(&self) -> bool {
        pod_spec::is_partial(&self.root, self.asked())
    }

    /// Returns whether the request writes what its body says.
    pub(super) fn is_write(&self) -> bool {
        first_text(&self.root, &["verb"]).is_some_and(|verb| gap::is_write(&verb))
    }

    pub(super) fn gaps(&self) -> &Gaps {
        self.gaps.get_or_init(|| {
            let has_body = |name: &str| self.root.get(name).is_some_and(|body| !body.is_null());
            Gaps::of(&self.root, has_body, &self.root)
        })
    }

    /// Returns the object that the request asks for, where it is not its body as it stands.
    fn asked(&self) -> Option<&Value> {
        let asked = self.asked.get_or_init(|| {
            let verb = first_text(&self.root, &["verb"]);
            let is_patch = matches!(verb.as_deref(), None | Some("patch"));
            let body = self.root.get("requestObject").filter(|_| is_patch)?;
            patch::asked(body, self.root.get("responseObject"))
        });
        asked.as_ref()
    }

    /// Returns whether the source addresses are sorted, so that the last is not the one that the
    /// apiserver saw.
    fn has_merged_source_ips(&self) -> bool {
        let addresses = self.root.get("sourceIPs").filter(|_| self.is_rebuilt);
        addresses.is_some_and(|it| it.as_array().is_some_and(|list| list.len() > 1))
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
        lookup::visit(self, field.lookup(), visit);
    }
}

/// One element of a list field, or one entry of a map.
#[derive(Debug)]
pub enum Element<'e> {
    /// An element of a list.
    Node(Node<'e>),
    /// The key and the value of an entry.
    Entry(&'e str, &'e Value),
}

impl Element<'_> {
    /// The values of a field within the element, as [`Event::values`] gives them.
    pub fn values(&self, field: &Field) -> Vec<Cow<'_, str>> {
        let mut values = Vec::new();
        let Lookup::InElement(path) = field.lookup() else {
            return values;
        };
        match self {
            Self::Node(Node::Text(text)) if path.is_empty() => values.push(Cow::Borrowed(text)),
            Self::Entry(key, _) if is(path, "key") && !key.is_empty() => {
                values.push(Cow::Borrowed(*key));
            }
            _ => self.visit(path, &mut |value| values.extend(text(value))),
        }
        values
    }

    /// Returns whether a field is there and not empty within the element, as [`Event::exists`]
    /// does.
    pub fn exists(&self, field: &Field) -> bool {
        let mut exists = !self.values(field).is_empty();
        if let Lookup::InElement(path) = field.lookup() {
            self.visit(path, &mut |_| exists = true);
        }
        exists
    }

    /// Returns the name of the element, the key of the entry, or the scalar itself.
    pub fn label(&self) -> Option<String> {
        match self {
            Self::Entry(key, _) => Some((*key).to_owned()),
            Self::Node(Node::Text(text)) => Some(text.to_string()),
            Self::Node(Node::Value(value)) => {
                let named = first_text(value, &["name"]).or_else(|| first_text(value, &["key"]));
                named.or_else(|| text(value)).map(Cow::into_owned)
            }
        }
    }

    /// Returns whether several elements may have become this one: a store that rebuilds documents
    /// gathers the values of a field in all elements of a list.
    pub(super) fn may_be_merged(&self) -> bool {
        fn has_list(value: &Value) -> bool {
            match value {
                Value::Array(values) => values.len() > 1,
                Value::Object(members) => members.values().any(has_list),
                _ => false,
            }
        }
        matches!(self, Self::Node(Node::Value(value)) if has_list(value))
    }

    fn visit<'s>(&'s self, path: &[String], visit: &mut dyn FnMut(&'s Value)) {
        match self {
            Self::Node(Node::Value(value)) => walk(value, path, visit),
            Self::Entry(_, value) if is(path, "value") => walk::<&str>(value, &[], visit),
            _ => {}
        }
    }
}

fn is(path: &[String], name: &str) -> bool {
    matches!(path, [only] if only == name)
}
