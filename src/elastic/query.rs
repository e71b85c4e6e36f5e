//! The calls that read a source, as plain data: nothing is sent here.

mod detail;

use std::ops::Range;

use elasticsearch::http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

pub(super) use self::detail::Detail;
use super::{
    pushdown::Filter,
    request::{Request, segment},
    scope::Marks,
    server::Dialect,
};
use crate::{
    detect::document::Document,
    pipeline::{
        plan::{SourcePlan, TermFilter},
        window::Window,
    },
};

/// How long the server keeps a frozen view between two pages.
const KEEP_ALIVE: &str = "2m";

/// Views and counts are asked of the same copies of shards as far as possible: copies show new
/// documents at different moments.
const COPY: &str = "k8scop";

/// Format of times in queries.
const FORMAT: &str = "strict_date_optional_time_nanos";

/// No audit event is older than Kubernetes: an earlier time is a wrong one, such as seconds that a
/// mapping takes for milliseconds.
const KUBERNETES: &str = "2014-01-01T00:00:00Z";

/// The years that a server can sort by nanoseconds.
const NANOSECONDS: Range<Timestamp> =
    Timestamp::UNIX_EPOCH..Timestamp::constant(i64::MAX / 1_000_000_000, 0);

/// Everything that stays the same over the pages of one window.
#[derive(Clone, Debug)]
pub(super) struct WindowQuery {
    pub(super) timestamp_field: String,
    pub(super) filter: Vec<TermFilter>,
    pub(super) window: Window,
    pub(super) marks: Marks,
    /// What documents must meet to be handed out; marks are of all.
    pub(super) pushdown: Option<Filter>,
}

/// What differs from page to page.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageQuery<'a> {
    pub(super) reading: Reading,
    pub(super) size: usize,
    pub(super) detail: Detail,
    /// Sort values of the last document that was read; `None` for the first page.
    pub(super) after: Option<&'a [Value]>,
}

/// Which documents of a window are read, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// All, by time.
    ByTime,
    /// One of so many parts, as the documents are stored: the server then reads each of its blocks
    /// once, and goes on where it stopped instead of looking at all documents for every page.
    AsStored { slice: usize, of: usize },
}

impl Reading {
    /// The place of the time field among the sort values.
    pub(super) fn time_at(self) -> usize {
        match self {
            Self::ByTime => 0,
            Self::AsStored { .. } => 2,
        }
    }
}

/// `GET /`.
pub(super) fn root() -> Request {
    Request::new(Method::Get, "")
}

/// The server's time, by the only way that needs no more than the right to read: the bound `now`
/// of a range that no document is tested against.
pub(super) fn clock(source: &SourcePlan) -> Request {
    let now = json!({"date_range": {"field": source.timestamp_field, "ranges": [{"to": "now"}]}});
    existing(Request::new(
        Method::Post,
        format!("{}/_search", segment(&source.index)),
    ))
    .query("request_cache", "false")
    .json(json!({"size": 0, "query": {"match_none": {}}, "aggs": {"now": now}}))
}

/// How the time field is mapped, and whether sequence numbers can be added up.
pub(super) fn mapping(source: &SourcePlan) -> Request {
    let path = format!("{}/_field_caps", segment(&source.index));
    let fields = format!("{},_seq_no", source.timestamp_field);
    existing(Request::new(Method::Post, path)).query("fields", fields)
}

/// How fields are mapped in each index, and in which they are not.
pub(super) fn capabilities(source: &SourcePlan, fields: &[String]) -> Request {
    let path = format!("{}/_field_caps", segment(&source.index));
    existing(Request::new(Method::Post, path))
        .query("fields", fields.join(","))
        .query("include_unmapped", "true")
}

/// The mapping of fields in each index.
pub(super) fn field_mappings<'f>(
    source: &SourcePlan,
    fields: impl Iterator<Item = &'f str>,
) -> Request {
    let fields: Vec<_> = fields.map(|field| segment(field).to_string()).collect();
    let path = format!(
        "{}/_mapping/field/{}",
        segment(&source.index),
        fields.join(",")
    );
    existing(Request::new(Method::Get, path))
}

/// The marks of a span.
pub(super) fn census(source: &SourcePlan, span: Window, marks: Marks) -> Request {
    let field = &source.timestamp_field;
    let mut body =
        json!({"track_total_hits": false, "query": in_window(field, span, &source.filter)});
    body["aggs"] = marked(field, marks);
    count(source, body)
}

