//! A piece of an input as the splitter cuts it: a document, other text, or several documents of
//! which the first is torn.

use super::{
    block::{KEPT, Visitor, lines},
    splitter::{Splitter, is_between, object_in},
    torn::{self, Tear},
};

/// Tears that are looked for in one piece. It bounds the time that a hostile one takes.
const TEARS: usize = 64;

/// Shows what a piece holds to a visitor.
pub fn show(piece: &[u8], line: u64, visitor: &mut impl Visitor) {
    show_some(piece, line, TEARS, visitor);
}

fn show_some(piece: &[u8], line: u64, tears: usize, visitor: &mut impl Visitor) {
    match Content::of(piece) {
        Content::Text => visitor.text(line, piece),
        Content::Broken => visitor.document(line, piece),
        Content::Object(0) => show_object(piece, line, tears, visitor),
        Content::Object(at) => {
            let object = &piece[at..];
            let is_seen = str::from_utf8(object)
                .ok()
                .and_then(|it| visitor.glance(it));
            match is_seen {
                Some(true) => {}
                Some(false) => visitor.document(line, object),
                None => show_object(object, line, tears, visitor),
            }
        }
    }
}

fn show_object(object: &[u8], line: u64, tears: usize, visitor: &mut impl Visitor) {
    // What is too large is cut, and refused for its size.
    if object.len() >= KEPT || tears == 0 {
        return visitor.document(line, object);
    }
    let next = match torn::tear(object) {
        Tear::None | Tear::Alone => return visitor.document(line, object),
        Tear::Before(next) => {
            visitor.document(line, &object[..next]);
            next
        }
        Tear::List(elements) => elements,
    };
    let line = line + lines(&object[..next]);
    show_pieces(&object[next..], line, tears - 1, visitor);
}

/// Shows the pieces of some bytes, which hold documents but for the end of the last one.
fn show_pieces(mut bytes: &[u8], mut line: u64, tears: usize, visitor: &mut impl Visitor) {
    loop {
        let between = bytes.iter().take_while(|byte| is_between(**byte)).count();
        line += lines(&bytes[..between]);
        bytes = &bytes[between..];
        if bytes.is_empty() {
            return;
        }
        let (piece, rest) = bytes.split_at(Splitter::default().part(bytes).end);
        show_some(piece, line, tears, visitor);
        line += lines(piece);
        bytes = rest;
    }
}

/// What a piece is.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    /// An object begins here, whole or not.
    Object(usize),
    /// Something that may be a part of a document.
    Broken,
    /// A line of a log that is no document, nor a part of one.
    Text,
}

impl Content {
    fn of(piece: &[u8]) -> Self {
        if piece.starts_with(b"{") {
            return Self::Object(0);
        }
        match object_in(piece) {
            Some(at) if is_json(&piece[..at]) => Self::Broken,
            Some(at) if is_of_component(&piece[..at], &piece[at..]) => Self::Text,
            Some(at) => Self::Object(at),
            None if is_component_log(piece) || !piece.iter().any(|byte| b"{}".contains(byte)) => {
                Self::Text
            }
            None => Self::Broken,
        }
    }
}

/// Whether the text before an object is a part of JSON, and so is the object.
fn is_json(text: &[u8]) -> bool {
    let has_names = text.starts_with(b"\"") || memchr::memmem::find(text, b"\":").is_some();
    has_names
        || matches!(
            text.trim_ascii_end(),
            [b':' | b','] | [.., b' ' | b'"', b':' | b','] | [.., b'[']
        )
}

/// Whether an object in a line of a log is a part of its message, rather than an event.
fn is_of_component(text: &[u8], object: &[u8]) -> bool {
    let needed: &[u8] = match is_component_log(text) {
        true => b"\"auditID\"",
        false => b"audit",
    };
    memchr::memmem::find(object, needed).is_none()
}

/// Whether a line is one of those that the components of Kubernetes write, such as
/// `I1101 10:00:02.123456       1 trace.go:236] …`.
fn is_component_log(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == b' ').take(8).peekable();
    while let Some(word) = words.next() {
        let is_day = matches!(word, [b'I' | b'W' | b'E' | b'F', day @ ..]
            if day.len() == 4 && day.iter().all(u8::is_ascii_digit));
        let is_time = |time: &&[u8]| matches!(time, [_, _, b':', _, _, b':', ..]);
        if is_day && words.peek().is_some_and(is_time) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests;
