//! Logs: on standard error, as text or as one JSON object a line.

use std::io::{self, IsTerminal};

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

/// Starts logging for the rest of the process. `RUST_LOG` chooses what is logged; without it, what
/// is of this level or a worse one, but for the client's failures: the watches tell them.
pub fn start(format: LogFormat, level: LevelFilter) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("{level},kube_client=off")));
    let stderr = io::stderr();
    let coloured = stderr.is_terminal()
        && anstream::AutoStream::choice(&stderr) != anstream::ColorChoice::Never;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(coloured);
    match format {
        LogFormat::Text => subscriber.with_target(false).init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
}
