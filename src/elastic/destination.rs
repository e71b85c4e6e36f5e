//! Whether alerts arrive where their names say, as far as we may see it: an id is unique within one
//! index only, so nothing may stand between.
//!
//! Looking takes the privilege `view_index_metadata` on the alert indices. Where that is not given,
//! the answers to writes still tell when an alert was led elsewhere.

use elasticsearch::http::Method;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    client::Client,
    fault::{self, Operation},
    request::{Request, segment},
    template,
};
use crate::{
    detect::alert::index::{self, CATEGORY},
    pipeline::{
        plan::SinkPlan,
        ports::{Fault, FaultReason, Remedy},
    },
};

/// Refuses a sink whose indices are aliases or data streams: behind those the index that is written
/// to can change.
pub(super) async fn refuse_detours(client: &Client, sink: &SinkPlan) -> Result<(), Fault> {
    let names = format!("{}*", sink.index.replace(CATEGORY, "*"));
    let path = format!("_resolve/index/{}", segment(&names));
    let request = Request::new(Method::Get, path).query("expand_wildcards", "all");
    match look::<Resolved>(client, request).await? {
        Some(resolved) => resolved.check(&sink.index),
        None => Ok(()),
    }
}

/// Refuses a sink whose new indices would be made by a template of somebody else that takes no
/// alerts, or that makes data streams.
pub(super) async fn refuse_foreign_template(client: &Client, sink: &SinkPlan) -> Result<(), Fault> {
    let index = format!("{}-2020.01.01", sink.index.replace(CATEGORY, "category"));
    let path = format!("_index_template/_simulate_index/{}", segment(&index));
    match look::<Simulated>(client, Request::new(Method::Post, path)).await? {
        Some(simulated) => simulated.check(),
        None => Ok(()),
    }
}

/// The answer to a question that we may not be allowed to ask, or that an old server does not know.
async fn look<T: DeserializeOwned>(client: &Client, request: Request) -> Result<Option<T>, Fault> {
    let answer = client.send(Operation::Look, request).await?;
    match answer.status {
        200 => serde_json::from_slice(&answer.body)
            .map(Some)
            .map_err(|_| fault::unavailable("server did not tell what the alert indices are")),
        401 | 429 | 500.. => Err(fault::refused(Operation::Look, &answer)),
        _ => Ok(None),
    }
}

/// What stands under some names.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Resolved {
    aliases: Vec<Alias>,
    data_streams: Vec<DataStream>,
}

#[derive(Debug, Deserialize)]
struct Alias {
    name: String,
    #[serde(default)]
    indices: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct DataStream {
    name: String,
}

impl Resolved {
    fn check(&self, prefix: &str) -> Result<(), Fault> {
        let stands_for = |alias: &Alias| {
            let only_ours = alias.indices.iter().all(|index| is_ours(prefix, index));
            is_ours(prefix, &alias.name) || (alias.name == prefix && !only_ours)
        };
        let is_stream =
            |stream: &DataStream| stream.name == prefix || is_ours(prefix, &stream.name);
        if self.aliases.iter().any(stands_for) || self.data_streams.iter().any(is_stream) {
            return Err(not_deterministic(
                "sink.index leads to an alias or a data stream, behind which an alert could stand twice: choose a prefix that is none, for indices of its own",
            ));
        }
        Ok(())
    }
}

/// Whether this is the name of an index that alerts of this prefix go to.
pub(super) fn is_ours(prefix: &str, name: &str) -> bool {
    let Some(own) = index::prefix(name) else {
        return false;
    };
    match prefix.split_once(CATEGORY) {
        None => own == prefix,
        Some((before, after)) => own
            .strip_prefix(before)
            .is_some_and(|rest| rest.ends_with(after)),
    }
}

/// What a new index would be.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Simulated {
    template: Value,
}

impl Simulated {
    fn check(&self) -> Result<(), Fault> {
        let mappings = &self.template["mappings"];
        if template::is_managed(mappings) {
            return Ok(());
        }
        if !mappings["_data_stream_timestamp"].is_null() {
            return Err(not_deterministic(
                "an index template makes a data stream of the alert indices: narrow its patterns, or give ours the higher priority",
            ));
        }
        if mappings["dynamic"] == "strict" {
            return Err(fault::new(
                FaultReason::SinkTemplateMissing,
                Remedy::Retry,
                "an index template with \"dynamic\": \"strict\" wins over ours for the alert indices: narrow its patterns, or lower its priority",
            ));
        }
        Ok(())
    }
}

fn not_deterministic(message: &str) -> Fault {
    fault::new(FaultReason::SinkNotDeterministic, Remedy::Retry, message)
}

#[cfg(test)]
mod tests;
