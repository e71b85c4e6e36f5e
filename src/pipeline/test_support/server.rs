//! A server in memory behind the ports, for what a real one can't be made to show: chosen faults
//! at chosen moments, and hours that pass in no time.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{a_fault, at};
use crate::{
    detect::document::Document,
    pipeline::{
        ledger::{Bucket, Census, Mark},
        plan::Plan,
        ports::{
            AddressedAlert, Connector, Fault, FaultReason, FieldSet, Outcome, Pages, Remedy, Sink,
            Source,
        },
        window::Window,
    },
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
    Panic,
}

/// The outcome of an alert that is not stored.
type Judgement = dyn Fn(&AddressedAlert) -> Option<Outcome>;

type Fate = Box<dyn FnMut(Call) -> Option<Trouble> + Send>;

/// The server. Clones are the same one.
#[derive(Clone)]
pub struct Server {
    content: Arc<Mutex<Content>>,
    started: Instant,
}

#[derive(Default)]
struct Content {
    events: Vec<Stored>,
    /// Writes so far: each gives a sequence number.
    writes: u64,
    calls: Vec<Audited>,
    alerts: BTreeMap<String, Value>,
    windows: Vec<Window>,
    sweeps: Vec<Window>,
    without_time: u64,
    connections: usize,
    open_views: usize,
    fate: Option<Fate>,
}

/// A document as it is stored.
#[derive(Clone)]
struct Stored {
    time: Timestamp,
    sequence: u64,
    document: Document,
}

/// A call of the apiserver that an event tells of.
struct Audited {
    time: Timestamp,
    verb: String,
    audit_id: String,
}

impl Server {
    /// A server that holds nothing.
    pub fn new() -> Self {
        Self {
            content: Arc::default(),
            started: Instant::now(),
        }
    }

    /// A server with an event in each of the first seconds of the hour before it started.
    pub fn with_events(count: i64) -> Self {
        let server = Self::new();
        for second in 0..count {
            server.add_event(at(second - 3600), "create");
        }
        server
    }

