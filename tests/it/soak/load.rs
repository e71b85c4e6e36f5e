//! Audit events, sent at a steady pace, and the ids of the alerts that must come of them.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use k8scop::detect::{document::Document, ruleset::RuleSet};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    NAMESPACE, SOURCE,
    manifests::{RULES, rule_spec},
    server::{Server, Stored},
};
use crate::support::workload;

const BETWEEN_BATCHES: Duration = Duration::from_millis(500);
const ONE_MATCH_IN: u64 = 10;
/// Documents that are remembered, to be sent again.
const REMEMBERED: usize = 2_000;

/// The one who sends events, and knows what must come of them.
pub struct Load {
    server: Server,
    rules: RuleSet,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    events: u64,
    expected: BTreeSet<String>,
    recent: Vec<Stored>,
}

impl Load {
    /// Prepares the source's indices.
    pub async fn new(server: Server) -> Load {
        let template = json!({
            "index_patterns": [format!("{SOURCE}-*")],
            "template": {"mappings": {
                "dynamic": false, "properties": {"@timestamp": {"type": "date"}},
            }},
        });
        let path = format!("_index_template/{SOURCE}");
        server.call(Method::PUT, &path, &template).await;
        let rules = RULES
            .iter()
            .map(|name| workload::loaded(NAMESPACE, name, rule_spec(name, 0)));
        Load {
            server,
            rules: RuleSet::new(rules),
            state: Mutex::default(),
        }
    }

    /// Sends `rate` events a second until it is told to stop.
    pub async fn steady(&self, rate: u64, stop: &CancellationToken) {
        let batch = rate * u64::try_from(BETWEEN_BATCHES.as_millis()).expect("it is short") / 1_000;
        let mut ticks = tokio::time::interval(BETWEEN_BATCHES);
        while !stop.is_cancelled() {
            ticks.tick().await;
            let now = Timestamp::now();
            self.send((0..batch).map(|_| now).collect()).await;
        }
    }

    /// Sends an event for each of the times.
    pub async fn send(&self, times: Vec<Timestamp>) {
        let documents = times.into_iter().map(|time| {
            let number = self.number();
            let event = event(number, time);
            stored(number, time, event.to_string())
        });
        let documents = documents.collect();
        self.write(documents).await;
    }

    /// Sends a document that is hardly an audit event.
    pub async fn send_text(&self, time: Timestamp, text: String) {
        let document = stored(self.number(), time, text);
        self.write(vec![document]).await;
    }

    /// Sends some of the last documents again under other ids, as a shipper does that was not
    /// answered.
    pub async fn send_again(&self, pick: impl FnMut(usize) -> usize) {
        let copies = self.some(pick).into_iter().map(|document| Stored {
            id: format!("again-{}", self.number()),
            ..document
        });
        let copies = copies.collect();
        self.server.write("create", copies).await;
    }

    /// Overwrites some of the last documents with what they hold.
    pub async fn overwrite(&self, pick: impl FnMut(usize) -> usize) {
        self.server.write("index", self.some(pick)).await;
    }

    /// Events that the server has taken.
    pub fn events(&self) -> u64 {
        self.state().events
    }

    /// Ids of the alerts that must come.
    pub fn expected(&self) -> BTreeSet<String> {
        self.state().expected.clone()
    }

    async fn write(&self, documents: Vec<Stored>) {
        let taken = self.server.write("create", documents).await;
        let documents: Vec<_> = taken.iter().map(document).collect();
        let alerts = workload::alerts(&documents, &self.rules, NAMESPACE);
        let mut state = self.state();
        state.events += taken.len() as u64;
        let ids = alerts.into_iter().map(|alert| alert.id);
        state.expected.extend(ids);
        state.recent.extend(taken);
        let surplus = state.recent.len().saturating_sub(REMEMBERED);
        state.recent.drain(..surplus);
    }

    fn some(&self, mut pick: impl FnMut(usize) -> usize) -> Vec<Stored> {
        let recent = &self.state().recent;
        let picks: BTreeSet<usize> = (0..20.min(recent.len()))
            .map(|_| pick(recent.len()))
            .collect();
        picks.into_iter().map(|at| recent[at].clone()).collect()
    }

    fn number(&self) -> u64 {
        let mut state = self.state();
        state.next += 1;
        state.next
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stored(number: u64, time: Timestamp, text: String) -> Stored {
    Stored {
        index: format!("{SOURCE}-{}", time.strftime("%Y.%m.%d")),
        id: number.to_string(),
        text,
    }
}

fn document(stored: &Stored) -> Document {
    Document {
        index: stored.index.clone(),
        id: stored.id.clone(),
        time: None,
        source: stored.text.clone().into_bytes().into(),
        is_rebuilt: false,
    }
}

/// An audit event; one in ten matches a rule. Events of one instant differ by a microsecond.
pub fn event(number: u64, time: Timestamp) -> Value {
    let precise = time + SignedDuration::from_micros(i64::try_from(number % 1_000).unwrap_or(0));
    let resource = match number % (ONE_MATCH_IN * 2) {
        0 => "secrets",
        ONE_MATCH_IN => "configmaps",
        _ => "pods",
    };
    workload::event(number, "get", resource, &format!("item-{number}"), precise)
}
