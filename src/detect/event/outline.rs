//! Which parts of audit events some fields look at, so that a document is read no further.

use super::{Trace, gap};
use crate::detect::{
    derived,
    field::{Field, Lookup},
    layout::{self, OBJECTS},
    pod_spec,
    reading::{Leaves, NodeId, Plan, ROOT},
    schema::{self, Shape},
};

/// What of an event has to be read for some fields, which are known by their position.
#[derive(Debug)]
pub struct Outline {
    plan: Plan,
    ways: Vec<Way>,
    /// Members that are needed as trees.
    trees: Vec<Members>,
    /// The verb, which is asked for most.
    verb: NodeId,
    /// The trees that decide the outcome of a request.
    outcome: usize,
    outcome_of_delete: usize,
    /// Two names of one thing: a document that has both is refused.
    synonyms: Vec<(NodeId, NodeId)>,
}

/// How a field is found in what was read.
#[derive(Debug)]
pub(super) struct Way {
    pub values: Values,
    /// The tree in which it is found, if it is in a pod spec or may be asked for its elements.
    pub tree: Option<usize>,
    /// The field, if an audit level may leave out what it leads to.
    pub unseen: Option<Field>,
}

/// How the values of a field are found.
#[derive(Debug)]
pub(super) enum Values {
    /// They stand at these nodes.
    AtNodes(Vec<NodeId>),
    /// They are derived from others.
    Derived(Lookup),
    /// They stand in a tree of the bodies, if their text shows what the field must have; those of
    /// a pod spec only if the event may have a pod template at all.
    InBodies(Field, Option<Trace>),
}

/// Members of the event, by name.
pub(super) type Members = Vec<(String, NodeId)>;

/// Members by which an event is known as one.
const DISTINCTIVE: [&str; 6] = [
    "kind",
    "apiVersion",
    "auditID",
    "stage",
    "verb",
    "requestURI",
];

/// Members that decide the outcome of a request; of a delete, the body does too.
const OUTCOME: [&str; 7] = [
    "annotations",
    "level",
    "objectRef",
    "requestURI",
    "responseStatus",
    "stage",
    "verb",
];

/// The bodies of a request and its response.
pub(super) const BODIES: [&str; 2] = ["requestObject", "responseObject"];
/// Members that say who asked for what.
const TARGETS: [&str; 2] = ["user", "objectRef"];

impl Outline {
    /// What has to be read for fields, some of which may also be asked for their elements.
    pub fn new(fields: &[Field], has_elements: impl Fn(usize) -> bool) -> Self {
        let mut outline = Self {
            plan: Plan::with_places(
                layout::is_other_spelling,
                layout::is_anchor,
                &layout::KNOWN_PLACES,
            ),
            ways: Vec::new(),
            trees: Vec::new(),
            verb: ROOT,
            outcome: 0,
            outcome_of_delete: 0,
            synonyms: Vec::new(),
        };
        // What is known need not be doubted.
        for name in schema::members() {
            outline.plan.node(&[name]);
        }
        for name in DISTINCTIVE.into_iter().chain(TARGETS) {
            outline.want(&[name]);
        }
        outline.verb = outline.want(&["verb"]);
        let names = OUTCOME.into_iter().map(str::to_owned);
        outline.outcome = outline.tree_of(names.clone(), false);
        outline.outcome_of_delete = outline.tree_of(names.chain([BODIES[0].to_owned()]), false);
        if fields.iter().any(Field::may_be_unseen) {
            for path in gap::PATHS {
                outline.want(path);
            }
            for body in BODIES {
                let node = outline.plan.node(&[body]);
                outline.plan.node_mut(node).is_whole = true;
            }
        }
        for (number, field) in fields.iter().enumerate() {
            let way = outline.add_way(field, has_elements(number));
            outline.ways.push(way);
        }
        for name in OBJECTS {
            if let Some(node) = outline.plan.find(&[name]) {
                outline.plan.node_mut(node).may_be_folded = true;
            }
        }
        outline
            .plan
            .add_flat_names(layout::FLAT_PREFIX, schema::has_dotted_keys);
        outline
    }

    /// Returns true if an event names its user or its object.
    pub(super) fn has_target(&self, leaves: &Leaves) -> bool {
        let nodes = TARGETS.iter().filter_map(|name| self.plan.find(&[name]));
        nodes.into_iter().any(|node| leaves.is_object(node))
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(super) fn way(&self, field: usize) -> &Way {
        &self.ways[field]
    }

    pub(super) fn trees(&self) -> &[Members] {
        &self.trees
    }

    pub(super) fn verb(&self) -> NodeId {
        self.verb
    }

    /// The tree that decides the outcome of a request.
    pub(super) fn outcome_tree(&self, is_delete: bool) -> usize {
        match is_delete {
            true => self.outcome_of_delete,
            false => self.outcome,
        }
    }

    pub(super) fn synonyms(&self) -> &[(NodeId, NodeId)] {
        &self.synonyms
    }

    fn add_way(&mut self, field: &Field, has_elements: bool) -> Way {
        let values = self.values(field);
        let is_in_tree = has_elements || field.is_in_bodies();
        let tree = is_in_tree.then(|| self.tree(field));
        let unseen = field.may_be_unseen().then(|| field.clone());
        Way {
            values,
            tree,
            unseen,
        }
    }

    fn values(&mut self, field: &Field) -> Values {
        match field.lookup() {
            Lookup::Path(path) => Values::AtNodes(vec![self.want(path)]),
            Lookup::Entry {
                map,
                key,
                undotted,
                nested,
            } => {
                let mut node = |names: &[String]| self.want(&[map.as_slice(), names].concat());
                let one = std::slice::from_ref;
                let mut nodes = vec![node(one(key)), node(one(undotted)), node(nested)];
                nodes.dedup();
                let pairs = nodes.iter().enumerate();
                let pairs = pairs.flat_map(|(at, a)| nodes[at + 1..].iter().map(|b| (*a, *b)));
                self.synonyms.extend(pairs);
                Values::AtNodes(nodes)
            }
            Lookup::PodSpec(_) | Lookup::AllContainers(_) => {
                for path in pod_spec::SIGNS {
                    self.want(path);
                }
                Values::InBodies(field.clone(), Trace::of(field.names().iter()))
            }
            Lookup::Object(_) => Values::InBodies(field.clone(), Trace::of(field.names().iter())),
            derived => {
                for path in derived::paths(derived) {
                    self.want(path);
                }
                Values::Derived(derived.clone())
            }
        }
    }

    /// The tree that holds the sources of a field.
    fn tree(&mut self, field: &Field) -> usize {
        self.tree_of(field.sources().into_iter(), !field.is_in_bodies())
    }

    /// The tree of some members, of which scalars may be searched for elements or not.
    fn tree_of(&mut self, names: impl Iterator<Item = String>, has_scalars: bool) -> usize {
        let members: Members = names
            .map(|name| {
                let node = self.plan.node(&[&name]);
                let what = self.plan.node_mut(node);
                // The text of a scalar is enough.
                match schema::shape(&name) {
                    Some(Shape::One) if !has_scalars => what.is_wanted = true,
                    _ => what.is_whole = true,
                }
                (name, node)
            })
            .collect();
        let known = self.trees.iter().position(|tree| *tree == members);
        known.unwrap_or_else(|| {
            self.trees.push(members);
            self.trees.len() - 1
        })
    }

    fn want(&mut self, path: &[impl AsRef<str>]) -> NodeId {
        let node = self.plan.node(path);
        self.plan.node_mut(node).is_wanted = true;
        node
    }
}
