//! The way through the tokens of a document to the values that are wanted.

use super::{
    Refused,
    grammar::Depths,
    leaves::Leaves,
    plan::{NodeId, Plan, Position, ROOT},
    tokens::Tokens,
};

/// A walk through one document.
#[derive(Debug)]
pub struct Walk<'w> {
    text: &'w str,
    plan: &'w Plan,
    leaves: &'w mut Leaves,
    here: Container,
    seeks: Seeks,
    /// The wanted value that begins next, and where the byte before it stands.
    awaited: Option<(NodeId, usize)>,
    /// Brackets that are open.
    depth: u32,
    /// The depth at which what is skipped ends.
    skip_to: u32,
    /// The value that is wanted whole, where it begins, and the depth at which it ends.
    whole: Option<(NodeId, usize, u32)>,
    /// The last quote of the blocks before that opens a string.
    opening: usize,
    /// The last backslash of the blocks before.
    backslash: usize,
}

/// Which tokens matter next.
#[derive(Clone, Copy, Debug)]
enum Seeks {
    /// The brackets, by which what is skipped ends.
    Brackets,
    /// The colon after a name.
    Names,
    /// The end of a value that is awaited.
    Ends,
}

/// A list or an object with wanted values.
#[derive(Clone, Copy, Debug)]
pub struct Container {
    node: NodeId,
    is_object: bool,
    /// Unlike that of any other.
    number: u64,
    /// The place that it stands at or below.
    place: NodeId,
}

impl Container {
    /// What its parts begin with.
    fn parts(self) -> Seeks {
        match self.is_object {
            true => Seeks::Names,
            false => Seeks::Ends,
        }
    }
}

impl<'w> Walk<'w> {
    /// A walk that has not begun.
    pub fn new(text: &'w str, plan: &'w Plan, leaves: &'w mut Leaves) -> Self {
        leaves.clear(plan);
        Self {
            text,
            plan,
            leaves,
            here: Container {
                node: ROOT,
                is_object: false,
                number: 0,
                place: ROOT,
            },
            seeks: Seeks::Ends,
            awaited: Some((ROOT, 0)),
            depth: 0,
            skip_to: 0,
            whole: None,
            opening: 0,
            backslash: 0,
        }
    }

    /// Walks through the block that begins at `start`.
    #[inline]
    pub fn advance(
        &mut self,
        start: usize,
        tokens: &Tokens,
        depths: Depths,
    ) -> Result<(), Refused> {
        if matches!(self.seeks, Seeks::Brackets) && depths.lowest > self.skip_to {
            self.depth = depths.last;
            return Ok(());
        }
        let brackets = tokens.opens | tokens.closes;
        let marks = [brackets, brackets | tokens.colons, brackets | tokens.commas];
        let mut ahead = !0;
        loop {
            let marks = marks[self.seeks as usize] & ahead;
            if marks == 0 {
                break;
            }
            let at = marks.trailing_zeros();
            ahead = !1 << at;
            let (place, bit) = (start + at as usize, marks & marks.wrapping_neg());
            if matches!(self.seeks, Seeks::Brackets) {
                self.skip(place, bit & tokens.opens != 0);
            } else if bit & tokens.colons != 0 {
                let opening = last(tokens.opening & (bit - 1), start, self.opening);
                let backslash = last(tokens.backslashes & (bit - 1), start, self.backslash);
                self.name(opening, place, backslash)?;
            } else if bit & tokens.opens != 0 {
                self.enter(place)?;
            } else {
                let backslash = last(tokens.backslashes & (bit - 1), start, self.backslash);
                self.end_value(place, backslash)?;
                match bit & tokens.commas {
                    0 => self.leave(place),
                    _ => self.next_part(place),
                }
            }
        }
        self.opening = last(tokens.opening, start, self.opening);
        self.backslash = last(tokens.backslashes, start, self.backslash);
        Ok(())
    }

    fn skip(&mut self, place: usize, opens: bool) {
        if opens {
            self.depth += 1;
            return;
        }
        self.depth -= 1;
        if self.depth == self.skip_to {
            self.end_whole(place);
            self.seeks = self.here.parts();
        }
    }

    /// The name of a member, between a quote that opens it and the last one before the colon.
    fn name(&mut self, opening: usize, colon: usize, backslash: usize) -> Result<(), Refused> {
        let text = self
            .text
            .as_bytes()
            .get(opening + 1..colon)
            .ok_or(Refused)?;
        let name = match text {
            [name @ .., b'"'] => name,
            _ => text.trim_ascii_end().strip_suffix(b"\"").ok_or(Refused)?,
        };
        if backslash > opening {
            return Err(Refused);
        }
        let Some(node) = self.plan.member(self.here.node, name) else {
            return match self.here.node {
                ROOT => self.other_name(name, colon),
                _ => Ok(()),
            };
        };
        let is_first = self.leaves.is_first(node, self.here.number);
        let what = self.plan.get(node);
        if self.here.node == ROOT {
            let is_only = match what.position {
                Position::Inside => self.leaves.is_only_home(self.here.place, self.here.number),
                // There are no places within places.
                _ if self.depth > 1 => return Ok(()),
                _ => true,
            };
            if !is_only {
                return Err(Refused);
            }
        }
        if what.is_of_interest() {
            self.awaited = Some((node, colon));
            self.seeks = Seeks::Ends;
        }
        if is_first { Ok(()) } else { Err(Refused) }
    }

