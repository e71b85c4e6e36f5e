//! Rewriting of an input line by line, for logs that are more than lines of JSON.

use std::io::{self, Read};

use super::block::KEPT;

/// Bytes that are asked for at once.
const CHUNK: usize = 64 * 1024;

/// Rewrites lines. Each line is rewritten as one, so that the numbers of lines stay what they are.
pub trait Rewrite: Send {
    /// Appends what stands in place of a line, without the end of the line.
    fn line(&mut self, line: &[u8], to: &mut Vec<u8>);

    /// Appends what is still held back at the end of the input.
    fn end(&mut self, to: &mut Vec<u8>);
}

/// An input as a rewriter makes it. Of a line, no more is kept than can be part of a document.
pub struct Lines<R> {
    reader: R,
    rewrite: Box<dyn Rewrite>,
    chunk: Vec<u8>,
    /// The line that is not whole yet.
    line: Vec<u8>,
    out: Vec<u8>,
    used: usize,
    ended: Option<io::Result<()>>,
}

impl<R: Read> Lines<R> {
    /// The lines of a reader, rewritten.
    pub fn new(reader: R, rewrite: Box<dyn Rewrite>) -> Self {
        Self {
            reader,
            rewrite,
            chunk: vec![0; CHUNK],
            line: Vec::new(),
            out: Vec::new(),
            used: 0,
            ended: None,
        }
    }

    fn fill(&mut self) {
        self.out.clear();
        self.used = 0;
        match self.reader.read(&mut self.chunk) {
            Ok(0) => {
                if !self.line.is_empty() {
                    self.rewrite.line(&self.line, &mut self.out);
                    self.line.clear();
                }
                self.rewrite.end(&mut self.out);
                self.ended = Some(Ok(()));
            }
            Ok(read) => self.take(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => self.ended = Some(Err(error)),
        }
    }

    fn take(&mut self, read: usize) {
        let mut rest = &self.chunk[..read];
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let line = match self.line.as_slice() {
                [] => &rest[..end],
                _ => {
                    append(&mut self.line, &rest[..end]);
                    &self.line
                }
            };
            self.rewrite.line(line, &mut self.out);
            self.out.push(b'\n');
            self.line.clear();
            rest = &rest[end + 1..];
        }
        append(&mut self.line, rest);
    }
}

/// Appends bytes up to a bound that is beyond the largest document, so that memory stays bounded
/// and what is too large is still rejected for its size.
pub fn append(to: &mut Vec<u8>, bytes: &[u8]) {
    let free = (2 * KEPT).saturating_sub(to.len());
    to.extend_from_slice(&bytes[..bytes.len().min(free)]);
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.used == self.out.len() {
            match self.ended.take() {
                None => self.fill(),
                Some(ended) => {
                    self.ended = Some(Ok(()));
                    return ended.map(|()| 0);
                }
            }
        }
        let read = (&self.out[self.used..]).read(buffer)?;
        self.used += read;
        Ok(read)
    }
}
