//! The running of plans: windows of time are read, analysed and pushed, and the checkpoint moves
//! only after the alerts of a window are acknowledged.

pub mod absence;
pub mod active;
pub mod away;
pub mod board;
pub mod crash;
pub mod cursor;
pub mod detect;
pub mod diff;
pub mod fetch;
pub mod item;
pub mod keep;
pub mod lane;
pub mod ledger;
pub mod link;
pub mod plan;
pub mod ports;
pub mod progress;
pub mod push;
pub mod pushdown;
pub mod recent;
pub mod reduce;
pub mod retry;
pub mod run;
pub mod settings;
#[cfg(test)]
mod simulation;
pub mod supervisor;
pub mod sweep;
#[cfg(test)]
mod test_support;
pub mod throttle;
pub mod ticket;
pub mod totals;
pub mod window;
