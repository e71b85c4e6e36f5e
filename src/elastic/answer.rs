//! Answers to the calls of `query`, read and proven complete before anything of them is used.
//!
//! A document is a slice of the answer and is not parsed: a hostile one does not spoil its page,
//! unless it has comments. Servers store such documents and repeat them as they came.

mod cut;

use std::borrow::Cow;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::fault;
use crate::{
    detect::document::Document,
    pipeline::{
        ledger::{BUCKET_SECONDS, Bucket, Census, Mark},
        ports::{Fault, FaultReason, Remedy},
    },
};

/// A page that answers for every shard.
#[derive(Debug, PartialEq)]
pub(super) struct Page {
    pub(super) documents: Vec<Document>,
    /// Sort values of the last document.
    pub(super) last_sort: Option<Vec<Value>>,
    /// Documents in the whole window, where it was asked for.
    pub(super) total: Option<u64>,
    /// The latest name of the view or of the scroll, where the answer gives one.
    pub(super) view: Option<String>,
    /// Shards that answered.
    pub(super) shards: u64,
    /// Those among them that had been found to hold nothing.
    pub(super) skipped: u64,
    /// The marks of the whole window, where they were asked for.
    pub(super) census: Option<Census>,
}

/// A view that was opened.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) id: String,
    /// Shards that it covers, where the server tells.
    pub(super) shards: Option<u64>,
}

/// Why an answer gives no page.
#[derive(Debug, PartialEq)]
pub(super) enum NoPage {
    /// It is not JSON: it was cut off, or it is not the server's, or a document in it has comments.
    Unreadable,
    /// Anything else.
    Fault(Fault),
}

impl From<Fault> for NoPage {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<NoPage> for Fault {
    fn from(no_page: NoPage) -> Self {
        match no_page {
            NoPage::Unreadable => unreadable(),
            NoPage::Fault(fault) => fault,
        }
    }
}

/// Reads a page. `need` is the number of shards that must have answered.
/// `time_at` is the place of the time field among the sort values.
pub(super) fn page(body: &Bytes, need: u64, time_at: usize) -> Result<Page, NoPage> {
    let body = valid_text(body);
    Ok(match cut::cut(&body, time_at) {
        Some(cut) => envelope(&cut.rest)?.into_page(need, |_| cut.hits)?,
        None => parsed(&body, need, time_at)?,
    })
}

/// Reads a page by parsing it whole.
fn parsed(body: &Bytes, need: u64, time_at: usize) -> Result<Page, NoPage> {
    Ok(envelope(body)?.into_page(need, |hits| Hits {
        last_sort: hits.last().map(|hit| hit.sort.clone()),
        documents: hits
            .into_iter()
            .map(|hit| hit.into_document(body, time_at))
            .collect(),
    })?)
}

fn envelope(body: &[u8]) -> Result<Envelope<'_>, NoPage> {
    serde_json::from_slice(body).map_err(|_| NoPage::Unreadable)
}

impl Page {
    /// Takes the times back where their numbers were no nanoseconds.
    pub(super) fn forget_times(&mut self) {
        for document in &mut self.documents {
            document.time = None;
        }
    }
}

/// What the hits of a page tell.
#[derive(Debug, Default, PartialEq)]
struct Hits {
    documents: Vec<Document>,
    last_sort: Option<Vec<Value>>,
}

/// Reads the answer to opening a view.
pub(super) fn view(body: &Bytes) -> Result<View, Fault> {
    #[derive(Deserialize)]
    struct Opened {
        #[serde(alias = "pit_id")]
        id: String,
        #[serde(rename = "_shards")]
        shards: Option<Shards>,
    }
    let opened: Opened = parse(body)?;
    match opened.shards {
        Some(Shards { total: 0, .. }) => Err(no_index()),
        Some(shards) if shards.failed > 0 => Err(fault::partial(&[])),
        shards => Ok(View {
            id: opened.id,
            shards: shards.map(|shards| shards.total),
        }),
    }
}

/// Reads the server's time.
pub(super) fn clock(body: &Bytes) -> Result<Timestamp, Fault> {
    let body: Value = parse(body)?;
    if body["_shards"]["total"] == 0 {
        return Err(no_index());
    }
    let millis = body["aggregations"]["now"]["buckets"][0]["to"].as_f64();
    #[allow(
        clippy::cast_possible_truncation,
        reason = "milliseconds since 1970 fit"
    )]
    millis
        .and_then(|millis| Timestamp::from_millisecond(millis as i64).ok())
        .ok_or_else(|| fault::unavailable("server did not tell its time"))
}

/// The fault of a pattern that matches nothing.
pub(super) fn no_index() -> Fault {
    fault::new(
        FaultReason::IndexNotFound,
        Remedy::Retry,
        "no index matches the pattern of the source: check it, or wait for the first document",
    )
}

