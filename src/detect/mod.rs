//! Detection: audit events in, alerts out. Pure, synchronous, without a clock.

mod derived;
pub mod document;
pub mod event;
pub mod field;
pub mod json;
pub mod layout;
mod pod_spec;
mod schema;
mod suggestion;
mod time;
mod uri;
