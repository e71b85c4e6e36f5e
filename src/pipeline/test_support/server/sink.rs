//! What the server holds of alerts: one under each id of an index, the first that came.

use std::{
    collections::{BTreeMap, HashSet, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Call, Server, Trouble};
use crate::{
    detect::alert::Alert,
    pipeline::ports::{AddressedAlert, Fault, Outcome, Sink},
};

/// An alert that was stored.
pub type Stored = AddressedAlert;

#[derive(Default)]
pub(super) struct Alerts {
    /// By index and id; `None` is a document of somebody else.
    held: BTreeMap<(String, String), Option<Arc<Alert>>>,
    /// In the order of their storing.
    stored: Vec<Stored>,
    /// Ids that somebody else was faster to take.
    foreign: Option<fn(&str) -> bool>,
}

impl Alerts {
    /// Writes as `create` does, and looks at what is there already.
    fn create(&mut self, addressed: &AddressedAlert) -> Outcome {
        let AddressedAlert { index, alert, .. } = addressed;
        match self.held.entry((index.clone(), alert.id.clone())) {
            Entry::Occupied(held) => match held.get() {
                Some(held) if held.fingerprint == alert.fingerprint => Outcome::Duplicate,
                _ => Outcome::Taken,
            },
            Entry::Vacant(place) if self.foreign.is_some_and(|foreign| foreign(&alert.id)) => {
                place.insert(None);
                Outcome::Taken
            }
            Entry::Vacant(place) => {
                place.insert(Some(Arc::clone(alert)));
                self.stored.push(addressed.clone());
                Outcome::Created
            }
        }
    }
}

impl Server {
    /// Ids of the alerts that are stored, each with its index.
    pub fn alert_ids(&self) -> Vec<String> {
        let content = self.content();
        let places = content.alerts.held.keys();
        places.map(|(index, id)| format!("{index}/{id}")).collect()
    }

    pub fn alerts(&self) -> Vec<Value> {
        let content = self.content();
        let alerts = content.alerts.held.values().flatten();
        alerts.map(|alert| alert.document.clone()).collect()
    }

    /// The alerts that were stored after the first so many.
    pub fn stored_after(&self, count: usize) -> Vec<Stored> {
        self.content().alerts.stored[count..].to_vec()
    }

    /// From now on, these ids are found to be taken by documents of somebody else.
    pub fn take_ids(&self, foreign: fn(&str) -> bool) {
        self.content().alerts.foreign = Some(foreign);
    }

    /// Whether every event before an instant that has one of these verbs has its alert.
    pub fn has_alerts_before(&self, watermark: jiff::Timestamp, verbs: &[&str]) -> bool {
        let audit_id = |alert: Value| alert["kubernetes"]["audit"]["auditID"].clone();
        let found: HashSet<Value> = self.alerts().into_iter().map(audit_id).collect();
        self.content()
            .documents
            .calls()
            .filter(|call| call.time < watermark && verbs.contains(&call.verb.as_str()))
            .all(|call| found.contains(&json!(call.audit_id)))
    }
}

#[async_trait]
impl Sink for Server {
    async fn prepare(&self) -> Result<(), Fault> {
        Ok(())
    }

    async fn push(&self, alerts: &[AddressedAlert]) -> Result<Vec<Outcome>, Fault> {
        sleep(Duration::from_millis(5)).await;
        let trouble = self.ask(Call::Push).await?;
        let store = |addressed: &AddressedAlert| {
            let own = match &trouble {
                Some(Trouble::Items(decide)) => decide(addressed),
                _ => None,
            };
            own.unwrap_or_else(|| self.content().alerts.create(addressed))
        };
        let outcomes = alerts.iter().map(store).collect();
        self.passage().await;
        match trouble {
            Some(Trouble::AnswerLost(fault)) => Err(fault),
            _ => Ok(outcomes),
        }
    }
}
