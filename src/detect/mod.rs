//! Detection: audit events in, alerts out. Pure, synchronous, without a clock.

pub mod alert;
pub mod analyse;
#[cfg(test)]
#[path = "../../benches/detect/chance.rs"]
mod chance;
mod condition;
pub mod context;
pub mod definition;
mod derived;
pub mod document;
pub mod event;
pub mod excerpt;
pub mod field;
mod identity;
pub mod json;
pub mod layout;
pub mod limits;
pub mod lint;
mod message;
mod network;
mod patch;
mod pattern;
mod pod_spec;
mod predicate;
pub mod problem;
pub mod reading;
pub mod rule;
pub mod ruleset;
mod schema;
mod selection;
pub mod suggestion;
mod time;
mod truth;
mod uri;
