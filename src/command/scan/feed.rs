//! The inputs of a scan, one after the other, block by block.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    vec,
};

use crate::local::{
    block::Block,
    blocks::Blocks,
    input::{self, Position},
};

/// Inputs that are opened and read as they are asked for.
pub struct Feed {
    paths: vec::IntoIter<PathBuf>,
    open: Option<(Arc<Source>, Blocks<Box<dyn Read + Send>>)>,
}

/// An input that is being read.
#[derive(Debug)]
pub struct Source {
    /// Its path, for people.
    pub name: String,
    /// How much of it has been read so far.
    pub position: Position,
    /// Its size, where it is known.
    pub size: Option<u64>,
}

/// What comes next.
#[derive(Debug)]
pub enum Piece {
    /// The block was filled from this input.
    Block(Arc<Source>),
    /// An input could not be read any further, or not at all.
    Unreadable(String, io::Error),
}

impl Feed {
    /// These inputs, in this order.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Self {
            paths: paths.into_iter(),
            open: None,
        }
    }

    /// Reads on; a block is put in place of what `block` holds. `None` at the end of all inputs.
    pub fn next(&mut self, block: &mut Block) -> Option<Piece> {
        loop {
            let Some((source, blocks)) = &mut self.open else {
                let path = self.paths.next()?;
                match open(&path) {
                    Ok(open) => self.open = Some(open),
                    Err(error) => return Some(Piece::Unreadable(name(&path), error)),
                }
                continue;
            };
            match blocks.read(block) {
                Ok(true) => return Some(Piece::Block(Arc::clone(source))),
                Ok(false) => self.open = None,
                Err(error) => {
                    let name = source.name.clone();
                    self.open = None;
                    return Some(Piece::Unreadable(name, error));
                }
            }
        }
    }
}

fn open(path: &Path) -> io::Result<(Arc<Source>, Blocks<Box<dyn Read + Send>>)> {
    let input = input::open(path)?;
    let source = Source {
        name: name(path),
        position: input.position,
        size: input.size,
    };
    let blocks = Blocks::new(input.reader, input.is_live);
    Ok((Arc::new(source), blocks))
}

fn name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
