//! Bytes of an input that hold whole documents.

use std::ops::Range;

use super::{
    piece,
    splitter::{Splitter, is_between},
};
use crate::detect::json::SIZE_LIMIT;

/// No more than this is kept of a document: one byte more than detection accepts, so that it is
/// detection that sets the document aside, and memory stays bounded.
pub const KEPT: usize = SIZE_LIMIT + 1;

/// Documents that stand behind one another in an input. Its room is used again.
#[derive(Debug, Default)]
pub struct Block {
    /// The room; what lies beyond `filled` means nothing.
    pub(super) bytes: Vec<u8>,
    pub(super) filled: usize,
    /// Number of the line of the input in which the block begins.
    pub(super) line: u64,
}

impl Block {
    /// Forgets what it holds and begins anew with some bytes, in room for `size` bytes or more.
    pub(super) fn begin(&mut self, bytes: &[u8], line: u64, size: usize) {
        let size = size.max(bytes.len());
        if self.bytes.len() > size {
            self.bytes.truncate(size);
            self.bytes.shrink_to_fit();
        }
        self.bytes.resize(size, 0);
        self.bytes[..bytes.len()].copy_from_slice(bytes);
        self.filled = bytes.len();
        self.line = line;
    }

    /// What it holds.
    pub(super) fn text(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// The room that is free.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.filled..]
    }

    /// Makes room, up to `limit` bytes in all; false if there are so many.
    pub(super) fn grow(&mut self, limit: usize) -> bool {
        let size = self.bytes.len();
        self.bytes.resize((2 * size).min(limit).max(size), 0);
        self.bytes.len() > size
    }

    /// Shows the documents to a visitor, in their order.
    pub fn visit(&self, visitor: &mut impl Visitor) {
        let mut rest = Rest {
            bytes: self.text(),
            line: self.line,
        };
        // One check of the whole is faster than one for each line.
        let text = str::from_utf8(self.text()).ok();
        while !rest.bytes.is_empty() {
            let start = self.filled - rest.bytes.len();
            let end = memchr::memchr(b'\n', rest.bytes).map_or(rest.bytes.len(), |at| at + 1);
            let range = trim(&rest.bytes[..end]);
            let source = &rest.bytes[range.clone()];
            let is_done = match source {
                [] => Some(true),
                [b'{', .., b'}'] => match text {
                    Some(text) => visitor.glance(&text[start + range.start..start + range.end]),
                    None => str::from_utf8(source)
                        .ok()
                        .and_then(|text| visitor.glance(text)),
                },
                _ => None,
            };
            match is_done {
                Some(true) => {}
                Some(false) => visitor.document(rest.line, source),
                None => {
                    rest.split(visitor);
                    continue;
                }
            }
            rest.bytes = &rest.bytes[end..];
            rest.line += 1;
        }
    }
}

/// Receives what an input holds.
pub trait Visitor {
    /// Whether a glance at a line is enough. Most documents fill one line, so this spares most of
    /// the splitting. It is `None` unless the line is one JSON object and nothing else.
    fn glance(&mut self, line: &str) -> Option<bool>;

    /// Takes a document for which a glance was not enough, with the number of the line where it
    /// begins, counted from 1 over the whole input. Of the document there are at most [`KEPT`]
    /// bytes.
    fn document(&mut self, line: u64, source: &[u8]);

    /// Takes a line of a log that is no document.
    fn text(&mut self, line: u64, text: &[u8]);
}

/// What is still to be visited of a block. It begins between documents.
struct Rest<'b> {
    bytes: &'b [u8],
    line: u64,
}

impl<'b> Rest<'b> {
    /// Shows documents until a new line follows one.
    fn split(&mut self, visitor: &mut impl Visitor) {
        let mut ended = &b""[..];
        while ended.last() != Some(&b'\n') {
            let between = self.bytes.iter().take_while(|byte| is_between(**byte));
            let passed = self.pass(between.count());
            if self.bytes.is_empty() || passed.contains(&b'\n') {
                return;
            }
            let line = self.line;
            ended = self.pass(Splitter::default().part(self.bytes).end);
            piece::show(&ended[..ended.len().min(KEPT)], line, visitor);
        }
    }

    /// Passes so many bytes, and counts their lines.
    fn pass(&mut self, count: usize) -> &'b [u8] {
        let (passed, rest) = self.bytes.split_at(count);
        self.bytes = rest;
        self.line += lines(passed);
        passed
    }
}

/// Lines that end in some bytes.
pub(super) fn lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// All but what stands between documents.
fn trim(line: &[u8]) -> Range<usize> {
    let is_start = |byte: &u8| !is_between(*byte);
    let is_end = |byte: &u8| *byte == b'}' || is_start(byte);
    let start = line.iter().position(is_start).unwrap_or(line.len());
    let last = line[start..].iter().rposition(is_end);
    start..last.map_or(start, |at| start + at + 1)
}
