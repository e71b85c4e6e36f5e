//! From a field to what an event holds there.

use std::borrow::Cow;

use serde_json::Value;

use super::Event;
use crate::detect::{
    derived,
    field::Lookup,
    json::{first_text, text, walk},
    pod_spec,
};

/// What a field leads to: something of the event, or a text that was derived from it.
#[derive(Debug)]
pub enum Node<'e> {
    /// A scalar or an object, never a list and never empty.
    Value(&'e Value),
    /// A derived text, never empty.
    Text(Cow<'e, str>),
}

impl<'e> Node<'e> {
    /// The text, if it is no object.
    pub(super) fn into_text(self) -> Option<Cow<'e, str>> {
        match self {
            Self::Value(value) => text(value),
            Self::Text(text) => Some(text),
        }
    }
}

/// Visits all that a field leads to.
pub(super) fn visit<'e>(event: &'e Event, lookup: &Lookup, visit: &mut dyn FnMut(Node<'e>)) {
    match lookup {
        Lookup::SourceIp if event.has_merged_source_ips() => return,
        Lookup::Incomplete if event.is_cut_off => return visit(Node::Text("cutOff".into())),
        _ => {}
    }
    derived::visit(&event.root, lookup, &mut |text| visit(Node::Text(text)));
    visit_tree(event, lookup, &mut |value| visit(Node::Value(value)));
}

fn visit_tree<'e>(event: &'e Event, lookup: &Lookup, visit: &mut dyn FnMut(&'e Value)) {
    let root = &event.root;
    match lookup {
        Lookup::Path(path) => walk(root, path, visit),
        Lookup::Entry {
            map,
            key,
            undotted,
            nested,
        } => walk(
            root,
            map,
            &mut |entries| match entries.get(key).or_else(|| entries.get(undotted)) {
                Some(entry) => walk::<&str>(entry, &[], visit),
                None => walk(entries, nested, visit),
            },
        ),
        Lookup::Object(path) => visit_object(event, path, visit),
        Lookup::PodSpec(path) => {
            for spec in pod_spec::find(root, event.asked()) {
                walk(spec, path, visit);
            }
        }
        Lookup::AllContainers(path) => {
            for spec in pod_spec::find(root, event.asked()) {
                let lists = pod_spec::CONTAINER_LISTS.into_iter();
                for list in lists.filter_map(|list| spec.get(list)) {
                    walk(list, path, visit);
                }
            }
        }
        _ => {}
    }
}

/// Visits the values of the request body, or if it has none at this path, those of the response.
/// The options of a delete are not the object.
fn visit_object<'e>(event: &'e Event, path: &[String], visit: &mut dyn FnMut(&'e Value)) {
    let root = &event.root;
    let verb = first_text(root, &["verb"]);
    let deletes = matches!(verb.as_deref(), Some("delete" | "deletecollection"));
    let request = event.asked().or_else(|| root.get("requestObject"));
    let mut is_found = false;
    for body in [request.filter(|_| !deletes), root.get("responseObject")] {
        if let Some(body) = body.filter(|_| !is_found) {
            walk(body, path, &mut |value| {
                is_found = true;
                visit(value);
            });
        }
    }
}
