//! Members of flat documents, whose names are paths: `kubernetes.audit.user.username`.

use rustc_hash::FxHashMap;

use super::{
    Refused,
    leaves::Leaves,
    plan::{NodeId, Plan, Position, ROOT},
};

/// The place of members with flat names, which no object has.
pub const FLAT: NodeId = NodeId::MAX;

/// A name with a dot behind it, and its node.
type Object = (Box<[u8]>, NodeId);

/// The flat names of a plan.
#[derive(Debug, Default)]
pub struct FlatNames {
    prefix: &'static str,
    nodes: FxHashMap<Box<[u8]>, NodeId>,
    parents: FxHashMap<NodeId, NodeId>,
    /// Wanted values that are objects where names go on after theirs and a dot, by the member that
    /// they are in.
    objects: FxHashMap<NodeId, Vec<Object>>,
}

impl FlatNames {
    /// The names of the paths of a plan, behind a prefix. What follows some names is one key, dots
    /// and all.
    pub fn new(prefix: &'static str, plan: &Plan, has_dotted_keys: fn(&str) -> bool) -> Self {
        let mut names = Self {
            prefix,
            ..Self::default()
        };
        names.add(plan, ROOT, &mut Vec::new(), has_dotted_keys);
        names
    }

    fn add(
        &mut self,
        plan: &Plan,
        node: NodeId,
        path: &mut Vec<String>,
        has_dotted_keys: fn(&str) -> bool,
    ) {
        for (name, member) in plan.members(node) {
            let is_inside = plan.get(member).position == Position::Inside;
            let is_key = path.last().is_some_and(|name| has_dotted_keys(name));
            if !is_inside || name.contains('.') && !is_key {
                continue;
            }
            path.push(name.to_owned());
            let whole = path.join(".").into_bytes();
            self.parents.insert(member, node);
            if plan.get(member).is_wanted && path.len() > 1 && !is_key {
                let object = [whole.as_slice(), b"."].concat();
                let first = plan.member(ROOT, path[0].as_bytes()).unwrap_or(ROOT);
                let objects = self.objects.entry(first).or_default();
                objects.push((object.into(), member));
            }
            self.nodes.insert(whole.into(), member);
            // Nothing lies below a key that takes all dots.
            if !is_key {
                self.add(plan, member, path, has_dotted_keys);
            }
            path.pop();
        }
    }

    /// A name without the prefix, if it has it.
    pub fn strip<'n>(&self, name: &'n [u8]) -> Option<&'n [u8]> {
        let prefix = self.prefix.as_bytes();
        name.strip_prefix(prefix).filter(|_| !prefix.is_empty())
    }

    /// The node of a flat name; `None` if nothing of it is wanted. Names that contradict one
    /// another are refused.
    pub fn read(
        &self,
        name: &[u8],
        plan: &Plan,
        leaves: &mut Leaves,
    ) -> Result<Option<NodeId>, Refused> {
        let dot = memchr::memchr(b'.', name);
        let first = plan
            .member(ROOT, &name[..dot.unwrap_or(name.len())])
            .filter(|node| plan.get(*node).position == Position::Inside)
            .ok_or(Refused)?;
        let what = plan.get(first);
        if what.may_be_folded != dot.is_some() {
            return Err(Refused);
        }
        if dot.is_some() {
            leaves.is_flat_tree |= what.is_whole;
            if what.is_wanted && !leaves.is_object(first) {
                leaves.add_object(first);
            }
            for (object, node) in self.objects.get(&first).into_iter().flatten() {
                if name.starts_with(object) {
                    leaves.add_flat_parent(*node)?;
                    leaves.add_object(*node);
                }
            }
        }
        let Some(&node) = self.nodes.get(name) else {
            return Ok(None);
        };
        leaves.add_flat(node)?;
        let mut parent = self.parents[&node];
        while parent != ROOT {
            leaves.add_flat_parent(parent)?;
            parent = self.parents[&parent];
        }
        Ok(Some(node))
    }
}
