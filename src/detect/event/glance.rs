//! An audit event that is read only where some rules look.

use std::{
    borrow::Cow,
    cell::{Cell, OnceCell},
};

use memchr::memmem;
use serde_json::{Map, Value};

use super::{
    Event, Outline, Trace,
    gap::{self, Gap, Gaps, Notes},
    outline::{Values, Way},
    place::Found,
};
use crate::detect::{
    definition::RequestOutcome,
    derived::{self, Texts},
    layout::{self, Place},
    pod_spec,
    reading::{self, Leaves, NodeId, ROOT, Refused},
};

/// Searches of the raw text that cost about as much as its tree.
const SEARCHES: usize = 32;

/// Buffers that are used for one document after the other.
#[derive(Debug, Default)]
pub struct Buffers {
    document: Leaves,
    /// Text of the document that holds the event.
    text: Vec<u8>,
    in_text: Leaves,
}

impl Buffers {
    /// Those of the document.
    #[cfg(test)]
    pub fn document(&mut self) -> &mut Leaves {
        &mut self.document
    }
}

/// An audit event in its document, with the places of what is looked at. It has the values that
/// an [`Event`] of the same document has.
#[derive(Debug)]
pub struct Glance<'d> {
    source: &'d str,
    leaves: &'d Leaves,
    outline: &'d Outline,
    trees: OnceCell<Vec<OnceCell<Event>>>,
    searches: Cell<usize>,
    is_unsure: Cell<bool>,
    may_have_pod: OnceCell<bool>,
    outcome: OnceCell<Option<RequestOutcome>>,
    gaps: OnceCell<Gaps>,
}

impl<'d> Glance<'d> {
    /// Reads a document that is an audit event, or that holds one at a known place, as an object or
    /// as text. Others are refused, and so is what is doubtful: an [`Event`] can be read of some of
    /// them.
    pub fn read(
        source: &'d str,
        place: Place<'_>,
        outline: &'d Outline,
        buffers: &'d mut Buffers,
    ) -> Result<Self, Refused> {
        let Buffers {
            document,
            text,
            in_text,
        } = buffers;
        let source = reading::read(source, outline.plan(), document)?;
        let glance = match outline.find(source, document, place)? {
            Found::Here => Self::new(source, outline, document)?,
            Found::InText(range) => {
                let text = reading::unescape_long(&source[range], text);
                let text = reading::read(text, outline.plan(), in_text)?;
                match in_text.home() {
                    Some(ROOT) => Self::new(text, outline, in_text)?,
                    _ => return Err(Refused),
                }
            }
        };
        let text = |name| glance.first(&[name]);
        match layout::looks_like_event(text, |_| false) && outline.has_target(glance.leaves) {
            true => Ok(glance),
            false => Err(Refused),
        }
    }

    /// Reads any part of an event.
    #[cfg(test)]
    pub fn read_part(
        source: &'d str,
        outline: &'d Outline,
        leaves: &'d mut Leaves,
    ) -> Result<Self, Refused> {
        let source = reading::read(source, outline.plan(), leaves)?;
        Self::new(source, outline, leaves)
    }

    fn new(source: &'d str, outline: &'d Outline, leaves: &'d Leaves) -> Result<Self, Refused> {
        let is_seen = |node: &NodeId| leaves.is_seen(*node);
        let mut synonyms = outline.synonyms().iter();
        match synonyms.any(|(one, other)| is_seen(one) && is_seen(other)) {
            true => Err(Refused),
            false => Ok(Self {
                source,
                leaves,
                outline,
                trees: OnceCell::new(),
                searches: Cell::new(0),
                is_unsure: Cell::new(false),
                may_have_pod: OnceCell::new(),
                outcome: OnceCell::new(),
                gaps: OnceCell::new(),
            }),
        }
    }

    /// Returns true if something was asked for that flat names do not show.
    pub fn is_unsure(&self) -> bool {
        self.is_unsure.get()
    }

