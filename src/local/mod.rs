//! Files and standard input as a source of audit events.

pub mod block;
pub mod blocks;
#[cfg(test)]
pub mod hostile;
pub mod input;
#[cfg(test)]
pub mod plain;
pub mod splitter;
mod unpacking;
