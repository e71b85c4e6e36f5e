//! The format of an input, known by how it begins.

use std::io::{self, Cursor, Read};

use super::{
    container::{self, Cri, Docker},
    lines::{Lines, Rewrite},
    list::{self, Lists},
    utf16::{Order, Utf16},
};

/// Bytes that are looked at, at most.
const HEAD: usize = 64 * 1024;

/// Lines that are looked at: the first may be torn, or another program's.
const LINES: usize = 8;

type Reader = Box<dyn Read + Send>;

/// Decodes what is not documents in UTF-8 one behind the other: UTF-16, the logs of container
/// runtimes, and lists that are larger than a document.
pub fn decode(reader: Reader) -> Reader {
    let (head, reader) = peek(reader);
    let Some(order) = Order::of(&head) else {
        return decode_text(&head, reader);
    };
    let (head, reader) = peek(Box::new(Utf16::new(reader, order)));
    decode_text(&head, reader)
}

fn decode_text(head: &[u8], reader: Reader) -> Reader {
    if list::is_list(head) {
        return Box::new(Lists::new(reader));
    }
    let rewrite: Box<dyn Rewrite> = match () {
        () if lines(head).any(container::is_cri) => Box::new(Cri::default()),
        () if lines(head).any(container::is_docker) => Box::new(Docker::default()),
        () => return reader,
    };
    Box::new(Lines::new(reader, rewrite))
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n').take(LINES)
}

/// The beginning of an input, up to the first end of a line or further, and the whole input. It
/// waits for no more than one line.
fn peek(mut reader: Reader) -> (Vec<u8>, Reader) {
    let mut head = vec![0; HEAD];
    let mut filled = 0;
    let mut failed = None;
    while filled < HEAD && !head[..filled].contains(&b'\n') {
        match reader.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    head.truncate(filled);
    let whole = Cursor::new(head.clone());
    let reader: Reader = match failed {
        None => Box::new(whole.chain(reader)),
        Some(error) => Box::new(whole.chain(Failing(Some(error)))),
    };
    (head, reader)
}

/// The end of an input that cannot be read any further.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

#[cfg(test)]
mod tests;
