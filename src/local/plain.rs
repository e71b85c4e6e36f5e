//! The splitting of a stream into documents, byte by byte: what blocks of any size, the glance at
//! lines and the leaps of the splitter must come to.

use super::{
    block::{KEPT, Visitor},
    piece,
    splitter::is_between,
};

/// Shows the documents of a stream to a visitor. One that is still open at the end counts if the
/// end is no error.
pub fn visit(stream: &[u8], ends_well: bool, visitor: &mut impl Visitor) {
    for (line, bytes) in pieces(stream, ends_well) {
        piece::show(&bytes, line, visitor);
    }
}

/// The pieces of a stream, each with the number of the line where it begins.
fn pieces(stream: &[u8], ends_well: bool) -> Vec<(u64, Vec<u8>)> {
    let mut pieces = Vec::new();
    let (mut line, mut open) = (1, None);
    for &byte in stream {
        if let Some(ended) = open.take_if(|open: &mut Open| open.ends_before(byte)) {
            pieces.push(ended.finish());
        }
        if open.is_some() || !is_between(byte) {
            let piece = open.get_or_insert_with(|| Open::new(line, byte));
            if piece.ends_with(byte) {
                pieces.extend(open.take().map(Open::finish));
            }
        }
        line += u64::from(byte == b'\n');
    }
    let is_whole = |open: &Open| ends_well || open.is_closed;
    pieces.extend(open.filter(is_whole).map(Open::finish));
    pieces
}

struct Open {
    line: u64,
    bytes: Vec<u8>,
    first: u8,
    depth: usize,
    in_string: bool,
    escaped: bool,
    is_opaque: bool,
    is_closed: bool,
    /// The last byte that is no whitespace and within no string, quotation marks apart.
    last: u8,
}

impl Open {
    fn new(line: u64, first: u8) -> Self {
        Self {
            line,
            bytes: Vec::new(),
            first,
            depth: 0,
            in_string: false,
            escaped: false,
            is_opaque: first == b':',
            is_closed: false,
            last: 0,
        }
    }

    fn finish(mut self) -> (u64, Vec<u8>) {
        self.bytes.truncate(KEPT);
        (self.line, self.bytes)
    }

    /// Whether the piece ends before a byte.
    fn ends_before(&self, byte: u8) -> bool {
        if self.in_string {
            return false;
        }
        let may_nest = matches!(self.last, b':' | b',' | b'[');
        let is_first = self.bytes.last() == Some(&b'\n');
        matches!(byte, 0 | 0x1e)
            || self.is_closed && byte != b'}'
            || self.first == b'"' && !self.is_opaque && matches!(byte, b',' | b']')
            || !self.is_opaque && self.depth > 0 && byte == b'{' && (is_first || !may_nest)
    }

    /// Takes a byte, and returns whether it is the last one.
    fn ends_with(&mut self, byte: u8) -> bool {
        let written = self.bytes.trim_ascii_end().len();
        let is_same_line = !self.bytes[written..].contains(&b'\n');
        self.bytes.push(byte);
        if self.in_string {
            if self.escaped {
                self.escaped = false;
            } else {
                self.escaped = byte == b'\\';
                self.in_string = byte != b'"';
            }
            return byte == b'\n';
        }
        self.is_opaque |= self.is_closed;
        self.is_closed = false;
        if byte == b'\n' {
            return self.is_opaque || self.first != b'{';
        }
        let is_blank = byte.is_ascii_whitespace();
        let begins =
            self.first != b'"' && self.last == b'{' && matches!(byte, b'"' | b'}' | b' ' | b'\t');
        if self.is_opaque || is_blank && !begins {
            if !self.is_opaque && self.depth == 0 && self.first != b'"' {
                self.last = byte;
            }
            return false;
        }
        let is_object = self.depth > 0 || self.first == b'{' || begins;
        self.depth += usize::from(is_object && self.depth == 0 && self.first != b'{');
        if is_object {
            self.take_of_object(byte, is_same_line);
        } else if self.first == b'"' {
            self.in_string = self.last == 0;
            self.is_opaque = self.last != 0;
        }
        if !is_blank {
            self.last = byte;
        }
        false
    }

    fn take_of_object(&mut self, byte: u8, is_same_line: bool) {
        let is_structure = byte.is_ascii_whitespace() || b"{}[],:".contains(&byte);
        self.is_opaque = self.last == b'"' && is_same_line && !is_structure;
        self.in_string = byte == b'"' && !self.is_opaque;
        match byte {
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth -= 1,
            _ => {}
        }
        self.is_closed = self.depth == 0;
    }
}
