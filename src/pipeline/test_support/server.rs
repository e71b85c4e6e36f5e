//! A server in memory behind the ports, for what a real one can't be made to show: chosen faults
//! at chosen moments, and hours that pass in no time.

mod sink;
mod source;

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

pub use self::sink::Stored;
use self::{sink::Alerts, source::Documents};
use super::{a_fault, at};
use crate::pipeline::{
    plan::Plan,
    ports::{AddressedAlert, Connector, Fault, FaultReason, Outcome, Remedy, Sink, Source},
    window::Window,
};

/// What the server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Connect,
    Now,
    Open,
    Next,
    Census,
    Push,
}

impl Call {
    pub const ALL: [Self; 6] = [
        Self::Connect,
        Self::Now,
        Self::Open,
        Self::Next,
        Self::Census,
        Self::Push,
    ];
}

/// What goes wrong with a call.
pub enum Trouble {
    /// Nothing is done.
    Fault(Fault),
    /// It is done, but the answer is lost (pushes only).
    AnswerLost(Fault),
    /// Some alerts have an outcome of their own, and are not stored (pushes only).
    Items(Box<Judgement>),
    /// The pages end early (pages only).
    Short,
    /// It is done after a while.
    Slow(Duration),
    Panic,
}

/// The outcome of an alert that is not stored.
type Judgement = dyn Fn(&AddressedAlert) -> Option<Outcome> + Send;

type Fate = Box<dyn FnMut(Call) -> Option<Trouble> + Send>;

/// The server. Clones are the same one.
#[derive(Clone)]
pub struct Server {
    content: Arc<Mutex<Content>>,
    started: Instant,
    /// Whether who asks is there to ask, and to hear the answer.
    gate: Option<watch::Receiver<bool>>,
}

#[derive(Default)]
struct Content {
    documents: Documents,
    alerts: Alerts,
    windows: Vec<Window>,
    sweeps: Vec<Window>,
    connections: usize,
    open_views: usize,
    panics: u64,
    leaves_out: bool,
    fate: Option<Fate>,
}

impl Server {
    /// A server that holds nothing.
    pub fn new() -> Self {
        Self {
            content: Arc::default(),
            started: Instant::now(),
            gate: None,
        }
    }

    /// The same server for somebody who is away while the gate is shut: requests are not sent, and
    /// answers are not heard.
    pub fn behind(&self, gate: watch::Receiver<bool>) -> Self {
        Self {
            gate: Some(gate),
            ..self.clone()
        }
    }

    /// From now on, documents are left out that do not meet the requirement of who reads.
    pub fn leave_out(&self) {
        self.content().leaves_out = true;
    }

    /// From now on, this decides what goes wrong.
    pub fn fate(&self, fate: impl FnMut(Call) -> Option<Trouble> + Send + 'static) {
        self.content().fate = Some(Box::new(fate));
    }

    /// From now on, these calls fail.
    pub fn fail_at(&self, calls: &[Call], reason: FaultReason, remedy: Remedy) {
        let calls = calls.to_vec();
        let fault = a_fault(reason, remedy);
        self.fate(move |call| calls.contains(&call).then(|| Trouble::Fault(fault.clone())));
    }

    /// From now on, the alerts that this gives an outcome for are not stored.
    pub fn refuse(&self, outcome: fn(&AddressedAlert) -> Option<Outcome>) {
        self.fate(move |call| (call == Call::Push).then(|| Trouble::Items(Box::new(outcome))));
    }

    pub fn no_more_trouble(&self) {
        self.content().fate = None;
    }

    pub fn clock(&self) -> Timestamp {
        let gone = SignedDuration::try_from(self.started.elapsed()).expect("a short while");
        at(0) + gone
    }

    pub fn windows(&self) -> Vec<Window> {
        self.content().windows.clone()
    }

    /// The spans whose marks were asked for.
    pub fn sweeps(&self) -> Vec<Window> {
        self.content().sweeps.clone()
    }

    pub fn connections(&self) -> usize {
        self.content().connections
    }

    pub fn open_views(&self) -> usize {
        self.content().open_views
    }

    /// Times that a call panicked.
    pub fn panics(&self) -> u64 {
        self.content().panics
    }

    /// Whether a call goes through; the trouble where it does not go simply.
    async fn ask(&self, call: Call) -> Result<Option<Trouble>, Fault> {
        self.passage().await;
        let trouble = {
            let mut content = self.content();
            content.fate.as_mut().and_then(|fate| fate(call))
        };
        match trouble {
            Some(Trouble::Fault(fault)) => Err(fault),
            Some(Trouble::Panic) => {
                self.content().panics += 1;
                std::panic::resume_unwind(Box::new("the test wants it"))
            }
            Some(Trouble::Slow(pause)) => {
                sleep(pause).await;
                Ok(None)
            }
            other => Ok(other),
        }
    }

    /// Waits while who asks is away.
    async fn passage(&self) {
        if let Some(gate) = self.gate.as_ref().filter(|gate| !*gate.borrow()) {
            // Without anybody who could open it, it stays as it is: whoever waits is gone for ever.
            if gate.clone().wait_for(|open| *open).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().expect("no test panics in here")
    }
}

#[async_trait]
impl Connector for Server {
    async fn connect(&self, _: &Plan) -> Result<(Arc<dyn Source>, Arc<dyn Sink>), Fault> {
        self.ask(Call::Connect).await?;
        self.content().connections += 1;
        Ok((Arc::new(self.clone()), Arc::new(self.clone())))
    }
}
