//! The integration tests: one binary, so that they share the real servers they need.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests speak to people"
)]

mod architecture;
mod cases;
mod chart;
mod cli;
mod controller;
mod crash;
mod crds;
mod documents;
mod elastic;
mod evasion;
mod example;
mod faults;
mod generated;
mod instructions;
mod pack;
mod readme;
mod soak;
mod story;
mod support;
mod truth;
