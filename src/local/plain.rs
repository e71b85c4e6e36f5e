//! The splitting of a stream into documents, byte by byte: what blocks of any size, the glance at
//! lines and the leaps of the splitter must come to.

use super::{block::KEPT, splitter::is_between};

/// The documents of a stream, each with the number of the line where it begins. One that is still
/// open at the end counts if the end is no error.
pub fn documents(stream: &[u8], ends_well: bool) -> Vec<(u64, Vec<u8>)> {
    let mut documents = Vec::new();
    let (mut line, mut open) = (1, None);
    for &byte in stream {
        let started = open.is_some();
        let mut document = match open.take() {
            None if is_between(byte) => {
                line += u64::from(byte == b'\n');
                continue;
            }
            None => Open::new(line),
            Some(document) => document,
        };
        if started && document.ends_before(byte) {
            documents.push(document.finish());
            document = Open::new(line);
        }
        let ends = document.ends_with(byte);
        line += u64::from(byte == b'\n');
        match ends {
            true => documents.push(document.finish()),
            false => open = Some(document),
        }
    }
    documents.extend(open.filter(|_| ends_well).map(Open::finish));
    documents
}

struct Open {
    line: u64,
    bytes: Vec<u8>,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Open {
    fn new(line: u64) -> Self {
        Self {
            line,
            bytes: Vec::new(),
            depth: 0,
            in_string: false,
            escaped: false,
        }
    }

    fn finish(mut self) -> (u64, Vec<u8>) {
        self.bytes.truncate(KEPT);
        (self.line, self.bytes)
    }

    /// Whether a byte in the first column of a line begins the next document.
    fn ends_before(&self, byte: u8) -> bool {
        byte == b'{' && self.bytes.last() == Some(&b'\n')
    }

    /// Takes a byte, and tells whether it is the last one.
    fn ends_with(&mut self, byte: u8) -> bool {
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
        match byte {
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            b'"' => self.in_string = self.depth > 0,
            _ => {}
        }
        self.depth == 0 && matches!(byte, b'}' | b']' | b'\n')
    }
}