    pub fn add_event(&self, time: Timestamp, verb: &str) {
        let mut content = self.content();
        let id = content.events.len().to_string();
        let event = json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": id, "verb": verb,
            "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/shop/secrets",
            "requestReceivedTimestamp": time.to_string(), "user": {"username": "alice"},
        });
        content.calls.push(Audited {
            time,
            verb: verb.to_owned(),
            audit_id: id.clone(),
        });
        content.add(time, id, event.to_string());
    }

    pub fn add_garbage(&self, time: Timestamp) {
        let mut content = self.content();
        let id = content.events.len().to_string();
        content.add(time, id, "{".to_owned());
    }

    /// Writes the event with this number again, under its id, with another verb.
    pub fn overwrite_event(&self, number: usize, verb: &str) {
        let mut content = self.content();
        let time = content.events[number].time;
        content.calls[number].verb = verb.to_owned();
        let mut event: Value = serde_json::from_slice(&content.events[number].document.source)
            .expect("it was written as JSON");
        event["verb"] = json!(verb);
        content.add(time, number.to_string(), event.to_string());
        let overwritten = content.events.pop().expect("it was just added");
        content.events[number] = overwritten;
    }

    /// Stores documents without a time.
    pub fn add_without_time(&self, count: u64) {
        self.content().without_time += count;
    }

    /// The spans whose marks were asked for.
    pub fn sweeps(&self) -> Vec<Window> {
        self.content().sweeps.clone()
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

    /// Ids of the alerts that are stored.
    pub fn alert_ids(&self) -> Vec<String> {
        self.content().alerts.keys().cloned().collect()
    }

    pub fn alerts(&self) -> Vec<Value> {
        self.content().alerts.values().cloned().collect()
    }

    /// Whether every event before an instant that has one of these verbs has its alert.
    pub fn has_alerts_before(&self, watermark: Timestamp, verbs: &[&str]) -> bool {
        let content = self.content();
        let audit_id = |alert: &Value| alert["kubernetes"]["audit"]["auditID"].clone();
        let found: HashSet<Value> = content.alerts.values().map(audit_id).collect();
        content
            .calls
            .iter()
            .filter(|call| call.time < watermark && verbs.contains(&call.verb.as_str()))
            .all(|call| found.contains(&json!(call.audit_id)))
    }

    pub fn windows(&self) -> Vec<Window> {
        self.content().windows.clone()
    }

    pub fn connections(&self) -> usize {
        self.content().connections
    }

    pub fn open_views(&self) -> usize {
        self.content().open_views
    }

    /// Whether a call goes through; the trouble where it does not go simply.
    fn ask(&self, call: Call) -> Result<Option<Trouble>, Fault> {
        let trouble = {
            let mut content = self.content();
            content.fate.as_mut().and_then(|fate| fate(call))
        };
        match trouble {
            Some(Trouble::Fault(fault)) => Err(fault),
            Some(Trouble::Panic) => std::panic::resume_unwind(Box::new("the test wants it")),
            other => Ok(other),
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().expect("no test panics in here")
    }
}

impl Content {
    fn add(&mut self, time: Timestamp, id: String, source: String) {
        let document = Document {
            index: "logstash".to_owned(),
            id,
            time: Some(time.to_string()),
            source: Bytes::from(source),
        };
        self.writes += 1;
        self.events.push(Stored {
            time,
            sequence: self.writes,
            document,
        });
    }

    fn census(&self, span: Window) -> Census {
        let mut census = Census::default();
        for stored in &self.events {
            if span.start <= stored.time && stored.time < span.end {
                let mark = census.0.entry(Bucket::of(stored.time)).or_default();
                *mark = mark.and(Mark::new(1, stored.sequence));
            }
        }
        census
    }
}

#[async_trait]
impl Connector for Server {
    async fn connect(&self, _: &Plan) -> Result<(Arc<dyn Source>, Arc<dyn Sink>), Fault> {
        self.ask(Call::Connect)?;
        self.content().connections += 1;
        Ok((Arc::new(self.clone()), Arc::new(self.clone())))
    }
}

#[async_trait]
impl Source for Server {
    async fn now(&self) -> Result<Timestamp, Fault> {
        self.ask(Call::Now)?;
        Ok(self.clock())
    }

    async fn open(&self, window: Window, _: &FieldSet) -> Result<Box<dyn Pages>, Fault> {
        self.ask(Call::Open)?;
        let mut content = self.content();
        content.windows.push(window);
        content.open_views += 1;
        let mut held: Vec<_> = content.events.clone();
        held.retain(|held| window.start <= held.time && held.time < window.end);
        held.sort_by_key(|held| held.time);
        let documents: VecDeque<Document> = held.into_iter().map(|held| held.document).collect();
        Ok(Box::new(View {
            server: self.clone(),
            total: documents.len() as u64,
            census: content.census(window),
            documents,
        }))
    }

    async fn census(&self, span: Window) -> Result<Census, Fault> {
        self.ask(Call::Census)?;
        let mut content = self.content();
        content.sweeps.push(span);
        Ok(content.census(span))
    }

    async fn without_time(&self) -> Result<u64, Fault> {
        Ok(self.content().without_time)
    }
}

struct View {
    server: Server,
    total: u64,
    census: Census,
    documents: VecDeque<Document>,
}

#[async_trait]
impl Pages for View {
    async fn next(&mut self) -> Result<Option<Vec<Document>>, Fault> {
        sleep(Duration::from_millis(2)).await;
        self.server.ask(Call::Next)?;
        let count = self.documents.len().min(10);
        let page: Vec<Document> = self.documents.drain(..count).collect();
        Ok((!page.is_empty()).then_some(page))
    }

    fn total(&self) -> Option<u64> {
        Some(self.total)
    }

    fn census(&self) -> Option<&Census> {
        Some(&self.census)
    }

    async fn close(self: Box<Self>) {
        self.server.content().open_views -= 1;
    }
}

#[async_trait]
impl Sink for Server {
    async fn prepare(&self) -> Result<(), Fault> {
        Ok(())
    }

    async fn push(&self, alerts: &[AddressedAlert]) -> Result<Vec<Outcome>, Fault> {
        sleep(Duration::from_millis(5)).await;
        let trouble = self.ask(Call::Push)?;
        let mut content = self.content();
        let mut outcomes = Vec::new();
        for addressed in alerts {
            let own = match &trouble {
                Some(Trouble::Items(decide)) => decide(addressed),
                _ => None,
            };
            let store = || {
                let AddressedAlert { index, alert } = addressed;
                let place = format!("{index}/{}", alert.id);
                match content.alerts.insert(place, alert.document.clone()) {
                    None => Outcome::Created,
                    Some(_) => Outcome::Duplicate,
                }
            };
            outcomes.push(own.unwrap_or_else(store));
        }
        match trouble {
            Some(Trouble::AnswerLost(fault)) => Err(fault),
            _ => Ok(outcomes),
        }
    }
}
