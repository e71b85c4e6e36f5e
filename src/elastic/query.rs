//! The calls that read a source, as plain data: nothing is sent here.

use elasticsearch::http::Method;
use serde_json::{Value, json};

use super::{
    mapping::Marks,
    pushdown::Filter,
    request::{Request, segment},
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

/// How much of each document is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// All of it. To pick fields out costs the server more than to send everything.
    Whole,
    /// All of it, written anew by the server. What it stored may hold comments, which are no JSON.
    Rewritten,
    /// The same without the bodies of request and response.
    WithoutBodies,
    /// That there is such a document.
    IdOnly,
}

/// Bodies of an event at whatever depth its layout keeps it. One within text stays.
const BODIES: [&str; 4] = [
    "requestObject",
    "responseObject",
    "*.requestObject",
    "*.responseObject",
];

/// A field that no document has. To leave it out makes a server parse what it stored.
const NO_FIELD: &str = "k8scop-none";

impl Detail {
    /// The `_source` part of a search.
    fn source(self) -> Value {
        match self {
            Self::Whole => json!(true),
            Self::Rewritten => json!({"excludes": [NO_FIELD]}),
            Self::WithoutBodies => json!({"excludes": BODIES}),
            Self::IdOnly => json!(false),
        }
    }

    /// Whether it is all of the document.
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Self::Whole | Self::Rewritten)
    }

    /// What to ask of one document that is too large with this much of it.
    pub(super) fn less(self) -> Option<Self> {
        match self {
            Self::Whole | Self::Rewritten => Some(Self::WithoutBodies),
            Self::WithoutBodies => Some(Self::IdOnly),
            Self::IdOnly => None,
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

/// How many documents lack the time field.
pub(super) fn without_time(source: &SourcePlan) -> Request {
    let query = json!({"bool": {
        "filter": terms(&source.filter),
        "must_not": {"exists": {"field": source.timestamp_field}},
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
        let mut order = json!({
            "order": "asc",
            "numeric_type": "date_nanos",
            "unmapped_type": "date",
        });
        if dialect == Some(Dialect::Elasticsearch) {
            order["format"] = json!("strict_date_optional_time_nanos");
        }
        json!({&self.timestamp_field: order})
    }
}

fn in_window(field: &str, window: Window, filter: &[TermFilter]) -> Value {
    let mut all = vec![json!({"range": {field: {
        "gte": window.start.to_string(),
        "lt": window.end.to_string(),
        "format": "strict_date_optional_time_nanos",
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
