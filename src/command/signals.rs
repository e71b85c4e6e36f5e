//! How the process is told to end: the first signal lets it finish what is under way, the second
//! one does not.

use std::io;

use tokio_util::sync::CancellationToken;

/// Cancels `stop` at the first SIGINT or SIGTERM, and returns at the second.
pub async fn await_abort(stop: CancellationToken) -> io::Result<()> {
    let mut signals = Signals::new()?;
    signals.next().await;
    stop.cancel();
    signals.next().await;
    Ok(())
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
