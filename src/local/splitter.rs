//! Where documents begin and end in a stream of bytes.
//!
//! Documents are JSON objects one after the other: one a line, pretty-printed, or as the elements
//! of one array. A broken one spoils nothing but itself: a document ends with its last brace, and
//! at the latest before a line whose first column opens the next, or at the end of a line that
//! breaks off within a string or was no object at all.
//!
//! So a brace in the first column begins a document wherever it stands, whatever was before it.

/// What was read so far of the document that is open, if one is.
#[derive(Clone, Debug, Default)]
pub struct Splitter {
    is_open: bool,
    depth: usize,
    in_string: bool,
    escaped: bool,
    first_column: bool,
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
        self.is_open
    }

    /// Reads the bytes that follow the last part, as far as one document goes.
    pub fn part(&mut self, bytes: &[u8]) -> Part {
        let start = match self.is_open {
            true => 0,
            false => bytes
                .iter()
                .position(|&byte| !is_between(byte))
                .unwrap_or(bytes.len()),
        };
        self.is_open |= start < bytes.len();
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
            let first_column = std::mem::take(&mut self.first_column);
            match byte {
                b'{' if first_column && self.depth > 0 => return Some(at),
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                b'"' => self.in_string = self.depth > 0,
                b'\n' if self.depth == 0 => return Some(at + 1),
                b'\n' => self.first_column = true,
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// Reads on in a string, of which there is at least one byte. Tells how many were used, and
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

/// Blanks, the punctuation of an array, and a byte order mark.
pub fn is_between(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b'[' | b']' | 0xef | 0xbb | 0xbf)
}