    /// Visits the values of a field, given by its number in the outline, and perhaps others.
    pub fn visit_more(&self, field: usize, visit: &mut dyn FnMut(&str)) {
        let way = self.outline.way(field);
        match &way.values {
            Values::AtNodes(nodes) => nodes
                .iter()
                .for_each(|node| self.texts_at(*node).for_each(&mut *visit)),
            Values::Derived(lookup) => derived::visit(self, lookup, &mut |text| visit(&text)),
            Values::InBodies(field, trace) => {
                let trace = trace.as_ref().filter(|_| self.is_search_cheaper(way));
                let has_more = |text| trace.is_none_or(|it| it.visit(text, visit));
                if self.texts(way).any(has_more) {
                    let values = self.tree(way).values(field);
                    values.iter().for_each(|value| visit(value));
                }
            }
        }
    }

    /// Whether a field has a value that is accepted.
    pub fn has(&self, field: usize, accepts: &dyn Fn(&str) -> bool) -> bool {
        let way = self.outline.way(field);
        if let Values::InBodies(field, trace) = &way.values {
            let values = || self.tree(way).values(field);
            return self.shows(way, trace, accepts) && values().iter().any(|it| accepts(it));
        }
        let mut has = false;
        self.visit_more(field, &mut |value| has = has || accepts(value));
        has
    }

    /// Whether a field is there and not empty.
    pub fn exists(&self, field: usize) -> bool {
        let way = self.outline.way(field);
        match &way.values {
            Values::AtNodes(nodes) => nodes
                .iter()
                .any(|node| self.leaves.is_object(*node) || self.leaves.count(*node) > 0),
            Values::Derived(_) => {
                let mut exists = false;
                self.visit_more(field, &mut |_| exists = true);
                exists
            }
            Values::InBodies(field, trace) => {
                self.shows(way, trace, &|_| true) && self.tree(way).exists(field)
            }
        }
    }

    /// Leaves the document to the general reader if there is a doubt.
    fn doubt(&self, is_doubtful: bool) {
        self.is_unsure.set(self.is_unsure.get() || is_doubtful);
    }

    /// Returns the outcome of the request, as [`Event::outcome`] does.
    pub fn outcome(&self) -> Option<RequestOutcome> {
        *self.outcome.get_or_init(|| {
            if self.first(&["stage"]).as_deref() == Some("RequestReceived") {
                return None;
            }
            // Flat names have no trees.
            let is_flat = self.leaves.is_flat_tree();
            self.doubt(is_flat);
            let verb = self.first(&["verb"]);
            let is_delete = verb.is_some_and(|verb| verb.starts_with("delete"));
            self.tree_at(self.outline.outcome_tree(is_delete)).outcome()
        })
    }

    /// Returns whether the request writes what its body says.
    pub fn is_write(&self) -> bool {
        let verb = self.texts_at(self.outline.verb()).next();
        verb.is_some_and(gap::is_write)
    }

    /// Returns the parts of the request that the event does not show.
    pub fn gaps(&self) -> &Gaps {
        self.gaps
            .get_or_init(|| Gaps::of(self, |name| self.has_body(name), self))
    }

    /// Returns the event with its annotations if they may have a word, which is searched for first.
    fn annotated_with(&self, word: &str) -> Option<&Event> {
        let node = self.outline.plan().find(&["annotations"])?;
        let is_flat = self.leaves.is_flat_tree();
        let text = match is_flat {
            true => self.source,
            false => &self.source[self.leaves.whole(node)],
        };
        let has = |part: &str| memmem::find(text.as_bytes(), part.as_bytes()).is_some();
        let may_have_it = has(word) || has("\\u");
        // Flat names have no trees.
        self.doubt(is_flat && may_have_it);
        may_have_it.then(|| self.tree_at(self.outline.outcome_tree(false)))
    }

    /// Returns why the event may not show a value of a field that its request had, as
    /// [`Event::gap`] does.
    pub fn gap(&self, field: usize) -> Option<Gap> {
        let way = self.outline.way(field);
        let unseen = way.unseen.as_ref().filter(|_| self.gaps().is_any())?;
        let is_partial = || way.tree.is_some() && self.tree(way).is_partial();
        let gap = self
            .gaps()
            .of_field(unseen, || self.may_have_pod(), is_partial);
        gap.filter(|_| !unseen.is_of_object() || !self.exists(field))
    }

    fn has_body(&self, name: &str) -> bool {
        let node = self.outline.plan().find(&[name]);
        let body = node.map_or("", |node| &self.source[self.leaves.whole(node)]);
        let may_be_flat = self.leaves.is_flat_tree() && self.source.contains(name);
        self.doubt(may_be_flat);
        !matches!(body, "" | "null")
    }

