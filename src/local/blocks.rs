//! Cutting of an input into blocks of whole documents.

use std::io::{self, Read};

use super::{
    block::{Block, KEPT, lines},
    splitter::Splitter,
};

/// Bytes of a block, unless it holds a longer document.
pub const SIZE: usize = 256 * 1024;

/// The blocks of one input, in order.
pub struct Blocks<R> {
    reader: R,
    is_live: bool,
    size: usize,
    /// What was read behind the last block. It begins between documents.
    rest: Vec<u8>,
    line: u64,
    ended: Option<io::Result<()>>,
}

impl<R: Read> Blocks<R> {
    /// Blocks of a reader. Of a live one, documents are handed on as soon as they are whole,
    /// rather than when a block is full.
    pub fn new(reader: R, is_live: bool) -> Self {
        Self::with_size(reader, is_live, SIZE)
    }

    /// The same with blocks of another size.
    pub fn with_size(reader: R, is_live: bool, size: usize) -> Self {
        Self {
            reader,
            is_live,
            size,
            rest: Vec::new(),
            line: 1,
            ended: None,
        }
    }

    /// Reads the next block, in place of what `block` holds; false at the end. All whole documents
    /// before an error are read before the error is told.
    pub fn read(&mut self, block: &mut Block) -> io::Result<bool> {
        if self.ended.is_none() {
            self.fill(block);
            if !block.text().is_empty() {
                return Ok(true);
            }
        }
        let ended = self.ended.replace(Ok(()));
        ended.unwrap_or(Ok(())).map(|()| false)
    }

    fn fill(&mut self, block: &mut Block) {
        block.begin(&self.rest, self.line, self.size);
        self.rest.clear();
        let mut survey = Survey::default();
        let cut = loop {
            if block.room().is_empty() {
                let first_column = self.last_first_column(block.text(), &survey);
                match first_column.unwrap_or_else(|| survey.go_on(block.text())) {
                    0 if block.grow(KEPT + self.size) => {}
                    0 => return self.keep_beginning(block, survey.splitter),
                    cut => break cut,
                }
            }
            match self.reader.read(block.room()) {
                Ok(0) => {
                    self.ended = Some(Ok(()));
                    break block.text().len();
                }
                Ok(read) => {
                    block.filled += read;
                    if self.is_live && survey.go_on(block.text()) > 0 {
                        break survey.rest;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = Some(Err(error));
                    let whole = survey.go_on(block.text());
                    break match survey.splitter.is_closed() {
                        true => block.text().len(),
                        false => whole,
                    };
                }
            }
        };
        if !matches!(self.ended, Some(Err(_))) {
            self.rest.extend_from_slice(&block.text()[cut..]);
        }
        block.filled = cut;
        self.line += lines(block.text());
    }

    /// Where the last document of a full block begins that is known without reading the others.
    fn last_first_column(&self, text: &[u8], survey: &Survey) -> Option<usize> {
        match self.is_live {
            // What is whole must not wait for the next block.
            true => None,
            false => last_first_column(&text[survey.read..]).map(|at| survey.read + at),
        }
    }

    /// Reads to the end of a document that fills a block of the largest size, and keeps no more
    /// of it than its beginning.
    fn keep_beginning(&mut self, block: &mut Block, mut splitter: Splitter) {
        self.line += lines(&block.text()[KEPT..]);
        block.filled = KEPT;
        while self.ended.is_none() {
            match self.reader.read(block.room()) {
                Ok(0) => self.ended = Some(Ok(())),
                Ok(read) => {
                    let read = &block.room()[..read];
                    let part = splitter.part(read);
                    self.line += lines(&read[..part.end]);
                    if part.is_last {
                        self.rest.extend_from_slice(&read[part.end..]);
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = Some(Err(error));
                    if !splitter.is_closed() {
                        block.filled = 0;
                    }
                }
            }
        }
        self.line += lines(block.text());
    }
}

/// What is known of a block that is being filled.
#[derive(Default)]
struct Survey {
    splitter: Splitter,
    /// So much of it was looked at.
    read: usize,
    /// The last place that is known to be between documents.
    rest: usize,
}

impl Survey {
    /// Looks at what is new, and finds the last place between documents.
    fn go_on(&mut self, text: &[u8]) -> usize {
        if let Some(at) = last_first_column(&text[self.read..]) {
            self.splitter = Splitter::default();
            self.read += at;
            self.rest = self.read;
        }
        while self.read < text.len() {
            let was_open = self.splitter.is_open();
            let part = self.splitter.part(&text[self.read..]);
            if part.is_last {
                self.rest = self.read + part.end;
            } else if !was_open {
                self.rest = self.read + part.start;
            }
            self.read += part.end;
        }
        self.rest
    }
}

/// The last brace in the first column, which begins a document whatever was before it.
fn last_first_column(text: &[u8]) -> Option<usize> {
    memchr::memrchr_iter(b'\n', text)
        .map(|at| at + 1)
        .find(|at| text.get(*at) == Some(&b'{'))
}

#[cfg(test)]
mod tests;
