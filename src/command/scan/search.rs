//! Searches the inputs, on several threads where there is enough to do, and tells what is found in
//! the order of the inputs.
//!
//! Each thread fetches the next block, one thread at a time, and looks at it while the others do
//! the same. A block goes back into use only after what was found in it is told: so there are
//! never more than a few at once, and a block that takes long holds up those behind it.

use std::{
    any::Any,
    collections::BTreeMap,
    io,
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use anyhow::Context as _;

use super::{
    feed::{Feed, Piece, Source},
    finder::{Finder, Found, Search},
};
use crate::local::block::Block;

/// So many blocks are not worth the start of threads.
const FEW: usize = 4;

/// What became of a piece of the feed.
#[derive(Debug)]
pub enum Outcome {
    /// What was found in a block of this input.
    Found(Arc<Source>, Found),
    /// An input could not be read any further, or not at all.
    Unreadable(String, io::Error),
}

/// Searches all of a feed, and tells the outcomes in its order. An error of `tell` ends the search
/// at once, even while a thread waits for more input.
pub fn run(
    search: &'static Search,
    mut feed: Feed,
    threads: NonZero<usize>,
    mut tell: impl FnMut(Outcome) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let few = match threads.get() {
        1 => usize::MAX,
        _ => FEW,
    };
    let mut finder = Finder::new(search);
    let mut block = Block::default();
    for _ in 0..few {
        let Some(piece) = feed.next(&mut block) else {
            return Ok(());
        };
        tell(outcome(&mut finder, piece, &block))?;
    }
    let (results, room) = start(search, feed, threads.get()).context("cannot start threads")?;
    tell_in_order(&results, &room, tell)
}

fn tell_in_order(
    results: &Receiver<Result>,
    room: &Sender<Block>,
    mut tell: impl FnMut(Outcome) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut early = BTreeMap::new();
    let mut next = 0;
    for result in results {
        let done = result.unwrap_or_else(|panic| resume_unwind(panic));
        early.insert(done.number, done);
        while let Some(done) = early.remove(&next) {
            tell(done.outcome)?;
            // The threads are gone when nothing is left to do.
            let _ = room.send(done.block);
            next += 1;
        }
    }
    Ok(())
}

fn outcome(finder: &mut Finder<'_>, piece: Piece, block: &Block) -> Outcome {
    match piece {
        Piece::Block(source) => {
            let found = finder.find(&source.name, block);
            Outcome::Found(source, found)
        }
        Piece::Unreadable(name, error) => Outcome::Unreadable(name, error),
    }
}

/// A piece that a thread is done with.
struct Done {
    number: u64,
    outcome: Outcome,
    block: Block,
}

/// What a thread has done, or how it broke.
type Result = std::result::Result<Done, Box<dyn Any + Send>>;

/// Where threads fetch what to do.
struct Queue {
    feed: Feed,
    room: Receiver<Block>,
    next: u64,
}

impl Queue {
    /// The next piece with its number, and the block that was filled. `None` at the end, and when
    /// nobody wants outcomes any more.
    fn fetch(&mut self) -> Option<(u64, Piece, Block)> {
        let mut block = self.room.recv().ok()?;
        let piece = self.feed.next(&mut block)?;
        let number = self.next;
        self.next += 1;
        Some((number, piece, block))
    }
}

/// Starts threads. Gives their results, in any order, and where blocks go back into use.
fn start(
    search: &'static Search,
    feed: Feed,
    threads: usize,
) -> io::Result<(Receiver<Result>, Sender<Block>)> {
    let (to_room, room) = channel();
    for _ in 0..2 * (threads + 1) {
        to_room
            .send(Block::default())
            .expect("the other end is here");
    }
    let queue = Queue {
        feed,
        room,
        next: 0,
    };
    let (to_results, results) = channel();
    let queue = Arc::new(Mutex::new(queue));
    for number in 0..threads {
        let (queue, results) = (Arc::clone(&queue), to_results.clone());
        thread::Builder::new()
            .name(format!("scan-{number}"))
            .spawn(move || {
                let work = AssertUnwindSafe(|| work(search, &queue, &results));
                if let Err(panic) = catch_unwind(work) {
                    let _ = results.send(Err(panic));
                }
            })?;
    }
    Ok((results, to_room))
}

/// Works until there is nothing left, or nobody wants the results.
fn work(search: &Search, queue: &Mutex<Queue>, results: &Sender<Result>) {
    let mut finder = Finder::new(search);
    let fetch = || queue.lock().ok()?.fetch();
    while let Some((number, piece, block)) = fetch() {
        let outcome = outcome(&mut finder, piece, &block);
        let done = Done {
            number,
            outcome,
            block,
        };
        if results.send(Ok(done)).is_err() {
            return;
        }
    }
}
