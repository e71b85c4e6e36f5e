//! The wanted values that were found in a document, as places in it.

use std::ops::Range;

use super::{
    Refused,
    flat::FLAT,
    plan::{NodeId, Plan},
    scalar,
    walk::Container,
};

/// What was found, by the nodes of the plan. It is used for one document after the other.
#[derive(Debug, Default)]
pub struct Leaves {
    leaves: Vec<Leaf>,
    /// The texts that the document holds in another form.
    decoded: String,
    touched: Vec<NodeId>,
    /// Objects of all documents, and of those before the present one.
    objects: u64,
    objects_before: u64,
    /// The place of the object that has wanted members, and the number of that object.
    home: Option<(NodeId, u64)>,
    /// The number of what stands under flat names, as if it were one object; 0 if nothing does.
    flat: u64,
    /// True if the root has a doubtful member.
    pub(super) is_root_doubtful: bool,
    /// True if something that is wanted whole stands under flat names.
    pub(super) is_flat_tree: bool,
    /// Room for a walk: the lists and objects around the present one.
    pub(super) around: Vec<Container>,
}

#[derive(Clone, Debug, Default)]
struct Leaf {
    texts: Vec<Text>,
    /// Whether an object was found that is not empty.
    is_object: bool,
    whole: Range<usize>,
    /// The object in which it was found last.
    object: u64,
    /// The flat names in which it was the beginning of a name last.
    parent_in: u64,
}

/// Where the text of a scalar stands. It is never empty.
#[derive(Clone, Copy, Debug)]
struct Text {
    start: u32,
    end: u32,
    /// Among what was decoded, or else in the document.
    is_decoded: bool,
}

impl Leaves {
    /// Forgets the last document.
    pub fn clear(&mut self, plan: &Plan) {
        for node in self.touched.drain(..) {
            let leaf = &mut self.leaves[node as usize];
            leaf.texts.clear();
            leaf.is_object = false;
            leaf.whole = 0..0;
        }
        self.leaves.resize(plan.len(), Leaf::default());
        self.decoded.clear();
        self.objects_before = self.objects;
        self.around.clear();
        self.home = None;
        self.is_root_doubtful = false;
        self.is_flat_tree = false;
        self.flat = 0;
    }

    /// Notes that something is found under flat names; false if something is found otherwise.
    pub fn is_only_flat(&mut self) -> bool {
        if self.flat == 0 {
            self.flat = self.new_object();
        }
        self.is_only_home(FLAT, self.flat)
    }

    /// Notes a flat name. It contradicts itself, and names that go on after it.
    pub fn add_flat(&mut self, node: NodeId) -> Result<(), Refused> {
        let leaf = &mut self.leaves[node as usize];
        match leaf.object == self.flat || leaf.parent_in == self.flat {
            true => Err(Refused),
            false => {
                leaf.object = self.flat;
                Ok(())
            }
        }
    }

    /// Notes a flat name that goes on after that of a node.
    pub fn add_flat_parent(&mut self, node: NodeId) -> Result<(), Refused> {
        let leaf = &mut self.leaves[node as usize];
        match leaf.object == self.flat {
            true => Err(Refused),
            false => {
                leaf.parent_in = self.flat;
                Ok(())
            }
        }
    }

    /// Returns true if something that is wanted whole stands under flat names, and so is missing.
    pub fn is_flat_tree(&self) -> bool {
        self.is_flat_tree
    }

    /// Notes that an object at a place has wanted members; false if another one has some too.
    pub fn is_only_home(&mut self, place: NodeId, object: u64) -> bool {
        self.home.get_or_insert((place, object)).1 == object
    }

    /// The place of what was found: [`super::ROOT`] if it is the document itself.
    pub fn home(&self) -> Option<NodeId> {
        self.home.map(|(place, _)| place)
    }

    /// A number for an object that no other object has.
    pub fn new_object(&mut self) -> u64 {
        self.objects += 1;
        self.objects
    }

    /// Whether a member stands in an object for the first time.
    pub fn is_first(&mut self, node: NodeId, object: u64) -> bool {
        std::mem::replace(&mut self.leaves[node as usize].object, object) != object
    }

    /// Whether a member of some object was found, whatever it holds.
    pub fn is_seen(&self, node: NodeId) -> bool {
        self.leaves[node as usize].object > self.objects_before
    }

    /// Notes a string, by what stands between its quotes.
    pub fn add_string(&mut self, node: NodeId, source: &str, range: Range<usize>, escapes: bool) {
        match escapes {
            false => self.add(node, range, false),
            true => self.add_decoded(node, |to| scalar::unescape(&source[range], to)),
        }
    }

    /// Notes a number or a boolean.
    pub fn add_scalar(&mut self, node: NodeId, source: &str, range: Range<usize>) {
        let text = &source[range.clone()];
        match matches!(text, "true" | "false") || scalar::is_plain_integer(text) {
            true => self.add(node, range, false),
            false => self.add_decoded(node, |to| scalar::rewrite_number(text, to)),
        }
    }

    fn add_decoded(&mut self, node: NodeId, decode: impl FnOnce(&mut String)) {
        let start = self.decoded.len();
        decode(&mut self.decoded);
        self.add(node, start..self.decoded.len(), true);
    }

    fn add(&mut self, node: NodeId, range: Range<usize>, is_decoded: bool) {
        let leaf = self.touch(node);
        leaf.texts.push(Text {
            start: range.start as u32,
            end: range.end as u32,
            is_decoded,
        });
    }

    /// Notes an object that is not empty.
    pub fn add_object(&mut self, node: NodeId) {
        self.touch(node).is_object = true;
    }

    /// Notes where a value stands whole.
    pub fn add_whole(&mut self, node: NodeId, range: Range<usize>) {
        self.touch(node).whole = range;
    }

    fn touch(&mut self, node: NodeId) -> &mut Leaf {
        self.touched.push(node);
        &mut self.leaves[node as usize]
    }

    /// The texts of the scalars at a node, in the order of the document that is their source.
    pub fn texts<'l>(&'l self, node: NodeId, source: &'l str) -> impl Iterator<Item = &'l str> {
        let texts = self.leaves[node as usize].texts.iter();
        texts.map(move |text| {
            let range = text.start as usize..text.end as usize;
            match text.is_decoded {
                true => &self.decoded[range],
                false => &source[range],
            }
        })
    }

    /// How many scalars stand at a node.
    pub fn count(&self, node: NodeId) -> usize {
        self.leaves[node as usize].texts.len()
    }

    /// Whether an object stands at a node that is not empty.
    pub fn is_object(&self, node: NodeId) -> bool {
        self.leaves[node as usize].is_object
    }

    /// Where the value of a node stands whole; empty if it is missing.
    pub fn whole(&self, node: NodeId) -> Range<usize> {
        self.leaves[node as usize].whole.clone()
    }
}
