//! Lists that are larger than a document may be.
//!
//! A list of events in one JSON document is read whole where it is small enough. Of a larger one
//! all but the elements is replaced by spaces, so that each element is a document. It takes the
//! memory of one document.

use std::io::{self, Read};

use super::{splitter::Splitter, torn};
use crate::detect::json::SIZE_LIMIT;

const CHUNK: usize = 256 * 1024;

/// Beginnings of arrays that are tried.
const TRIES: usize = 8;

/// Whether an input that begins so begins with a list of documents.
pub fn is_list(head: &[u8]) -> bool {
    let head = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head);
    let head = head.trim_ascii_start();
    head.starts_with(b"{")
        && memchr::memchr_iter(b'[', head)
            .take(TRIES)
            .any(|at| torn::list_in(&head[..=at]).is_some())
}

/// An input of lists, the large ones of which are taken apart.
pub struct Lists<R> {
    reader: R,
    state: State,
    limit: usize,
    /// Bytes that are read and not decided.
    held: Vec<u8>,
    /// So many of them may be given.
    ready: usize,
    used: usize,
    ended: Option<io::Result<()>>,
}

enum State {
    /// A document is held until it ends, or is too large. So much of it was looked at.
    Holding(Splitter, usize),
    /// Elements are given, and the list is within so many objects.
    Elements(Splitter, usize),
    /// What follows the elements, within so many objects and arrays; maybe in a string.
    Behind(usize, bool, bool),
    /// The input is given as it is.
    Passing,
}

impl<R: Read> Lists<R> {
    /// Takes the lists of a reader apart.
    pub fn new(reader: R) -> Self {
        Self::with_limit(reader, SIZE_LIMIT)
    }

    fn with_limit(reader: R, limit: usize) -> Self {
        Self {
            reader,
            state: State::Holding(Splitter::default(), 0),
            limit,
            held: Vec::new(),
            ready: 0,
            used: 0,
            ended: None,
        }
    }

    fn fill(&mut self) {
        self.held.drain(..self.ready);
        (self.ready, self.used) = (0, 0);
        let held = self.held.len();
        self.held.resize(held + CHUNK, 0);
        let read = self.reader.read(&mut self.held[held..]);
        self.held
            .truncate(held + read.as_ref().map_or(0, |read| *read));
        match read {
            Ok(0) => self.end(Ok(())),
            Ok(_) => while self.go_on() {},
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => self.end(Err(error)),
        }
    }

    fn end(&mut self, ended: io::Result<()>) {
        self.ended = Some(ended);
        self.ready = self.held.len();
    }

    /// Decides about bytes that are held; false if more are needed.
    fn go_on(&mut self) -> bool {
        match std::mem::replace(&mut self.state, State::Passing) {
            State::Holding(splitter, seen) => self.hold(splitter, seen),
            State::Elements(splitter, around) => self.give_elements(splitter, around),
            State::Behind(depth, in_string, escaped) => {
                self.blank_behind(depth, in_string, escaped)
            }
            State::Passing => {
                self.ready = self.held.len();
                false
            }
        }
    }

    fn hold(&mut self, mut splitter: Splitter, seen: usize) -> bool {
        let was_open = splitter.is_open();
        let part = splitter.part(&self.held[self.ready + seen..]);
        if part.is_last {
            self.ready += seen + part.end;
            self.state = State::Holding(Splitter::default(), 0);
            return true;
        }
        let mut seen = seen + part.end;
        if !was_open {
            self.ready += part.start;
            seen -= part.start;
        }
        let open = &mut self.held[self.ready..];
        if open.len() <= self.limit {
            self.state = State::Holding(splitter, seen);
            return false;
        }
        if let Some(torn::List { elements, around }) = torn::list_in(open) {
            blank(&mut open[..elements]);
            self.ready += elements;
            self.state = State::Elements(Splitter::default(), around);
        }
        true
    }

    fn give_elements(&mut self, mut splitter: Splitter, around: usize) -> bool {
        while self.ready < self.held.len() {
            let rest = &mut self.held[self.ready..];
            let byte = rest[0];
            if !splitter.is_open() && byte == b']' {
                rest[0] = b' ';
                self.ready += 1;
                self.state = State::Behind(around, false, false);
                return true;
            }
            self.ready += match splitter.is_open() || !is_between_elements(byte) {
                true => splitter.part(rest).end,
                false => 1,
            };
        }
        self.state = State::Elements(splitter, around);
        false
    }

    fn blank_behind(&mut self, mut depth: usize, mut in_string: bool, mut escaped: bool) -> bool {
        while depth > 0
            && let Some(byte) = self.held.get_mut(self.ready)
        {
            match *byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = in_string,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => depth -= 1,
                // It is no list after all.
                b'\n' if in_string => depth = 0,
                _ => {}
            }
            blank(std::slice::from_mut(byte));
            self.ready += 1;
        }
        self.state = match depth {
            0 => State::Holding(Splitter::default(), 0),
            _ => State::Behind(depth, in_string, escaped),
        };
        depth == 0
    }
}

fn is_between_elements(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b','
}

/// Replaces all but the ends of lines by spaces.
fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

impl<R: Read> Read for Lists<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.used == self.ready {
            match self.ended.take() {
                None => self.fill(),
                Some(ended) => {
                    self.ended = Some(Ok(()));
                    return ended.map(|()| 0);
                }
            }
        }
        let read = (&self.held[self.used..self.ready]).read(buffer)?;
        self.used += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
