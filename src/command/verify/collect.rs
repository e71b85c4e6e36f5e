//! A sink that takes every alert and writes none: what the pipeline finds is what must exist.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::expected::Expected;
use crate::pipeline::{
    plan::Plan,
    ports::{AddressedAlert, Connector, Fault, Outcome, Sink, Source},
};

/// Connects a plan to its source, and to this collection in place of its sink.
pub(super) struct Collecting<C> {
    connector: C,
    collection: Collection,
}

/// What was collected so far; clones are the same collection.
#[derive(Clone, Default)]
pub(super) struct Collection(Arc<Mutex<Expected>>);

impl<C> Collecting<C> {
    /// Reads by way of this connector.
    pub(super) fn new(connector: C, collection: Collection) -> Self {
        Self {
            connector,
            collection,
        }
    }
}

impl Collection {
    /// How many alerts there are.
    pub(super) fn len(&self) -> usize {
        self.with(|expected| expected.len())
    }

    /// Takes out what was collected.
    pub(super) fn take(&self) -> Expected {
        self.with(std::mem::take)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Expected) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl<C: Connector> Connector for Collecting<C> {
    async fn connect(&self, plan: &Plan) -> Result<(Arc<dyn Source>, Arc<dyn Sink>), Fault> {
        let (source, _) = self.connector.connect(plan).await?;
        Ok((source, Arc::new(self.collection.clone())))
    }
}

#[async_trait]
impl Sink for Collection {
    async fn prepare(&self) -> Result<(), Fault> {
        Ok(())
    }

    async fn push(&self, alerts: &[AddressedAlert]) -> Result<Vec<Outcome>, Fault> {
        self.with(|expected| alerts.iter().for_each(|alert| expected.add(alert)));
        Ok(vec![Outcome::Created; alerts.len()])
    }
}
