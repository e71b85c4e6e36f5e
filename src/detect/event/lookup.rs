//! From a field to what an event holds there.

use std::borrow::Cow;

use serde_json::Value;

use crate::detect::{
    derived,
    field::Lookup,
    json::{text, walk},
    pod_spec,
};

/// What a field leads to: something of the event, or a text that was derived from it.
#[derive(Debug)]
pub(super) enum Node<'e> {
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
pub(super) fn visit<'e>(root: &'e Value, lookup: &Lookup, visit: &mut dyn FnMut(Node<'e>)) {
    derived::visit(root, lookup, &mut |text| visit(Node::Text(text)));
    visit_tree(root, lookup, &mut |value| visit(Node::Value(value)));
}

fn visit_tree<'e>(root: &'e Value, lookup: &Lookup, visit: &mut dyn FnMut(&'e Value)) {
    match lookup {
        Lookup::Path(path) => walk(root, path, visit),
        Lookup::Entry { map, key, undotted } => walk(root, map, &mut |entries| {
            let entry = entries.get(key).or_else(|| entries.get(undotted));
            if let Some(entry) = entry {
                walk::<&str>(entry, &[], visit);
            }
        }),
        Lookup::PodSpec(path) => {
            if let Some(spec) = pod_spec::find(root) {
                walk(spec, path, visit);
            }
        }
        Lookup::AllContainers(path) => {
            let lists = pod_spec::CONTAINER_LISTS.into_iter();
            let spec = pod_spec::find(root);
            for list in lists.filter_map(|list| spec?.get(list)) {
                walk(list, path, visit);
            }
        }
        _ => {}
    }
}
