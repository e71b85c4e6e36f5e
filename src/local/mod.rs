//! Files and standard input as a source of audit events.

pub mod documents;
pub mod input;
