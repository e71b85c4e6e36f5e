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
    open: Option<Open>,
}

struct Open {
    source: Arc<Source>,
    blocks: Blocks<Box<dyn Read + Send>>,
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
            let Some(mut open) = self.open.take() else {
                let path = self.paths.next()?;
                match Open::new(&path) {
                    Ok(open) => self.open = Some(open),
                    Err(error) => return Some(Piece::Unreadable(name(&path), error)),
                }
                continue;
            };
            match open.blocks.read(block) {
                Ok(true) => {
                    let source = Arc::clone(&open.source);
                    self.open = Some(open);
                    return Some(Piece::Block(source));
                }
                Ok(false) => {}
                Err(error) => return Some(Piece::Unreadable(open.source.name.clone(), error)),
            }
        }
    }
}

impl Open {
    fn new(path: &Path) -> io::Result<Self> {
        let input = input::open(path)?;
        let source = Source {
            name: name(path),
            position: input.position,
            size: input.size,
        };
        Ok(Self {
            source: Arc::new(source),
            blocks: Blocks::new(input.reader, input.is_live),
        })
    }
}

fn name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
