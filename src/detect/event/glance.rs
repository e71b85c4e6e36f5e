//! An audit event that is read only where some rules look.

use std::{borrow::Cow, cell::OnceCell};

use serde_json::{Map, Value};

use super::{
    Event, Outline,
    outline::{Values, Way},
};
use crate::detect::{
    derived::{self, Texts},
    layout::{self, Layout},
    pod_spec,
    reading::{self, Leaves, NodeId, Refused},
};

/// An audit event in its document, with the places of what is looked at. It has the values that
/// an [`Event`] of the same document has.
#[derive(Debug)]
pub struct Glance<'d> {
    source: &'d str,
    leaves: &'d Leaves,
    outline: &'d Outline,
    trees: OnceCell<Vec<OnceCell<Event>>>,
}

impl<'d> Glance<'d> {
    /// Reads a document that is an audit event of the raw layout. Others are refused, and so is
    /// what is doubtful: an [`Event`] can be read of some of them.
    pub fn read(
        source: &'d str,
        layout: Layout,
        outline: &'d Outline,
        leaves: &'d mut Leaves,
    ) -> Result<Self, Refused> {
        if !matches!(layout, Layout::Auto | Layout::Raw) {
            return Err(Refused);
        }
        let glance = Self::read_part(source, outline, leaves)?;
        let text = |name| glance.first(&[name]);
        match layout::looks_like_event(text, |_| false) {
            true => Ok(glance),
            false => Err(Refused),
        }
    }

    /// Reads any part of an event.
    pub fn read_part(
        source: &'d str,
        outline: &'d Outline,
        leaves: &'d mut Leaves,
    ) -> Result<Self, Refused> {
        let source = reading::read(source, outline.plan(), leaves)?;
        let leaves = &*leaves;
        let is_seen = |node: &NodeId| leaves.is_seen(*node);
        let mut synonyms = outline.synonyms().iter();
        match synonyms.any(|(one, other)| is_seen(one) && is_seen(other)) {
            true => Err(Refused),
            false => Ok(Self {
                source,
                leaves,
                outline,
                trees: OnceCell::new(),
            }),
        }
    }

    /// Visits the values of a field, given by its number in the outline.
    pub fn visit(&self, field: usize, visit: &mut dyn FnMut(&str)) {
        match &self.outline.way(field).values {
            Values::AtNodes(nodes) => nodes
                .iter()
                .for_each(|node| self.texts(*node).for_each(&mut *visit)),
            Values::Derived(lookup) => derived::visit(self, lookup, &mut |text| visit(&text)),
            Values::InPodSpec(tree, field) if pod_spec::may_be_in(self) => {
                let values = self.tree(*tree).values(field);
                values.iter().for_each(|value| visit(value));
            }
            Values::InPodSpec(..) => {}
        }
    }

    /// Whether a field is there and not empty.
    pub fn exists(&self, field: usize) -> bool {
        match &self.outline.way(field).values {
            Values::AtNodes(nodes) => nodes
                .iter()
                .any(|node| self.leaves.is_object(*node) || self.leaves.count(*node) > 0),
            Values::Derived(_) => {
                let mut exists = false;
                self.visit(field, &mut |_| exists = true);
                exists
            }
            Values::InPodSpec(tree, field) => {
                pod_spec::may_be_in(self) && self.tree(*tree).exists(field)
            }
        }
    }

    /// An event that has the elements of a field which may be asked for them.
    pub fn with_elements(&self, field: usize) -> &Event {
        let Way { tree, .. } = self.outline.way(field);
        self.tree(tree.expect("the outline was made for its elements"))
    }

    /// The event with these members alone.
    fn tree(&self, tree: usize) -> &Event {
        let all = self.outline.trees();
        let trees = self
            .trees
            .get_or_init(|| all.iter().map(|_| OnceCell::new()).collect());
        trees[tree].get_or_init(|| {
            let members = all[tree].iter().filter_map(|(name, node)| {
                let value = &self.source[self.leaves.whole(*node)];
                Some((name.clone(), serde_json::from_str(value).ok()?))
            });
            Event {
                root: Value::Object(members.collect::<Map<_, _>>()),
                position: 0,
                document_time: None,
            }
        })
    }

    fn texts(&self, node: NodeId) -> impl Iterator<Item = &'d str> {
        self.leaves.texts(node, self.source)
    }
}

impl<'d> Texts<'d> for &Glance<'d> {
    fn visit(self, path: &[&str], visit: &mut dyn FnMut(Cow<'d, str>)) {
        if let Some(node) = self.outline.plan().find(path) {
            self.texts(node).map(Cow::Borrowed).for_each(visit);
        }
    }
}
