//! One module for each command: what its flags mean, and what it does with them. Beside them what
//! several commands need: rules and manifests, connections, tables.

pub mod analyze;
pub mod builtin;
pub mod check;
pub mod connection;
pub mod connector;
pub mod crds;
pub mod display;
pub mod examine;
pub mod foreground;
pub mod job;
pub mod manifests;
pub mod rules;
pub mod run;
pub mod scan;
pub mod signals;
pub mod table;
pub mod unread;
mod values;
pub mod verify;
pub mod when;
