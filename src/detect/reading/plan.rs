//! Which values of a document are wanted: a tree of names.

use super::flat::FlatNames;

/// Position of a node in its plan.
pub type NodeId = u32;

/// The node of the document itself.
pub const ROOT: NodeId = 0;

/// The wanted values of a document.
///
/// The wanted values may also stand below a place: an object there has the members of the root.
#[derive(Debug)]
pub struct Plan {
    nodes: Vec<Node>,
    is_doubtful: fn(&str) -> bool,
    is_refused: fn(&str) -> bool,
    /// Other names of what is wanted, in flat documents.
    pub(super) flat: FlatNames,
}

/// The position of a node among places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Position {
    /// Nothing.
    #[default]
    Inside,
    /// A place lies below it.
    OnTheWay,
    /// It is a place: an object there is as the root, and text may hold such an object.
    Place,
}

/// A value in the tree.
#[derive(Debug, Default)]
pub struct Node {
    members: Members,
    /// Its texts are wanted, and whether it is there.
    pub is_wanted: bool,
    /// Its bytes are wanted as they are.
    pub is_whole: bool,
    /// Where text that may hold JSON is refused.
    pub may_be_folded: bool,
    /// Its position among places.
    pub position: Position,
}

impl Plan {
    /// Nothing is wanted. A document is refused if the name of one of its members is doubtful.
    pub fn new(is_doubtful: fn(&str) -> bool) -> Self {
        Self {
            nodes: vec![Node::default()],
            is_doubtful,
            is_refused: |_| false,
            flat: FlatNames::default(),
        }
    }

    /// A plan with places, of which the first one counts. A document is refused if it has a member
    /// of a name that is refused, wherever the wanted values stand.
    pub fn with_places(
        is_doubtful: fn(&str) -> bool,
        is_refused: fn(&str) -> bool,
        places: &[&[&str]],
    ) -> Self {
        let mut plan = Self {
            is_refused,
            ..Self::new(is_doubtful)
        };
        for path in places {
            for length in 1..path.len() {
                let node = plan.node(&path[..length]);
                plan.node_mut(node).position = Position::OnTheWay;
            }
        }
        // Their numbers are in their order.
        for path in places {
            let node = plan.node(path);
            let node = plan.node_mut(node);
            node.position = Position::Place;
            node.is_whole = true;
        }
        plan
    }

    /// Makes what is wanted by now be found under flat names too, behind a prefix.
    pub fn add_flat_names(&mut self, prefix: &'static str, has_dotted_keys: fn(&str) -> bool) {
        self.flat = FlatNames::new(prefix, self, has_dotted_keys);
    }

    /// The members of a node, by name.
    pub(super) fn members(&self, node: NodeId) -> impl Iterator<Item = (&str, NodeId)> {
        let members = self.get(node).members.entries.iter();
        members.filter_map(|member| Some((str::from_utf8(&member.name).ok()?, member.node)))
    }

    /// The places, in their order.
    pub fn places(&self) -> impl Iterator<Item = NodeId> {
        let nodes = self.nodes.iter().zip(0..);
        nodes.filter_map(|(node, id)| (node.position == Position::Place).then_some(id))
    }

    /// Whether the document is refused for a member of this name.
    pub fn is_doubtful(&self, name: &[u8]) -> bool {
        str::from_utf8(name).is_ok_and(self.is_doubtful)
    }

    /// Returns true if the document is refused for a member of this name, even if what is wanted
    /// stands at a place.
    pub fn is_refused(&self, name: &[u8]) -> bool {
        str::from_utf8(name).is_ok_and(self.is_refused)
    }

    /// The node at the end of a path, made if need be.
    pub fn node(&mut self, path: &[impl AsRef<str>]) -> NodeId {
        path.iter().fold(ROOT, |node, name| {
            let name = name.as_ref().as_bytes();
            match self.member(node, name) {
                Some(member) => member,
                None => self.add(node, name),
            }
        })
    }

    fn add(&mut self, parent: NodeId, name: &[u8]) -> NodeId {
        let id = self.nodes.len() as NodeId;
        self.nodes.push(Node::default());
        self.nodes[parent as usize].members.insert(name, id);
        id
    }

    /// A node, to say what of it is wanted.
    pub fn node_mut(&mut self, node: NodeId) -> &mut Node {
        &mut self.nodes[node as usize]
    }

    /// What is wanted of a node.
    pub fn get(&self, node: NodeId) -> &Node {
        &self.nodes[node as usize]
    }

    /// The node at the end of a path, if there is one.
    pub fn find(&self, path: &[&str]) -> Option<NodeId> {
        path.iter()
            .try_fold(ROOT, |node, name| self.member(node, name.as_bytes()))
    }

    /// The node of a member.
    #[inline]
    pub fn member(&self, node: NodeId, name: &[u8]) -> Option<NodeId> {
        self.get(node).members.get(name)
    }

    /// Number of nodes.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }
}

impl Node {
    /// Whether something within it is wanted.
    pub fn has_members(&self) -> bool {
        !self.members.entries.is_empty()
    }

    /// Whether its value is looked at, and not its name alone.
    pub fn is_of_interest(&self) -> bool {
        self.is_wanted || self.is_whole || self.has_members()
    }
}

/// Members by name: a small hash table, never more than half full.
#[derive(Debug, Default)]
struct Members {
    entries: Vec<Member>,
    /// Positions of entries, counted from 1; 0 is a free place.
    places: Vec<u32>,
}

#[derive(Debug)]
struct Member {
    name: Box<[u8]>,
    ends: (u64, u64),
    node: NodeId,
}

impl Members {
    #[inline]
    fn get(&self, name: &[u8]) -> Option<NodeId> {
        let ends = ends(name);
        let mut place = hash(name.len(), ends);
        loop {
            let entry = *self.places.get(place & self.places.len().wrapping_sub(1))?;
            let member = self.entries.get((entry as usize).wrapping_sub(1))?;
            if member.is_named(name, ends) {
                return Some(member.node);
            }
            place += 1;
        }
    }

    fn insert(&mut self, name: &[u8], node: NodeId) {
        self.entries.push(Member {
            name: name.into(),
            ends: ends(name),
            node,
        });
        self.places = vec![0; (self.entries.len() * 2).next_power_of_two()];
        for (entry, Member { name, ends, .. }) in self.entries.iter().enumerate() {
            let mut place = hash(name.len(), *ends) & (self.places.len() - 1);
            while self.places[place] != 0 {
                place = (place + 1) & (self.places.len() - 1);
            }
            self.places[place] = entry as u32 + 1;
        }
    }
}

impl Member {
    /// The ends of a short name are all of it.
    fn is_named(&self, name: &[u8], ends: (u64, u64)) -> bool {
        self.ends == ends
            && self.name.len() == name.len()
            && (name.len() <= 16 || *self.name == *name)
    }
}

/// The first and the last bytes of a name: eight each, or four, or all of them.
#[inline]
fn ends(name: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        let word = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
        return (word(first), word(last));
    }
    let all = name.iter();
    (all.fold(0, |word, byte| word << 8 | u64::from(*byte)), 0)
}

#[inline]
fn hash(length: usize, (first, last): (u64, u64)) -> usize {
    let word = first ^ last.rotate_left(23) ^ length as u64;
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize
}
