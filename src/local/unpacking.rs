//! Unpacking on a thread of its own, a little ahead of the reader.

use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

/// Bytes that are handed over at once, and how many of these may wait.
const CHUNK: usize = 256 * 1024;
const AHEAD: usize = 4;

/// What another thread reads. The thread ends with its reader, or when this goes away.
pub struct Unpacking {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    used: usize,
}

impl Unpacking {
    /// Starts to read. Of a live reader each piece is handed over as it comes.
    pub fn start(reader: impl Read + Send + 'static, is_live: bool) -> io::Result<Self> {
        let (sender, chunks) = sync_channel(AHEAD);
        thread::Builder::new()
            .name("unpack".to_owned())
            .spawn(move || hand_over(reader, is_live, &sender))?;
        Ok(Self {
            chunks,
            chunk: Vec::new(),
            used: 0,
        })
    }
}

impl Read for Unpacking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.used == self.chunk.len() {
            let broke_off = || Err(io::Error::other("unpacking broke off"));
            (self.chunk, self.used) = (self.chunks.recv().unwrap_or_else(|_| broke_off())?, 0);
        }
        let read = (&self.chunk[self.used..]).read(buffer)?;
        self.used += read;
        Ok(read)
    }
}

/// What is handed over last is empty, or an error.
fn hand_over(mut reader: impl Read, is_live: bool, to: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let (chunk, ended) = read_chunk(&mut reader, is_live);
        let is_wanted = chunk.is_empty() || to.send(Ok(chunk)).is_ok();
        match ended {
            None if is_wanted => {}
            // Where nobody wants the chunks, nobody wants to know how they end.
            None => return,
            Some(ended) => {
                let _ = to.send(ended.map(|()| Vec::new()));
                return;
            }
        }
    }
}

/// The next bytes, and how the reader ended if it did.
fn read_chunk(reader: &mut impl Read, is_live: bool) -> (Vec<u8>, Option<io::Result<()>>) {
    let mut chunk = vec![0; CHUNK];
    let mut filled = 0;
    let mut ended = None;
    while ended.is_none() && filled < CHUNK && !(is_live && filled > 0) {
        match reader.read(&mut chunk[filled..]) {
            Ok(0) => ended = Some(Ok(())),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => ended = Some(Err(error)),
        }
    }
    chunk.truncate(filled);
    (chunk, ended)
}
