//! The way through the tokens of a document to the values that are wanted.

use super::{
    Refused,
    grammar::Depths,
    leaves::Leaves,
    plan::{NodeId, Plan, ROOT},
    tokens::Tokens,
};

/// A walk through one document.
#[derive(Debug)]
pub struct Walk<'w> {
    source: &'w [u8],
    plan: &'w Plan,
    leaves: &'w mut Leaves,
    here: Container,
    /// The wanted value that begins next, and where the byte before it stands.
    awaited: Option<(NodeId, usize)>,
    /// Brackets that are open.
    depth: u32,
    /// The depth at which what is skipped ends; 0 where nothing is skipped.
    skip_to: u32,
    /// The value that is wanted whole, where it begins, and the depth at which it ends.
    whole: Option<(NodeId, usize, u32)>,
    /// The last quotes of the blocks before.
    opening: usize,
    closing: usize,
    may_escape: bool,
}

/// A list or an object with wanted values.
#[derive(Clone, Copy, Debug)]
pub struct Container {
    node: NodeId,
    is_object: bool,
    /// Unlike that of any other.
    number: u64,
}

impl<'w> Walk<'w> {
    /// A walk that has not begun.
    pub fn new(source: &'w [u8], plan: &'w Plan, leaves: &'w mut Leaves) -> Self {
        leaves.clear(plan);
        Self {
            source,
            plan,
            leaves,
            here: Container {
                node: ROOT,
                is_object: false,
                number: 0,
            },
            awaited: Some((ROOT, 0)),
            depth: 0,
            skip_to: 0,
            whole: None,
            opening: 0,
            closing: 0,
            may_escape: false,
        }
    }

    /// Walks through the block that begins at `start`.
    #[inline]
    pub fn advance(
        &mut self,
        start: usize,
        tokens: &Tokens,
        depths: Depths,
        may_escape: bool,
    ) -> Result<(), Refused> {
        self.may_escape = may_escape;
        if self.skip_to > 0 && depths.lowest > self.skip_to {
            self.depth = depths.last;
            return Ok(());
        }
        let mut ahead = !0;
        loop {
            let marks = self.marks(tokens) & ahead;
            if marks == 0 {
                break;
            }
            let at = marks.trailing_zeros();
            ahead = !1 << at;
            let (place, bit) = (start + at as usize, marks & marks.wrapping_neg());
            if self.skip_to > 0 {
                self.skip(place, bit & tokens.opens != 0);
            } else if bit & tokens.colons != 0 {
                let before = bit - 1;
                let opening = last(tokens.opening & before, start).unwrap_or(self.opening);
                let closing = last(tokens.closing & before, start).unwrap_or(self.closing);
                self.name(opening, closing, place)?;
            } else if bit & tokens.opens != 0 {
                self.enter(place);
            } else {
                self.end_value(place)?;
                match bit & tokens.commas {
                    0 => self.leave(place),
                    _ => self.await_element(place),
                }
            }
        }
        self.opening = last(tokens.opening, start).unwrap_or(self.opening);
        self.closing = last(tokens.closing, start).unwrap_or(self.closing);
        Ok(())
    }

    /// The tokens that matter where the walk is.
    fn marks(&self, tokens: &Tokens) -> u64 {
        let brackets = tokens.opens | tokens.closes;
        if self.skip_to > 0 {
            return brackets;
        }
        let commas = match self.awaited {
            Some(_) => tokens.commas,
            None => 0,
        };
        match self.here.is_object {
            true => brackets | tokens.colons | commas,
            false => brackets | tokens.commas,
        }
    }

    fn skip(&mut self, place: usize, opens: bool) {
        if opens {
            self.depth += 1;
            return;
        }
        self.depth -= 1;
        if self.depth == self.skip_to {
            self.skip_to = 0;
            self.end_whole(place);
        }
    }

    /// The name of a member, which stands between two quotes.
    fn name(&mut self, opening: usize, closing: usize, colon: usize) -> Result<(), Refused> {
        let name = self.source.get(opening + 1..closing).ok_or(Refused)?;
        if self.may_escape && name.contains(&b'\\') {
            return Err(Refused);
        }
        let member = self.plan.member(self.here.node, name);
        self.awaited = member.map(|node| (node, colon));
        let is_doubtful = match member {
            Some(node) => !self.leaves.is_first(node, self.here.number),
            None => self.depth == 1 && self.plan.is_doubtful(name),
        };
        if is_doubtful { Err(Refused) } else { Ok(()) }
    }

    fn enter(&mut self, place: usize) {
        self.depth += 1;
        let Some((node, _)) = self.awaited.take() else {
            self.skip_to = self.depth - 1;
            return;
        };
        let is_object = self.source[place] == b'{';
        let what = self.plan.get(node);
        if what.is_whole && self.whole.is_none() {
            self.whole = Some((node, place, self.depth - 1));
        }
        if is_object && what.is_wanted && !self.is_empty(place) {
            self.leaves.add_object(node);
        }
        if is_object && !what.has_members() {
            self.skip_to = self.depth - 1;
            return;
        }
        self.leaves.around.push(self.here);
        let number = self.leaves.new_object();
        self.here = Container {
            node,
            is_object,
            number,
        };
        self.await_element(place);
    }

    fn is_empty(&self, place: usize) -> bool {
        self.source[place + 1..]
            .iter()
            .find(|byte| !byte.is_ascii_whitespace())
            == Some(&b'}')
    }

    fn await_element(&mut self, place: usize) {
        self.awaited = (!self.here.is_object).then_some((self.here.node, place));
    }

    fn leave(&mut self, place: usize) {
        self.depth -= 1;
        self.end_whole(place);
        if let Some(around) = self.leaves.around.pop() {
            self.here = around;
        }
        self.awaited = None;
    }

    /// Notes the list or object that ends at `place`, if it is wanted whole.
    fn end_whole(&mut self, place: usize) {
        if let Some((node, start, _)) = self.whole.take_if(|(.., depth)| *depth == self.depth) {
            self.leaves.add_whole(node, start..place + 1);
        }
    }

    /// Notes the scalar that ends before `end`, if one is awaited.
    fn end_value(&mut self, end: usize) -> Result<(), Refused> {
        let Some((node, before)) = self.awaited.take() else {
            return Ok(());
        };
        let text = self.source.get(before + 1..end).ok_or(Refused)?;
        let start = before + 1 + text.len() - text.trim_ascii_start().len();
        let text = text.trim_ascii();
        let range = start..start + text.len();
        let what = self.plan.get(node);
        if what.is_whole && self.whole.is_none() && !text.is_empty() {
            self.leaves.add_whole(node, range.clone());
        }
        match text {
            [] | b"null" | b"\"\"" => {}
            [b'"', first, ..] if what.may_be_folded && !first.is_ascii_alphanumeric() => {
                return Err(Refused);
            }
            [b'"', ..] => {
                let range = range.start + 1..range.end - 1;
                self.leaves
                    .add_string(node, self.source, range, self.may_escape);
            }
            _ => self.leaves.add_scalar(node, self.source, range),
        }
        Ok(())
    }
}

/// Where the highest bit stands.
fn last(bits: u64, start: usize) -> Option<usize> {
    Some(start + bits.checked_ilog2()? as usize)
}