#[derive(Deserialize)]
struct Envelope<'a> {
    timed_out: bool,
    #[serde(rename = "_shards")]
    shards: Shards,
    #[serde(rename = "_clusters")]
    clusters: Option<Clusters>,
    #[serde(borrow)]
    hits: Found<'a>,
    aggregations: Option<Aggregations>,
    #[serde(borrow)]
    pit_id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "_scroll_id")]
    scroll_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Shards {
    total: u64,
    successful: u64,
    #[serde(default)]
    skipped: u64,
    #[serde(default)]
    failed: u64,
    #[serde(default)]
    failures: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Clusters {
    skipped: u64,
    partial: u64,
    failed: u64,
}

#[derive(Deserialize)]
struct Found<'a> {
    total: Option<Total>,
    #[serde(borrow)]
    hits: Vec<Hit<'a>>,
}

#[derive(Deserialize)]
struct Total {
    value: u64,
    relation: String,
}

#[derive(Deserialize)]
struct Hit<'a> {
    #[serde(borrow, rename = "_index")]
    index: Cow<'a, str>,
    #[serde(borrow, rename = "_id")]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "_source")]
    source: Option<&'a RawValue>,
    #[serde(default)]
    sort: Vec<Value>,
}

#[derive(Deserialize)]
struct Aggregations {
    census: Histogram,
}

#[derive(Deserialize)]
struct Histogram {
    buckets: Vec<HistogramBucket>,
}

#[derive(Deserialize)]
struct HistogramBucket {
    /// Milliseconds since 1970.
    key: i64,
    doc_count: u64,
    sequence: Option<Sum>,
}

#[derive(Deserialize)]
struct Sum {
    value: Option<f64>,
}

impl From<Histogram> for Census {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a sum of sequence numbers is a whole number, and is compared only"
    )]
    fn from(histogram: Histogram) -> Self {
        let entry = |found: HistogramBucket| {
            let sequence = found.sequence.and_then(|sum| sum.value).unwrap_or_default();
            let bucket = Bucket(found.key.div_euclid(BUCKET_SECONDS * 1000));
            (bucket, Mark::new(found.doc_count, sequence as u64))
        };
        Self(histogram.buckets.into_iter().map(entry).collect())
    }
}

impl<'a> Envelope<'a> {
    /// The page, if it is complete.
    fn into_page(self, need: u64, hits: impl FnOnce(Vec<Hit<'a>>) -> Hits) -> Result<Page, Fault> {
        self.prove_complete(need)?;
        let Hits {
            documents,
            last_sort,
        } = hits(self.hits.hits);
        Ok(Page {
            documents,
            last_sort,
            total: self.hits.total.map(Total::exact).transpose()?,
            view: self.pit_id.or(self.scroll_id).map(Cow::into_owned),
            shards: self.shards.total,
            skipped: self.shards.skipped,
            census: self.aggregations.map(|found| found.census.into()),
        })
    }

    fn prove_complete(&self, need: u64) -> Result<(), Fault> {
        let clusters = self.clusters.as_ref().is_some_and(|clusters| {
            clusters.skipped > 0 || clusters.partial > 0 || clusters.failed > 0
        });
        if self.shards.total < need {
            return Err(fault::new(
                FaultReason::ViewLost,
                Remedy::Reopen,
                "frozen view covers fewer shards than when it was opened",
            ));
        }
        let missing = self.shards.failed > 0 || self.shards.successful < self.shards.total;
        if self.timed_out || missing || clusters {
            return Err(fault::partial(&self.shards.failures));
        }
        Ok(())
    }
}

impl Total {
    fn exact(self) -> Result<u64, Fault> {
        if self.relation == "eq" {
            Ok(self.value)
        } else {
            Err(fault::unavailable(
                "server did not count the documents of a window",
            ))
        }
    }
}

impl Hit<'_> {
    fn into_document(self, body: &Bytes, time_at: usize) -> Document {
        Document {
            index: self.index.into_owned(),
            id: self.id.into_owned(),
            time: self.sort.get(time_at).and_then(time),
            source: self.source.map_or(Bytes::from_static(b"null"), |source| {
                body.slice_ref(source.get().as_bytes())
            }),
            is_rebuilt: false,
        }
    }
}

/// A sort value of the time field: text, or nanoseconds since 1970.
fn time(sort: &Value) -> Option<String> {
    match sort {
        Value::String(text) => Some(text.clone()),
        Value::Number(nanos) => {
            let time = Timestamp::from_nanosecond(i128::from(nanos.as_i64()?)).ok()?;
            Some(time.to_string())
        }
        _ => None,
    }
}

/// Stored documents may hold bytes that are no UTF-8; their page is read none the less.
fn valid_text(body: &Bytes) -> Bytes {
    match str::from_utf8(body) {
        Ok(_) => body.clone(),
        Err(_) => Bytes::from(String::from_utf8_lossy(body).into_owned()),
    }
}

/// serde_json's own message could repeat a part of the answer.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|_| unreadable())
}

fn unreadable() -> Fault {
    fault::unavailable("answer is cut off or not that of a search")
}

#[cfg(test)]
mod tests;
