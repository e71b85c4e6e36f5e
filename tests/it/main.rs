//! The integration tests: one binary, so that they share the real servers they need.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests speak to people"
)]

mod architecture;
mod controller;
mod crds;
mod elastic;
mod support;
