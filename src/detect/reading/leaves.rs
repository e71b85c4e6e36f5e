//! The wanted values that were found in a document, as places in it.

use std::{borrow::Cow, ops::Range};

use super::{
    plan::{NodeId, Plan},
    walk::Container,
};

/// What was found, by the nodes of the plan. It is used for one document after the other.
#[derive(Debug, Default)]
pub struct Leaves {
    leaves: Vec<Leaf>,
    touched: Vec<NodeId>,
    /// Objects of all documents, and of those before the present one.
    objects: u64,
    objects_before: u64,
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
}

/// Where a scalar stands, without the quotes of a string. It is never empty.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    start: u32,
    end: u32,
    form: Form,
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// As it is.
    Plain,
    /// As a string with escapes.
    Escaped,
    /// As a number that has other ways to be written.
    Number,
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
        self.objects_before = self.objects;
        self.around.clear();
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
    pub fn add_string(&mut self, node: NodeId, range: Range<usize>, is_escaped: bool) {
        let form = if is_escaped {
            Form::Escaped
        } else {
            Form::Plain
        };
        self.add(node, range, form);
    }

    /// Notes a number or a boolean.
    pub fn add_scalar(&mut self, node: NodeId, source: &[u8], range: Range<usize>) {
        let text = &source[range.clone()];
        let is_plain = matches!(text, b"true" | b"false") || is_plain_integer(text);
        self.add(
            node,
            range,
            if is_plain { Form::Plain } else { Form::Number },
        );
    }

    fn add(&mut self, node: NodeId, range: Range<usize>, form: Form) {
        let leaf = self.touch(node);
        leaf.texts.push(Text {
            start: range.start as u32,
            end: range.end as u32,
            form,
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

    /// The scalars at a node, in the order of the document.
    pub fn texts(&self, node: NodeId) -> &[Text] {
        &self.leaves[node as usize].texts
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

/// An integer that `serde_json` writes as it reads it.
fn is_plain_integer(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    digits.len() <= 18 && text != b"-0" && digits.iter().all(u8::is_ascii_digit)
}

impl Text {
    /// The text, decoded.
    pub fn decode<'d>(&self, source: &'d str) -> Cow<'d, str> {
        let range = self.start as usize..self.end as usize;
        match self.form {
            Form::Plain => Cow::Borrowed(&source[range]),
            Form::Escaped => {
                let quoted = &source[range.start - 1..range.end + 1];
                Cow::Owned(serde_json::from_str(quoted).expect("escapes were checked"))
            }
            Form::Number => {
                let number: serde_json::Number =
                    serde_json::from_str(&source[range]).expect("numbers were checked");
                Cow::Owned(number.to_string())
            }
        }
    }
}
