//! Opening of files and standard input, packed or not.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    os::fd::AsFd,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::bufread::MultiGzDecoder;

use super::{format, unpacking::Unpacking};

const BUFFER: usize = 128 * 1024;
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// An opened input, unpacked as it is read, on a thread of its own.
pub struct Input {
    /// The unpacked bytes, decoded as far as documents can be found in them.
    pub reader: Box<dyn Read + Send>,
    /// Whether more may come after a while, as from a pipe.
    pub is_live: bool,
    /// How much of the packed bytes has been read so far.
    pub position: Position,
    /// Number of packed bytes, where it is known.
    pub size: Option<u64>,
}

/// How many bytes were read below the unpacking; may be asked while somebody else reads.
#[derive(Clone, Debug, Default)]
pub struct Position(Arc<AtomicU64>);

impl Position {
    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Opens a file; `-` is standard input. Gzip and Zstandard are known by their first bytes, whatever
/// the name says.
pub fn open(path: &Path) -> io::Result<Input> {
    let file = match path == Path::new("-") {
        true => File::from(io::stdin().as_fd().try_clone_to_owned()?),
        false => File::open(path)?,
    };
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    let size = metadata.is_file().then_some(metadata.len());
    unpack(file, size)
}

fn unpack(mut raw: File, size: Option<u64>) -> io::Result<Input> {
    let is_live = size.is_none();
    let mut magic = Vec::with_capacity(ZSTD.len());
    raw.by_ref()
        .take(ZSTD.len() as u64)
        .read_to_end(&mut magic)?;
    let packing = Packing::of(&magic);
    let position = Position::default();
    let whole = Counted {
        raw: io::Cursor::new(magic).chain(raw),
        position: position.clone(),
    };
    let buffered = |raw| BufReader::with_capacity(BUFFER, raw);
    let reader: Box<dyn Read + Send> = match packing {
        Packing::None => Box::new(whole),
        Packing::Gzip => {
            let unpacked = MultiGzDecoder::new(buffered(whole));
            Box::new(Unpacking::start(unpacked, is_live)?)
        }
        Packing::Zstd => {
            let unpacked = zstd::Decoder::with_buffer(buffered(whole))?;
            Box::new(Unpacking::start(unpacked, is_live)?)
        }
    };
    Ok(Input {
        reader: format::decode(reader, is_live),
        is_live,
        position,
        size,
    })
}

enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    fn of(magic: &[u8]) -> Self {
        if magic.starts_with(GZIP) {
            Self::Gzip
        } else if magic.starts_with(ZSTD) {
            Self::Zstd
        } else {
            Self::None
        }
    }
}

struct Counted<R> {
    raw: R,
    position: Position,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.raw.read(buffer)?;
        self.position.0.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
