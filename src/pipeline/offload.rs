//! Work for the processor, kept away from the async threads.

use tokio::task::JoinError;

/// Runs work on a thread of its own. A panic of it is an error.
#[cfg(not(test))]
pub async fn offload<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    tokio::task::spawn_blocking(work).await
}

/// The same on the present thread: a paused clock does not wait for other threads.
#[cfg(test)]
pub async fn offload<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    tokio::spawn(async { work() }).await
}
