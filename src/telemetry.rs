//! Logs: on standard error, as text or as one JSON object a line.
//!
//! Nobody waits for a log line: a reader that stopped reading costs lines, which are counted.

use std::{
    io::{self, IsTerminal},
    sync::OnceLock,
};

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
pub use tracing_subscriber::filter::LevelFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For reading
    Text,
    /// One object a line, for collectors
    Json,
}

/// Lines that may wait to be written.
const WAITING_LINES: usize = 8_192;

/// Counts the lines that nobody read; there is one log in a process.
static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// Lines that were dropped so far because nobody read them.
pub fn dropped_lines() -> u64 {
    DROPPED.get().map_or(0, ErrorCounter::dropped_lines) as u64
}

/// Starts logging, until the guard is dropped. `RUST_LOG` chooses what is logged; without it, what
/// is of this level or a worse one, but for the client's failures: the watches tell them.
#[must_use = "logging ends with it"]
pub fn start(format: LogFormat, level: LevelFilter) -> WorkerGuard {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("{level},kube_client=off")));
    let stderr = io::stderr();
    let coloured = stderr.is_terminal()
        && anstream::AutoStream::choice(&stderr) != anstream::ColorChoice::Never;
    let (writer, worker) = NonBlockingBuilder::default()
        .buffered_lines_limit(WAITING_LINES)
        .lossy(true)
        .finish(stderr);
    DROPPED.get_or_init(|| writer.error_counter());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(coloured);
    match format {
        LogFormat::Text => subscriber.with_target(false).init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
    worker
}