    /// The raw texts in which the elements of a field stand which may be asked for them: none if
    /// it has no elements.
    pub fn texts_of_elements(&self, field: usize) -> impl Iterator<Item = &'d str> + Clone {
        self.texts(self.outline.way(field))
    }

    /// Whether these texts are to be searched before the elements are asked for.
    pub fn is_search_worthwhile(&self, field: usize) -> bool {
        self.is_search_cheaper(self.outline.way(field))
    }

    /// An event that has these elements.
    pub fn with_elements(&self, field: usize) -> &Event {
        self.tree(self.outline.way(field))
    }

    /// Whether a field in a pod spec may have a value that is accepted.
    fn shows(&self, way: &Way, trace: &Option<Trace>, accepts: &dyn Fn(&str) -> bool) -> bool {
        let trace = trace.as_ref().filter(|_| self.is_search_cheaper(way));
        let shows = |text| trace.is_none_or(|it| it.shows(text, accepts));
        self.texts(way).any(shows)
    }

    /// Whether one search more is cheaper than the tree: not if there is one, and not for ever, as
    /// there may be any number of rules.
    fn is_search_cheaper(&self, way: &Way) -> bool {
        let searches = self.searches.get();
        self.searches.set(searches + 1);
        let tree = || self.trees.get()?[way.tree?].get();
        searches < SEARCHES && tree().is_none()
    }

    fn may_have_pod(&self) -> bool {
        *self.may_have_pod.get_or_init(|| pod_spec::may_be_in(self))
    }

    /// The texts that a tree is made of: none if it has not what is looked for.
    fn texts(&self, way: &Way) -> impl Iterator<Item = &'d str> + Clone {
        let may_be = match &way.values {
            Values::InBodies(field, _) if field.is_in_pod_spec() => self.may_have_pod(),
            _ => true,
        };
        let tree = way.tree.filter(|_| may_be);
        if tree.is_some() && self.leaves.is_flat_tree() {
            let trace = match &way.values {
                Values::InBodies(_, trace) => trace.as_ref(),
                _ => None,
            };
            let may_occur = trace.is_none_or(|trace| trace.may_occur(self.source));
            self.doubt(may_occur);
        }
        let members = tree
            .into_iter()
            .flat_map(|tree| &self.outline.trees()[tree]);
        let text = |(_, node): &(_, _)| &self.source[self.leaves.whole(*node)];
        members.map(text).filter(|text| !text.is_empty())
    }

    /// The event with the members alone that a field needs.
    fn tree(&self, way: &Way) -> &Event {
        self.tree_at(way.tree.expect("the outline was made for it"))
    }

    fn tree_at(&self, tree: usize) -> &Event {
        let all = self.outline.trees();
        let trees = self
            .trees
            .get_or_init(|| all.iter().map(|_| OnceCell::new()).collect());
        trees[tree].get_or_init(|| {
            let members = all[tree].iter().filter_map(|(name, node)| {
                let value = match &self.source[self.leaves.whole(*node)] {
                    "" => Value::from(self.texts_at(*node).next()?),
                    value => serde_json::from_str(value).ok()?,
                };
                Some((name.clone(), value))
            });
            Event::of_root(Value::Object(members.collect::<Map<_, _>>()))
        })
    }

    fn texts_at(&self, node: NodeId) -> impl Iterator<Item = &'d str> {
        self.leaves.texts(node, self.source)
    }
}

impl Notes for &Glance<'_> {
    fn is_truncated(&self) -> bool {
        let event = self.annotated_with("truncated");
        event.is_some_and(|event| (&event.root).is_truncated())
    }

    fn is_forbidden(&self) -> bool {
        let event = self.annotated_with("forbid");
        event.is_some_and(|event| (&event.root).is_forbidden())
    }
}

impl<'g> Texts<'g> for &'g Glance<'_> {
    fn visit(self, path: &[&str], visit: &mut dyn FnMut(Cow<'g, str>)) {
        if let Some(node) = self.outline.plan().find(path) {
            self.texts_at(node).map(Cow::Borrowed).for_each(visit);
        }
    }

    fn first(self, path: &[&str]) -> Option<Cow<'g, str>> {
        let node = self.outline.plan().find(path)?;
        self.texts_at(node).next().map(Cow::Borrowed)
    }
}
