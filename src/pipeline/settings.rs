//! What holds for all pipelines of a process.

use std::time::Duration;

/// What every pipeline of a process is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Name of the cluster whose audit log is read, part of the identity of a request; may be
    /// empty.
    pub cluster: String,
    /// How far reading stays behind the source's clock. A document must be searchable this long
    /// after its own time to be seen: the sum of the shipper's delay and the index's refresh
    /// interval. Alerts appear later by as much.
    pub safety_lag: Duration,
    /// How long alerts that are under way may take to be acknowledged after a pipeline was told to
    /// stop. What is not acknowledged by then is read again by the next run.
    pub drain: Duration,
    /// MiB of documents that a pipeline holds between reading and the end of detection. A page that
    /// is larger by itself is held alone.
    pub page_memory: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cluster: String::new(),
            safety_lag: Duration::from_secs(5),
            drain: Duration::from_secs(20),
            page_memory: 64,
        }
    }
}