/// Counts documents that lack the time field, or have a time before there was Kubernetes.
pub(super) fn without_time(source: &SourcePlan) -> Request {
    let field = &source.timestamp_field;
    let none = json!({"bool": {"must_not": {"exists": {"field": field}}}});
    let early = json!({"range": {field: {"lt": KUBERNETES, "format": FORMAT}}});
    let query = json!({"bool": {
        "filter": terms(&source.filter),
        "should": [none, early],
        "minimum_should_match": 1,
    }});
    count(source, json!({"track_total_hits": true, "query": query}))
}

fn count(source: &SourcePlan, mut body: Value) -> Request {
    body["size"] = json!(0);
    existing(Request::new(
        Method::Post,
        format!("{}/_search", segment(&source.index)),
    ))
    .query("preference", COPY)
    .query("request_cache", "false")
    .query("allow_partial_search_results", "false")
    .json(body)
}

/// Freezes the indices of a source.
pub(super) fn open_view(dialect: Dialect, source: &SourcePlan) -> Request {
    let index = segment(&source.index);
    match dialect {
        Dialect::OpenSearch => existing(Request::new(
            Method::Post,
            format!("{index}/_search/point_in_time"),
        ))
        .query("keep_alive", KEEP_ALIVE)
        .query("preference", COPY)
        .query("allow_partial_pit_creation", "false"),
        Dialect::Elasticsearch => existing(Request::new(Method::Post, format!("{index}/_pit")))
            .query("keep_alive", KEEP_ALIVE)
            .query("preference", COPY),
    }
}

/// Gives a frozen view up.
pub(super) fn close_view(dialect: Dialect, id: &str) -> Request {
    match dialect {
        Dialect::Elasticsearch => Request::new(Method::Delete, "_pit").json(json!({"id": id})),
        Dialect::OpenSearch => {
            Request::new(Method::Delete, "_search/point_in_time").json(json!({"pit_id": [id]}))
        }
    }
}

/// Gives a scroll up.
pub(super) fn close_scroll(id: &str) -> Request {
    Request::new(Method::Delete, "_search/scroll").json(json!({"scroll_id": [id]}))
}

/// One page of a frozen view. Sending it again gives the same page.
pub(super) fn page(
    dialect: Dialect,
    view: &str,
    query: &WindowQuery,
    page: PageQuery<'_>,
) -> Request {
    let mut body = query.body(page);
    let time = query.sort(Some(dialect));
    let is_first = page.after.is_none();
    let counts = is_first && page.reading == Reading::ByTime;
    body["track_total_hits"] = json!(counts);
    if counts {
        body["aggs"] = marked(&query.timestamp_field, query.marks);
    }
    if let Some(after) = page.after {
        body["search_after"] = json!(after);
    }
    match page.reading {
        Reading::ByTime => body["sort"] = json!([time, {"_shard_doc": "asc"}]),
        Reading::AsStored { slice, of } => {
            // The time orders nothing any more, but is told.
            body["sort"] = json!(["_doc", {"_shard_doc": "asc"}, time]);
            if of > 1 {
                body["slice"] = json!({"id": slice, "max": of});
            }
        }
    }
    match &query.pushdown {
        // What counts does not see a filter that comes after it; within the query it is cheaper.
        Some(pushdown) if counts => body["post_filter"] = pushdown.clause().clone(),
        Some(pushdown) => {
            body["query"] = json!({"bool": {"filter": [body["query"], pushdown.clause()]}})
        }
        None => {}
    }
    of_view(view, body)
}

/// The number of documents in a frozen view, without those that are left out, and the marks of all.
pub(super) fn view_census(view: &str, query: &WindowQuery) -> Request {
    let field = &query.timestamp_field;
    let mut body = json!({
        "size": 0,
        "track_total_hits": true,
        "query": in_window(field, query.window, &query.filter),
    });
    body["aggs"] = marked(field, query.marks);
    if let Some(pushdown) = &query.pushdown {
        body["post_filter"] = pushdown.clause().clone();
    }
    of_view(view, body)
}

