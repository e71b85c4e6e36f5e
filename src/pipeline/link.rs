//! The connection of one pipeline to its servers, shared by its stages.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::pipeline::{
    plan::Plan,
    ports::{Connector, Fault, Sink, Source},
};

/// Connects when asked for the first time, and again after a fault that asks for it.
pub struct Link {
    plan: Plan,
    connector: Arc<dyn Connector>,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    ends: Option<Ends>,
    made: u64,
}

/// Both ends of a connection, the sink ready to take alerts.
#[derive(Clone)]
pub struct Ends {
    /// Where events come from.
    pub source: Arc<dyn Source>,
    /// Where alerts go.
    pub sink: Arc<dyn Sink>,
    number: u64,
}

impl Link {
    /// A link that is not connected yet.
    pub fn new(plan: Plan, connector: Arc<dyn Connector>) -> Self {
        Self {
            plan,
            connector,
            slot: Mutex::default(),
        }
    }

    /// Both ends; connects if there is no connection.
    pub async fn ends(&self) -> Result<Ends, Fault> {
        let mut slot = self.slot.lock().await;
        if let Some(ends) = &slot.ends {
            return Ok(ends.clone());
        }
        let (source, sink) = self.connector.connect(&self.plan).await?;
        sink.prepare().await?;
        slot.made += 1;
        let ends = Ends {
            source,
            sink,
            number: slot.made,
        };
        slot.ends = Some(ends.clone());
        Ok(ends)
    }

    /// Gives up these ends, so that the next to ask connects again; unless somebody did already.
    pub async fn give_up(&self, ends: &Ends) {
        let mut slot = self.slot.lock().await;
        if slot.made == ends.number {
            slot.ends = None;
        }
    }
}
