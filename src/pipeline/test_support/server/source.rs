//! What the server holds of audit events: documents that become searchable after a while, and may
//! be overwritten.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::task::yield_now;

use super::{Call, Server, Trouble};
use crate::{
    detect::{document::Document, event::Event, layout::Layout, ruleset::Requirement},
    pipeline::{
        ledger::{Bucket, Census, Mark},
        ports::{Coverage, Fault, Pages, Source},
        progress::Degraded,
        pushdown::Pushdown,
        window::Window,
    },
};

/// The index that can be broken.
const CAN_BREAK: &str = "broken";

/// Documents of one answer.
const PAGE: usize = 10;

#[derive(Default)]
pub(super) struct Documents {
    /// By their times, and the order of their writing.
    written: BTreeMap<(Timestamp, u64), Written>,
    /// Writes so far: each gives a sequence number.
    writes: u64,
    /// What the documents tell of, by their number.
    calls: Vec<Audited>,
    without_time: u64,
    /// The index of the documents with odd numbers cannot be read.
    is_index_broken: bool,
}

/// A document, or one version of it.
struct Written {
    searchable_from: Timestamp,
    /// When the next version takes its place.
    searchable_until: Timestamp,
    document: Document,
}

/// A call of the apiserver that a document tells of.
pub(super) struct Audited {
    pub(super) time: Timestamp,
    pub(super) verb: String,
    pub(super) audit_id: String,
    /// The sequence number of the document's last version.
    sequence: u64,
}

impl Documents {
    pub(super) fn calls(&self) -> impl Iterator<Item = &Audited> {
        self.calls.iter()
    }

    /// Adds a document with the next number.
    fn add(&mut self, time: Timestamp, verb: &str, source: String, searchable_from: Timestamp) {
        let audit_id = self.calls.len().to_string();
        let sequence = self.write(time, &audit_id, source, searchable_from);
        self.calls.push(Audited {
            time,
            verb: verb.to_owned(),
            audit_id,
            sequence,
        });
    }

    fn overwrite(&mut self, number: usize, verb: &str, searchable_from: Timestamp) {
        let Audited {
            time,
            audit_id: id,
            sequence,
            ..
        } = &self.calls[number];
        let (time, id, last) = (*time, id.clone(), (*time, *sequence));
        let last = self.written.get_mut(&last).expect("it was written");
        last.searchable_until = searchable_from;
        let sequence = self.write(time, &id, event(time, verb, &id), searchable_from);
        let call = &mut self.calls[number];
        call.verb = verb.to_owned();
        call.sequence = sequence;
    }

    /// The index of a document.
    fn index(id: &str) -> &'static str {
        let number: u64 = id.parse().unwrap_or_default();
        if number % 2 == 1 {
            CAN_BREAK
        } else {
            "logstash"
        }
    }

    /// Writes the event with this number again, under another id.
    fn repeat(&mut self, number: usize, searchable_from: Timestamp) {
        let Audited {
            time,
            verb,
            audit_id,
            ..
        } = &self.calls[number];
        let (time, source) = (*time, event(*time, verb, audit_id));
        let id = format!("{audit_id} again");
        self.write(time, &id, source, searchable_from);
    }

    fn write(
        &mut self,
        time: Timestamp,
        id: &str,
        source: String,
        searchable_from: Timestamp,
    ) -> u64 {
        self.writes += 1;
        let document = Document {
            index: Self::index(id).to_owned(),
            id: id.to_owned(),
            time: Some(time.to_string()),
            source: Bytes::from(source),
            is_rebuilt: false,
        };
        let written = Written {
            searchable_from,
            searchable_until: Timestamp::MAX,
            document,
        };
        self.written.insert((time, self.writes), written);
        self.writes
    }

    /// The documents of a span that are searchable now, and their marks.
    fn search(&self, span: Window, now: Timestamp) -> (VecDeque<Document>, Census) {
        let mut documents = VecDeque::new();
        let mut census = Census::default();
        if span.start >= span.end {
            return (documents, census);
        }
        let written = self.written.range((span.start, 0)..(span.end, 0));
        for (&(time, sequence), written) in written {
            let is_left_out = self.is_index_broken && written.document.index == CAN_BREAK;
            let searchable = written.searchable_from..written.searchable_until;
            if searchable.contains(&now) && !is_left_out {
                let mark = census.0.entry(Bucket::of(time)).or_default();
                *mark = mark.and(Mark::new(1, sequence));
                documents.push_back(written.document.clone());
            }
        }
        (documents, census)
    }
}

fn event(time: Timestamp, verb: &str, audit_id: &str) -> String {
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","stage":"ResponseComplete",
            "auditID":"{audit_id}","verb":"{verb}","requestReceivedTimestamp":"{time}",
            "requestURI":"/api/v1/namespaces/shop/secrets","user":{{"username":"alice"}}}}"#
    )
}

impl Server {
    /// A server with an event in each of the first seconds of the hour before it started.
    pub fn with_events(count: i64) -> Self {
        let server = Self::new();
        for second in 0..count {
            server.add_event(super::at(second - 3600), "create");
        }
        server
    }

    /// Adds an event that is searchable at once; gives its number, which is its audit id too.
    pub fn add_event(&self, time: Timestamp, verb: &str) -> usize {
        self.add_event_searchable_from(time, verb, Timestamp::MIN)
    }

