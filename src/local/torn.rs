//! Documents that break off, and others that stand right behind the break.
//!
//! A writer that dies, or a disk that is full, leaves a part of a document without an end of the
//! line, and the next document follows at once. Only a document that is no JSON is ever taken
//! apart, and only where its JSON breaks: what a caller writes into a request stands within the
//! JSON of its event and never becomes an event of its own, however it looks.

use serde::de::IgnoredAny;

use super::splitter::object_in;

/// Members that hold a list of documents.
const LISTS: [&[u8]; 6] = [
    b"items",
    b"records",
    b"Records",
    b"logEvents",
    b"hits",
    b"events",
];

/// Places that are tried for a document behind text that follows a break.
const TRIES: usize = 16;

/// The deepest nesting that is followed.
const DEPTH: usize = 256;

/// What is known of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tear {
    /// It is JSON.
    None,
    /// It is no JSON, and no other document stands in it.
    Alone,
    /// Another document begins here.
    Before(usize),
    /// It is the beginning of a list, the elements of which begin here.
    List(usize),
}

/// Finds out where a document, which begins with a brace, is torn.
pub fn tear(document: &[u8]) -> Tear {
    let Err(error) = serde_json::from_slice::<IgnoredAny>(document) else {
        return Tear::None;
    };
    if error.is_eof() {
        return behind_cut(document);
    }
    let breaks = offset(document, error.line(), error.column());
    let glued = begins_at_break(document, breaks).or_else(|| begins_behind(document, breaks));
    glued.map_or(Tear::Alone, Tear::Before)
}

/// The place that the parser means, which is the byte that it refuses or the one before.
fn offset(document: &[u8], line: usize, column: usize) -> usize {
    let above = line.saturating_sub(2);
    let start = match line {
        0 | 1 => 0,
        _ => memchr::memchr_iter(b'\n', document)
            .nth(above)
            .map_or(0, |at| at + 1),
    };
    (start + column).min(document.len())
}

/// The brace that JSON cannot have, either itself or because its first quotation mark ended the
/// string that broke off.
fn begins_at_break(document: &[u8], breaks: usize) -> Option<usize> {
    let end = (breaks + 1).min(document.len());
    let at = memchr::memrchr(b'{', &document[1..end])? + 1;
    let between = document[at + 1..end].trim_ascii_start();
    let is_near = matches!(between, [] | [b'"'] | [b'"', _] | [b'"', _, _] | [_]);
    (is_near && begins_object(&document[at..])).then_some(at)
}

fn begins_object(bytes: &[u8]) -> bool {
    matches!(bytes[1..].trim_ascii_start(), [b'"' | b'}', ..])
}

/// The first whole document up to the end of its line, behind other text that follows the break.
fn begins_behind(document: &[u8], breaks: usize) -> Option<usize> {
    let mut from = breaks.saturating_sub(1).max(1);
    for _ in 0..TRIES {
        let at = from + object_in(&document[from..])?;
        if is_whole_event(&document[at..]) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// Whether some bytes are one object up to the end of the line, and may hold an audit event.
fn is_whole_event(bytes: &[u8]) -> bool {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    if !matches!(values.next(), Some(Ok(_))) {
        return false;
    }
    let (object, rest) = bytes.split_at(values.byte_offset());
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b']');
    line.iter().all(ends) && may_hold_event(object)
}

/// Whether the names that every audit event has one of are somewhere in a document.
pub fn may_hold_event(document: &[u8]) -> bool {
    memchr::memmem::find(document, b"audit").is_some()
}

/// A list of documents within one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    /// Where its elements begin.
    pub elements: usize,
    /// Number of the objects that it stands in.
    pub around: usize,
}

/// The list that the beginning of a document breaks off in.
pub fn list_in(document: &[u8]) -> Option<List> {
    Outline::of(document)?.list(document)
}

/// What stands in a document that is JSON as far as it goes. An object that ends with it may be a
/// part of it or the next document: where a caller may have written it, it is a part.
fn behind_cut(document: &[u8]) -> Tear {
    let Some(outline) = Outline::of(document) else {
        return Tear::Alone;
    };
    if let Some(list) = outline.list(document) {
        return Tear::List(list.elements);
    }
    match outline.last {
        Some(start)
            if start > 0 && !outline.is_in_body(document) && names_event(&document[start..]) =>
        {
            Tear::Before(start)
        }
        _ => Tear::Alone,
    }
}

/// Whether an object is an audit event by its own members.
fn names_event(object: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Members {
        #[serde(rename = "auditID")]
        audit_id: Option<IgnoredAny>,
        verb: Option<IgnoredAny>,
        kubernetes: Option<IgnoredAny>,
        log: Option<IgnoredAny>,
        message: Option<IgnoredAny>,
    }
    serde_json::from_slice::<Members>(object).is_ok_and(|it| {
        let is_wrapper = it.kubernetes.or(it.log).or(it.message).is_some();
        (it.audit_id.is_some() && it.verb.is_some()) || is_wrapper && may_hold_event(object)
    })
}

/// The arrays and objects of a document that are not closed, and the object that closes last.
#[derive(Default)]
struct Outline {
    open: Vec<Open>,
    /// Beginning of the object that ends with the document.
    last: Option<usize>,
}

struct Open {
    start: usize,
    is_array: bool,
    /// Where the name of the member stands that was begun last.
    name: (usize, usize),
}

impl Open {
    fn name_in<'d>(&self, document: &'d [u8]) -> &'d [u8] {
        &document[self.name.0..self.name.1]
    }
}

impl Outline {
    /// The outline of the beginning of JSON; `None` if it is too deep.
    fn of(document: &[u8]) -> Option<Self> {
        let mut outline = Self::default();
        let (mut at, mut text) = (0, (0, 0));
        while let Some(&byte) = document.get(at) {
            if !byte.is_ascii_whitespace() {
                outline.last = None;
            }
            match byte {
                b'"' => {
                    let end = string_end(document, at + 1);
                    text = (at + 1, end);
                    at = end;
                }
                b':' => outline.open.last_mut()?.name = text,
                b'{' | b'[' => outline.open.push(Open {
                    start: at,
                    is_array: byte == b'[',
                    name: (0, 0),
                }),
                b'}' | b']' => {
                    let closed = outline.open.pop()?;
                    outline.last = (!closed.is_array).then_some(closed.start);
                }
                _ => {}
            }
            if outline.open.len() > DEPTH {
                return None;
            }
            at += 1;
        }
        Some(outline)
    }

    /// The list of documents that is not closed.
    fn list(&self, document: &[u8]) -> Option<List> {
        let list = self.open.iter().position(|open| open.is_array)?;
        let mut around = self.open[..list].iter().map(|open| open.name_in(document));
        let is_list = matches!(list, 1 | 2) && around.all(|name| LISTS.contains(&name));
        is_list.then(|| List {
            elements: self.open[list].start + 1,
            around: list,
        })
    }

    /// Whether what comes next stands in a part that callers write.
    fn is_in_body(&self, document: &[u8]) -> bool {
        let is_body = |open: &Open| open.name_in(document).ends_with(b"bject");
        self.open.iter().any(is_body)
    }
}

/// Where a string ends: at its quotation mark, or with the document.
fn string_end(document: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &document[at.min(document.len())..]) {
        at += found;
        if document[at] == b'"' {
            return at;
        }
        at += 2;
    }
    document.len()
}

#[cfg(test)]
mod tests;
