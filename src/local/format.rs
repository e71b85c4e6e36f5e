//! The format of an input, known by how it begins.

use std::io::{self, Cursor, Read};

use super::{
    container::{self, Cri, Docker},
    lines::{Lines, Rewrite},
    list::{self, Lists},
    splitter::Splitter,
    utf16::{Order, Utf16},
};

/// Bytes that are looked at, at most.
const HEAD: usize = 64 * 1024;

/// Lines that are looked at: the first may be torn, or another program's.
const LINES: usize = 8;

type Reader = Box<dyn Read + Send>;

/// Decodes what is not documents in UTF-8 one behind the other: UTF-16, the logs of container
/// runtimes, and lists that are larger than a document.
pub fn decode(reader: Reader, is_live: bool) -> Reader {
    let (head, reader) = peek(reader, is_live);
    let Some(order) = Order::of(&head) else {
        return decode_text(&head, reader);
    };
    let (head, reader) = peek(Box::new(Utf16::new(reader, order)), is_live);
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

/// The beginning of an input, and the whole input. Of a live one it waits for no more than a line,
/// or the beginning of a list.
fn peek(mut reader: Reader, is_live: bool) -> (Vec<u8>, Reader) {
    let mut head = vec![0; HEAD];
    let mut filled = 0;
    let mut ended = None;
    while filled < HEAD && !(is_live && shows_format(&head[..filled])) {
        match reader.read(&mut head[filled..]) {
            Ok(0) => {
                ended = Some(Ending(None));
                break;
            }
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                ended = Some(Ending(Some(error)));
                break;
            }
        }
    }
    head.truncate(filled);
    let whole = Cursor::new(head.clone());
    let reader: Reader = match ended {
        None => Box::new(whole.chain(reader)),
        // What has ended is not asked again.
        Some(ending) => Box::new(whole.chain(ending)),
    };
    (head, reader)
}

/// Whether a beginning is enough to know the format by.
fn shows_format(head: &[u8]) -> bool {
    let text = head.trim_ascii_start();
    let Some(end) = memchr::memchr(b'\n', text) else {
        return false;
    };
    let may_be_list = text[..end].trim_ascii_end() == b"{" && !text.contains(&b'[');
    !may_be_list || Splitter::default().part(text).is_last
}

/// The end of an input, and the error that it ended in.
struct Ending(Option<io::Error>);

impl Read for Ending {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

#[cfg(test)]
mod tests;