    /// A name at a place that is not in the plan. Few members have one, so it stays out of the loop.
    #[inline(never)]
    fn other_name(&mut self, name: &[u8], colon: usize) -> Result<(), Refused> {
        let (plan, is_root) = (self.plan, self.depth == 1);
        let Some(name) = plan.flat.strip(name).filter(|_| is_root) else {
            return self.doubt(name);
        };
        if !self.leaves.is_only_flat() {
            return Err(Refused);
        }
        let node = plan.flat.read(name, plan, self.leaves)?;
        if let Some(node) = node.filter(|node| plan.get(*node).is_of_interest()) {
            self.awaited = Some((node, colon));
            self.seeks = Seeks::Ends;
        }
        Ok(())
    }

    /// Decides about an object for a member that is not in the plan.
    fn doubt(&mut self, name: &[u8]) -> Result<(), Refused> {
        let is_doubtful = self.plan.is_doubtful(name);
        self.leaves.is_root_doubtful |= is_doubtful;
        match is_doubtful && self.depth > 1 || self.plan.is_refused(name) {
            true => Err(Refused),
            false => Ok(()),
        }
    }

    fn enter(&mut self, place: usize) -> Result<(), Refused> {
        self.depth += 1;
        let Some((node, _)) = self.awaited.take() else {
            self.skip_from_here();
            return Ok(());
        };
        let is_object = self.text.as_bytes()[place] == b'{';
        let what = self.plan.get(node);
        if what.position != Position::Inside {
            return self.enter_place(node, place, is_object);
        }
        if what.is_whole && self.whole.is_none() {
            self.whole = Some((node, place, self.depth - 1));
        }
        if is_object && what.is_wanted && !self.is_empty(place) {
            self.leaves.add_object(node);
        }
        if is_object && !what.has_members() {
            self.skip_from_here();
        } else {
            self.walk_into(node, self.here.place, place, is_object);
        }
        Ok(())
    }

    /// Enters an object on the way to places, or at one; a list could hold several.
    fn enter_place(&mut self, node: NodeId, at: usize, is_object: bool) -> Result<(), Refused> {
        let is_place = self.plan.get(node).position == Position::Place;
        match (is_object, is_place) {
            (false, _) => return Err(Refused),
            (true, true) => self.walk_into(ROOT, node, at, true),
            (true, false) => self.walk_into(node, ROOT, at, true),
        }
        Ok(())
    }

    fn walk_into(&mut self, node: NodeId, place: NodeId, at: usize, is_object: bool) {
        self.leaves.around.push(self.here);
        let number = self.leaves.new_object();
        self.here = Container {
            node,
            is_object,
            number,
            place,
        };
        self.next_part(at);
    }

    /// Skips the list or object that has just begun.
    fn skip_from_here(&mut self) {
        self.skip_to = self.depth - 1;
        self.seeks = Seeks::Brackets;
    }

    fn is_empty(&self, place: usize) -> bool {
        self.text.as_bytes()[place + 1..]
            .iter()
            .find(|byte| !byte.is_ascii_whitespace())
            == Some(&b'}')
    }

    /// The next member or element begins after `place`.
    fn next_part(&mut self, place: usize) {
        self.seeks = self.here.parts();
        self.awaited = (!self.here.is_object).then_some((self.here.node, place));
    }

    fn leave(&mut self, place: usize) {
        self.depth -= 1;
        self.end_whole(place);
        if let Some(around) = self.leaves.around.pop() {
            self.here = around;
        }
        self.awaited = None;
        self.seeks = self.here.parts();
    }

    /// Notes the list or object that ends at `place`, if it is wanted whole.
    fn end_whole(&mut self, place: usize) {
        if let Some((node, start, _)) = self.whole.take_if(|(.., depth)| *depth == self.depth) {
            self.leaves.add_whole(node, start..place + 1);
        }
    }

    /// Notes the scalar that ends before `end`, if one is awaited.
    fn end_value(&mut self, end: usize, backslash: usize) -> Result<(), Refused> {
        let Some((node, before)) = self.awaited.take() else {
            return Ok(());
        };
        let text = self.text.as_bytes().get(before + 1..end).ok_or(Refused)?;
        let (start, text) = match text {
            [b'"', .., b'"'] => (before + 1, text),
            _ => {
                let blanks = text.len() - text.trim_ascii_start().len();
                (before + 1 + blanks, text.trim_ascii())
            }
        };
        let range = start..start + text.len();
        let what = self.plan.get(node);
        if what.is_whole && self.whole.is_none() && !text.is_empty() {
            self.leaves.add_whole(node, range.clone());
        }
        match text {
            _ if what.position == Position::Place => {}
            [] | b"null" | b"\"\"" => {}
            [b'"', first, ..] if what.may_be_folded && !first.is_ascii_alphanumeric() => {
                return Err(Refused);
            }
            [b'"', ..] => {
                let range = range.start + 1..range.end - 1;
                let escapes = backslash > before;
                self.leaves.add_string(node, self.text, range, escapes);
            }
            _ => self.leaves.add_scalar(node, self.text, range),
        }
        Ok(())
    }
}

/// Where the highest bit stands, or what was last before.
#[inline(always)]
fn last(bits: u64, start: usize, before: usize) -> usize {
    let at = (bits | 1).ilog2() as usize;
    if bits == 0 { before } else { start + at }
}
