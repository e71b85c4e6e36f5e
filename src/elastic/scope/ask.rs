//! The calls that ask what a pattern covers and what of it can be read, as plain data.

use bytes::Bytes;
use elasticsearch::http::Method;
use serde_json::json;

use super::{Marks, rebuilt};
use crate::{
    elastic::{
        query::{self, WindowQuery},
        request::{Request, segment},
    },
    pipeline::{plan::SourcePlan, window::Window},
};

/// Asks for the indices behind a pattern.
pub(super) fn roster(plan: &SourcePlan) -> Request {
    let path = format!("_resolve/index/{}", segment(&plan.index));
    lenient(Request::new(Method::Get, path), "open,closed")
}

/// Asks for the definitions of aliases.
pub(super) fn aliases(names: &[&str]) -> Request {
    Request::new(Method::Get, format!("_alias/{}", segment(&names.join(","))))
}

/// Asks for the settings that say how indices keep documents.
pub(super) fn settings(plan: &SourcePlan) -> Request {
    let path = format!("{}/_settings/{}", segment(&plan.index), rebuilt::SETTINGS);
    lenient(Request::new(Method::Get, path), "open").query("flat_settings", "true")
}

fn lenient(request: Request, expand: &'static str) -> Request {
    request
        .query("expand_wildcards", expand)
        .query("ignore_unavailable", "true")
        .query("allow_no_indices", "true")
}

/// One search for each index, as a window is read. It finds nothing: a shard refuses what it
/// cannot do before it looks.
pub(super) fn probes<'i>(plan: &SourcePlan, indices: impl Iterator<Item = &'i str>) -> Request {
    let query = WindowQuery {
        timestamp_field: plan.timestamp_field.clone(),
        filter: plan.filter.clone(),
        window: Window {
            start: jiff::Timestamp::UNIX_EPOCH,
            end: jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_millis(1),
        },
        // An index without sequence numbers can be read.
        marks: Marks::Count,
        pushdown: None,
    };
    let body = query::probe(&query);
    let lines: String = indices
        .map(|index| {
            let head = json!({
                "index": [index],
                "allow_partial_search_results": false,
                "allow_no_indices": false,
                "ignore_unavailable": false,
                "expand_wildcards": ["open"],
            });
            format!("{head}\n{body}\n")
        })
        .collect();
    Request::new(Method::Post, "_msearch").lines(Bytes::from(lines))
}
