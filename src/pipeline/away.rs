//! Work for the processor, away from the async threads.

use tokio::task::JoinHandle;

/// Does the work on a thread that may be busy for long. A panic of it is an error of the handle.
#[cfg(not(test))]
pub fn away<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    tokio::task::spawn_blocking(work)
}

/// The same as a task on the thread of the test. When another thread is done is a matter of chance,
/// and so would be all that follows: a seed of the simulation must give the same life every time.
#[cfg(test)]
pub fn away<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(async { work() })
}