fn of_view(view: &str, mut body: Value) -> Request {
    body["pit"] = json!({"id": view, "keep_alive": KEEP_ALIVE});
    Request::new(Method::Post, "_search")
        .query("allow_partial_search_results", "false")
        .json(body)
}

/// The first page of a scroll; the answer names the scroll.
pub(super) fn open_scroll(
    source: &SourcePlan,
    query: &WindowQuery,
    page: PageQuery<'_>,
) -> Request {
    let mut body = query.body(page);
    body["track_total_hits"] = json!(true);
    body["sort"] = json!([query.sort(None)]);
    body["aggs"] = marked(&query.timestamp_field, query.marks);
    existing(Request::new(
        Method::Post,
        format!("{}/_search", segment(&source.index)),
    ))
    .query("scroll", KEEP_ALIVE)
    .query("preference", COPY)
    .query("allow_partial_search_results", "false")
    .json(body)
}

/// The body of a search that asks of an index what reading a window asks.
pub(super) fn probe(query: &WindowQuery) -> Value {
    let mut body = query.body(PageQuery {
        reading: Reading::ByTime,
        size: 1,
        detail: Detail::IdOnly,
        after: None,
    });
    body["sort"] = json!([query.sort(None)]);
    body["aggs"] = marked(&query.timestamp_field, query.marks);
    body
}

/// One document of a page that told its name only.
pub(super) fn document(named: &Document, detail: Detail) -> Request {
    Request::new(Method::Post, format!("{}/_search", segment(&named.index)))
        .query("allow_partial_search_results", "false")
        .json(json!({
            "size": 1,
            "query": {"ids": {"values": [&named.id]}},
            "_source": detail.source(),
        }))
}

/// The next page of a scroll. Sending it again skips a page.
pub(super) fn next_scroll(id: &str) -> Request {
    Request::new(Method::Post, "_search/scroll")
        .json(json!({"scroll": KEEP_ALIVE, "scroll_id": id}))
}

impl WindowQuery {
    /// Returns whether documents are sorted by nanoseconds. In other years a server refuses to, and
    /// milliseconds are all that it has.
    pub(super) fn is_in_nanoseconds(&self) -> bool {
        NANOSECONDS.start <= self.window.start && self.window.end <= NANOSECONDS.end
    }

    fn body(&self, page: PageQuery<'_>) -> Value {
        json!({
            "size": page.size,
            "query": in_window(&self.timestamp_field, self.window, &self.filter),
            "_source": page.detail.source(),
        })
    }

    /// Indices may map the field with different precision, and a new one not at all. OpenSearch
    /// and a scroll know no `format` here: they give nanoseconds as a number.
    fn sort(&self, dialect: Option<Dialect>) -> Value {
        let numeric_type = match self.is_in_nanoseconds() {
            true => "date_nanos",
            false => "date",
        };
        let mut order = json!({
            "order": "asc",
            "numeric_type": numeric_type,
            "unmapped_type": "date",
        });
        if dialect == Some(Dialect::Elasticsearch) {
            order["format"] = json!(FORMAT);
        }
        json!({&self.timestamp_field: order})
    }
}

fn in_window(field: &str, window: Window, filter: &[TermFilter]) -> Value {
    let mut all = vec![json!({"range": {field: {
        "gte": window.start.to_string(),
        "lt": window.end.to_string(),
        "format": FORMAT,
    }}})];
    all.extend(terms(filter));
    json!({"bool": {"filter": all}})
}

fn terms(filter: &[TermFilter]) -> Vec<Value> {
    filter
        .iter()
        .map(|term| json!({"terms": {&term.field: &term.values}}))
        .collect()
}

/// The marks of what a search finds, in buckets of five minutes since 1970.
fn marked(field: &str, marks: Marks) -> Value {
    let buckets = json!({"field": field, "fixed_interval": "5m", "min_doc_count": 1});
    match marks {
        Marks::Sequence => json!({"census": {
            "date_histogram": buckets,
            "aggs": {"sequence": {"sum": {"field": "_seq_no"}}},
        }}),
        Marks::Count => json!({"census": {"date_histogram": buckets}}),
    }
}

/// A pattern that matches nothing is an error, not an empty result.
fn existing(request: Request) -> Request {
    request
        .query("allow_no_indices", "false")
        .query("ignore_unavailable", "false")
        .query("expand_wildcards", "open")
}

#[cfg(test)]
mod tests;
