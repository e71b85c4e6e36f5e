//! Files and standard input as a source of audit events.

pub mod block;
pub mod blocks;
mod container;
mod format;
#[cfg(test)]
pub mod hostile;
pub mod input;
mod lines;
mod list;
mod piece;
#[cfg(test)]
pub mod plain;
#[cfg(test)]
mod shown;
pub mod splitter;
mod torn;
mod unpacking;
mod utf16;
