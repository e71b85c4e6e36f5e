//! The operator's loop: what the cluster holds and how far the pipelines have come go in, plans
//! and statuses come out. [`desired`](desired::desired) decides, and is pure; only the
//! [`writer`] writes.

pub mod checkpoint;
pub mod desired;
pub mod election;
pub mod entry;
#[cfg(test)]
mod fixtures;
pub mod health;
pub mod index;
pub mod lease;
pub mod notice;
pub mod rights;
pub mod run;
pub mod schedule;
pub mod status;
pub mod tally;
pub mod undecided;
pub mod watch;
pub mod words;
pub mod writer;