    pub fn add_event_searchable_from(&self, time: Timestamp, verb: &str, from: Timestamp) -> usize {
        let mut content = self.content();
        let number = content.documents.calls.len();
        let event = event(time, verb, &number.to_string());
        content.documents.add(time, verb, event, from);
        number
    }

    pub fn add_garbage(&self, time: Timestamp) {
        let mut content = self.content();
        let documents = &mut content.documents;
        documents.add(time, "", "{".to_owned(), Timestamp::MIN);
    }

    /// Writes the event with this number again, under its id, with another verb.
    pub fn overwrite_event(&self, number: usize, verb: &str) {
        self.overwrite_event_searchable_from(number, verb, Timestamp::MIN);
    }

    /// Gives the time of the event.
    pub fn overwrite_event_searchable_from(
        &self,
        number: usize,
        verb: &str,
        from: Timestamp,
    ) -> Timestamp {
        let mut content = self.content();
        content.documents.overwrite(number, verb, from);
        content.documents.calls[number].time
    }

    /// Writes the event with this number again, under another id.
    pub fn repeat_event_searchable_from(&self, number: usize, from: Timestamp) {
        self.content().documents.repeat(number, from);
    }

    /// Breaks the index of the events with odd numbers, or heals it.
    pub fn break_index(&self, is_broken: bool) {
        self.content().documents.is_index_broken = is_broken;
    }

    /// Stores documents without a time.
    pub fn add_without_time(&self, count: u64) {
        self.content().documents.without_time += count;
    }
}

#[async_trait]
impl Source for Server {
    async fn now(&self) -> Result<Timestamp, Fault> {
        self.ask(Call::Now).await?;
        let now = self.clock();
        self.passage().await;
        Ok(now)
    }

    async fn open(
        &self,
        window: Window,
        requirement: Option<&Arc<Requirement>>,
    ) -> Result<Box<dyn Pages>, Fault> {
        self.ask(Call::Open).await?;
        let (mut documents, census, requirement) = {
            let mut content = self.content();
            content.windows.push(window);
            content.open_views += 1;
            let (documents, census) = content.documents.search(window, self.clock());
            (
                documents,
                census,
                requirement.filter(|_| content.leaves_out),
            )
        };
        if let Some(requirement) = requirement {
            documents.retain(|document| may_meet(document, requirement));
        }
        self.passage().await;
        Ok(Box::new(View {
            server: self.clone(),
            total: documents.len() as u64,
            census,
            documents,
            pushdown: match requirement {
                Some(requirement) => Pushdown::On(requirement.fields().into_iter().collect()),
                None => Pushdown::Off("nothing is left out".to_owned()),
            },
        }))
    }

    async fn census(&self, span: Window) -> Result<Census, Fault> {
        self.ask(Call::Census).await?;
        let census = {
            let mut content = self.content();
            content.sweeps.push(span);
            content.documents.search(span, self.clock()).1
        };
        self.passage().await;
        Ok(census)
    }

    async fn census_of(&self, index: &str, span: Window) -> Result<Census, Fault> {
        self.ask(Call::Census).await?;
        let (documents, mut census) = {
            let content = self.content();
            content.documents.search(span, self.clock())
        };
        let of_index = documents.iter().filter(|document| document.index == index);
        let times = of_index.filter_map(|document| document.time.as_ref()?.parse().ok());
        let buckets: BTreeSet<Bucket> = times.map(Bucket::of).collect();
        census.0.retain(|bucket, _| buckets.contains(bucket));
        Ok(census)
    }

    async fn without_time(&self) -> Result<u64, Fault> {
        Ok(self.content().documents.without_time)
    }

    fn coverage(&self) -> Coverage {
        let broken = Degraded {
            index: CAN_BREAK.to_owned(),
            message: "is broken".to_owned(),
        };
        let is_broken = self.content().documents.is_index_broken;
        Coverage {
            left_out: is_broken.then_some(broken).into_iter().collect(),
            rebuilt: Vec::new(),
        }
    }
}

/// Whether a document is handed out to who requires something: one that cannot be read is.
fn may_meet(document: &Document, requirement: &Requirement) -> bool {
    Event::read(document, Layout::Auto).map_or(true, |events| {
        events.iter().any(|event| requirement.admits(event))
    })
}

struct View {
    server: Server,
    total: u64,
    census: Census,
    documents: VecDeque<Document>,
    pushdown: Pushdown,
}

#[async_trait]
impl Pages for View {
    async fn next(&mut self) -> Result<Option<Vec<Document>>, Fault> {
        yield_now().await;
        if let Some(Trouble::Short) = self.server.ask(Call::Next).await? {
            return Ok(None);
        }
        let count = self.documents.len().min(PAGE);
        let page: Vec<Document> = self.documents.drain(..count).collect();
        self.server.passage().await;
        Ok((!page.is_empty()).then_some(page))
    }

    fn total(&self) -> Option<u64> {
        Some(self.total)
    }

    fn census(&self) -> Option<&Census> {
        Some(&self.census)
    }

    fn pushdown(&self) -> Pushdown {
        self.pushdown.clone()
    }

    async fn close(self: Box<Self>) {
        self.server.content().open_views -= 1;
    }
}
