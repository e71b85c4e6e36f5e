//! The exit status of every command.

use std::process::ExitCode;

/// How a command ended, apart from errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, and nothing to complain about: status 0.
    Good,
    /// Done, and something was found, or a check failed: status 1.
    Findings,
    /// Wrong usage, or something that was needed did not work: status 2.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Good => ExitCode::SUCCESS,
            Exit::Findings => ExitCode::from(1),
            Exit::Failed => ExitCode::from(2),
        }
    }
}
