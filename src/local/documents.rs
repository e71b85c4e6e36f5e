//! Splitting of a stream of bytes into documents.
//!
//! Documents are JSON objects one after the other: one a line, pretty-printed, or as the elements
//! of one array. A broken one spoils nothing but itself: a document ends with its last brace, and
//! at the latest before a line whose first column opens the next, or at the end of a line that
//! breaks off within a string or was no object at all.

use std::io::{self, BufRead};

use bytes::Bytes;

use crate::detect::{document::Document, json::SIZE_LIMIT};

/// No more than this is kept of a document: one byte more than detection accepts, so that it is
/// detection that sets the document aside, and memory stays bounded.
const KEPT: usize = SIZE_LIMIT + 1;

/// The documents of one input, in order. The id of each is the number of the line where it starts.
pub struct Documents<R> {
    reader: R,
    name: String,
    line: u64,
    open: Open,
}

/// The document that is being read.
#[derive(Default)]
struct Open {
    bytes: Vec<u8>,
    started: Option<u64>,
    depth: usize,
    in_string: bool,
    escaped: bool,
    first_column: bool,
}

/// What a byte means for the open document.
enum Step {
    /// It stands between documents.
    Skip,
    /// It belongs to the open one.
    Take,
    /// It is the last one of the open one.
    Last,
    /// The open one ended before it.
    Next,
}

impl<R: BufRead> Documents<R> {
    /// Documents of a reader; `name` is what alerts say about where they come from.
    pub fn new(reader: R, name: &str) -> Self {
        Self {
            reader,
            name: name.to_owned(),
            line: 1,
            open: Open::default(),
        }
    }

    fn document(&mut self) -> Document {
        let open = std::mem::take(&mut self.open);
        Document {
            index: self.name.clone(),
            id: open.started.unwrap_or(self.line).to_string(),
            time: None,
            source: Bytes::from(open.bytes),
        }
    }
}

impl<R: BufRead> Iterator for Documents<R> {
    type Item = io::Result<Document>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok([]) => {
                    return self.open.started.is_some().then(|| Ok(self.document()));
                }
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Some(Err(error)),
            };
            let (used, ended) = self.open.read(chunk, &mut self.line);
            self.reader.consume(used);
            if ended {
                return Some(Ok(self.document()));
            }
        }
    }
}

impl Open {
    /// Takes bytes of a chunk, at most to the end of the document. Tells how many were used, and
    /// whether the document ended. `line` counts the lines.
    fn read(&mut self, chunk: &[u8], line: &mut u64) -> (usize, bool) {
        let mut from = 0;
        for (at, &byte) in chunk.iter().enumerate() {
            let step = self.step(byte, *line);
            if let Step::Next = step {
                self.keep(&chunk[from..at]);
                return (at, true);
            }
            if byte == b'\n' {
                *line += 1;
            }
            match step {
                Step::Skip => from = at + 1,
                Step::Last => {
                    self.keep(&chunk[from..=at]);
                    return (at + 1, true);
                }
                Step::Take | Step::Next => {}
            }
        }
        self.keep(&chunk[from..]);
        (chunk.len(), false)
    }

    fn step(&mut self, byte: u8, line: u64) -> Step {
        if self.started.is_none() {
            if is_between(byte) {
                return Step::Skip;
            }
            self.started = Some(line);
        }
        let first_column = std::mem::replace(&mut self.first_column, byte == b'\n');
        if self.in_string {
            return self.step_in_string(byte);
        }
        match byte {
            b'{' if first_column && self.depth > 0 => return Step::Next,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    return Step::Last;
                }
            }
            b'"' => self.in_string = self.depth > 0,
            b'\n' if self.depth == 0 => return Step::Last,
            _ => {}
        }
        Step::Take
    }

    fn step_in_string(&mut self, byte: u8) -> Step {
        if byte == b'\n' {
            return Step::Last;
        }
        if self.escaped {
            self.escaped = false;
        } else {
            self.escaped = byte == b'\\';
            self.in_string = byte != b'"';
        }
        Step::Take
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = KEPT - self.bytes.len();
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// Blanks, the punctuation of an array, and a byte order mark.
fn is_between(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b'[' | b']' | 0xef | 0xbb | 0xbf)
}

#[cfg(test)]
mod tests;
