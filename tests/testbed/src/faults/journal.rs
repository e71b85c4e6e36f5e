//! What passed through a proxy.

use std::time::{Duration, Instant};

use hyper::{Method, Uri};

/// One request and what came of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// When it arrived.
    pub at: Instant,
    /// Its method.
    pub method: Method,
    /// Its path, without the query.
    pub path: String,
    /// What was done to it, if anything.
    pub fault: Option<&'static str>,
    /// The status it was answered with; none while it waits and where the connection was reset.
    pub status: Option<u16>,
    /// How long its answer took to begin, if it did.
    pub took: Option<Duration>,
}

/// All exchanges, in the order of their arrival.
#[derive(Default)]
pub(super) struct Journal(Vec<Exchange>);

impl Journal {
    /// Notes a request; gives its number.
    pub(super) fn begin(
        &mut self,
        method: &Method,
        uri: &Uri,
        fault: Option<&'static str>,
    ) -> usize {
        self.0.push(Exchange {
            at: Instant::now(),
            method: method.clone(),
            path: uri.path().to_owned(),
            fault,
            status: None,
            took: None,
        });
        self.0.len() - 1
    }

    /// Notes that an answer to a request began.
    pub(super) fn answered(&mut self, number: usize, status: u16) {
        // Gone if the journal was emptied meanwhile.
        if let Some(exchange) = self.0.get_mut(number) {
            exchange.status = Some(status);
            exchange.took = Some(exchange.at.elapsed());
        }
    }

    pub(super) fn all(&self) -> Vec<Exchange> {
        self.0.clone()
    }
}
