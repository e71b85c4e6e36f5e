//! Where documents begin and end in a stream of bytes.
//!
//! Documents are JSON objects one after the other: one a line, pretty-printed, or as the elements
//! of one array; on a line, other text may stand before the object. A broken one spoils nothing
//! but itself. It ends
//!
//! - before a line whose first column opens the next, so that a brace in the first column begins a
//!   document wherever it stands, whatever was before it;
//! - before a brace that no JSON has there;
//! - at the end of a line that breaks off within a string, that is no JSON, or that begins with
//!   other text;
//! - before a NUL, which a truncated file is filled with, and before a record separator (RFC 7464).
//!
//! An object with a closing brace too many is the end of something else: it is one document with
//! the rest of its line, which is no JSON.

/// The record separator of RFC 7464.
const RECORD_SEPARATOR: u8 = 0x1e;

/// What was read so far of the document that is open, if one is.
#[derive(Clone, Debug, Default)]
pub struct Splitter {
    form: Option<Form>,
    depth: usize,
    in_string: bool,
    escaped: bool,
    first_column: bool,
    /// Whether only whitespace was read of the line.
    is_new_line: bool,
    /// The last byte outside strings that is no whitespace.
    last: u8,
    is_closed: bool,
}

/// What a document began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A brace.
    Object,
    /// Text, which an object may follow on the same line.
    Text,
    /// A quotation mark: an element of an array, unless something but a comma follows.
    Quoted,
    /// A line that is not to be understood.
    Opaque,
}

/// What some bytes hold of the next document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it begins; the bytes before stand between documents.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// Whether the document ends there too. The next part begins right behind.
    pub is_last: bool,
}

impl Splitter {
    /// Whether a document has begun and not ended.
    pub fn is_open(&self) -> bool {
        self.form.is_some()
    }

    /// Whether the last brace of an object was read, and nothing behind it.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Reads the bytes that follow the last part, as far as one document goes.
    pub fn part(&mut self, bytes: &[u8]) -> Part {
        let start = match self.is_open() {
            true => 0,
            false => bytes
                .iter()
                .position(|&byte| !is_between(byte))
                .unwrap_or(bytes.len()),
        };
        let end = self.end(&bytes[start..]).map(|end| start + end);
        if end.is_some() {
            *self = Self::default();
        }
        Part {
            start,
            end: end.unwrap_or(bytes.len()),
            is_last: end.is_some(),
        }
    }

    /// Where the open document ends.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.in_string {
                let (used, breaks_off) = self.string(&bytes[at..]);
                at += used;
                if breaks_off {
                    return Some(at);
                }
                continue;
            }
            let form = *self.form.get_or_insert_with(|| Form::of(byte));
            let ends = match (byte, form) {
                (0 | RECORD_SEPARATOR, _) => Ends::Before,
                _ if self.is_closed => self.behind_object(byte),
                (_, Form::Opaque) => Ends::after(byte == b'\n'),
                (_, Form::Quoted) => self.quoted(byte),
                (_, Form::Text) if self.depth == 0 => self.text(byte),
                _ => self.object(byte),
            };
            match ends {
                Ends::Not => at += 1,
                Ends::Before => return Some(at),
                Ends::After => return Some(at + 1),
            }
        }
        None
    }

    fn behind_object(&mut self, byte: u8) -> Ends {
        if byte != b'}' {
            return Ends::Before;
        }
        self.form = Some(Form::Opaque);
        self.is_closed = false;
        Ends::Not
    }

    fn quoted(&mut self, byte: u8) -> Ends {
        match byte {
            b'"' if self.last == 0 => {
                self.in_string = true;
                self.last = byte;
            }
            b'\n' => return Ends::After,
            b',' | b']' => return Ends::Before,
            _ if byte.is_ascii_whitespace() => {}
            _ => self.form = Some(Form::Opaque),
        }
        Ends::Not
    }

    /// Reads text until an object [begins](begins_object) in it.
    fn text(&mut self, byte: u8) -> Ends {
        if byte == b'\n' {
            return Ends::After;
        }
        if self.last == b'{' && may_follow_brace(byte) {
            self.depth = 1;
            return self.object(byte);
        }
        self.last = byte;
        Ends::Not
    }

    fn object(&mut self, byte: u8) -> Ends {
        let first_column = std::mem::take(&mut self.first_column);
        match byte {
            b'\n' if self.form == Some(Form::Text) => return Ends::After,
            b'\n' => {
                self.first_column = true;
                self.is_new_line = true;
                return Ends::Not;
            }
            _ if byte.is_ascii_whitespace() => return Ends::Not,
            b'{' if self.depth > 0 && (first_column || !may_precede_brace(self.last)) => {
                return Ends::Before;
            }
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth -= 1;
                self.is_closed = self.depth == 0;
            }
            b',' | b':' => {}
            // No JSON: what follows may be another document, the quotation marks of which would
            // be taken for the ends of strings.
            _ if self.last == b'"' && !self.is_new_line => self.form = Some(Form::Opaque),
            b'"' => self.in_string = true,
            _ => {}
        }
        self.is_new_line = false;
        self.last = byte;
        Ends::Not
    }

    /// Reads on in a string, of which there is at least one byte. Returns how many were used, and
    /// whether the document breaks off there.
    fn string(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = match std::mem::take(&mut self.escaped) {
            true if bytes[0] == b'\n' => return (1, true),
            true => 1,
            false => 0,
        };
        while let Some(found) = memchr::memchr3(b'"', b'\\', b'\n', &bytes[at..]) {
            at += found;
            match (bytes[at], bytes.get(at + 1)) {
                (b'"', _) => {
                    self.in_string = false;
                    return (at + 1, false);
                }
                (b'\n', _) => return (at + 1, true),
                (_, Some(b'\n')) => return (at + 2, true),
                (_, Some(_)) => at += 2,
                (_, None) => {
                    self.escaped = true;
                    break;
                }
            }
        }
        (bytes.len(), false)
    }
}

/// Whether a document ends at a byte.
enum Ends {
    Not,
    Before,
    After,
}

impl Ends {
    fn after(ends: bool) -> Self {
        if ends { Self::After } else { Self::Not }
    }
}

impl Form {
    fn of(first: u8) -> Self {
        match first {
            b'{' => Self::Object,
            b'"' => Self::Quoted,
            // What follows the name of a member is a part of something else.
            b':' => Self::Opaque,
            _ => Self::Text,
        }
    }
}

/// Where an object begins in a line of text.
pub fn object_in(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'{', text)
        .find(|at| text.get(at + 1).is_some_and(|next| may_follow_brace(*next)))
}

/// Whether a byte may follow the brace of an object that begins within a line.
fn may_follow_brace(byte: u8) -> bool {
    matches!(byte, b'"' | b'}' | b' ' | b'\t')
}

/// Whether JSON may have a brace behind a byte.
fn may_precede_brace(byte: u8) -> bool {
    matches!(byte, b':' | b',' | b'[')
}

/// Whitespace, the punctuation of an array and what closes it, a byte order mark, and what stands
/// between records.
pub fn is_between(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(
            byte,
            b',' | b'[' | b']' | b'}' | 0xef | 0xbb | 0xbf | 0 | RECORD_SEPARATOR
        )
}
