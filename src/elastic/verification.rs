//! Who holds an id that was taken when an alert came: the same alert, or another one.
//!
//! Looked up by id, which also finds what is not searchable yet. Of a stored document nothing but
//! the few fields that tell its origin is asked for.

use std::borrow::Cow;

use elasticsearch::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{fault, request::Request};
use crate::{
    detect::alert::Alert,
    pipeline::ports::{AddressedAlert, Fault, Outcome},
};

/// What is asked of a stored document.
const ORIGIN: &str = "k8scop.fingerprint,k8scop.rule.uid,k8scop.rule.match_hash";

/// One request for all of these alerts.
pub(super) fn request(alerts: &[&AddressedAlert]) -> Request {
    let place = |alert: &&AddressedAlert| json!({"_index": alert.index, "_id": alert.alert.id});
    let places: Vec<Value> = alerts.iter().map(place).collect();
    Request::new(Method::Post, "_mget")
        .query("realtime", "true")
        .query("_source_includes", ORIGIN)
        .json(json!({"docs": places}))
}

/// What became of each of these alerts, in their order.
pub(super) fn outcomes(alerts: &[&AddressedAlert], body: &[u8]) -> Result<Vec<Outcome>, Fault> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| unknown())?;
    if answer.docs.len() != alerts.len() {
        return Err(unknown());
    }
    let docs = answer.docs.iter().zip(alerts);
    docs.map(|(stored, alert)| stored.outcome(alert)).collect()
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    docs: Vec<Stored<'a>>,
}

#[derive(Deserialize)]
struct Stored<'a> {
    #[serde(borrow, rename = "_index")]
    index: Cow<'a, str>,
    #[serde(borrow, rename = "_id")]
    id: Cow<'a, str>,
    found: Option<bool>,
    #[serde(rename = "_source")]
    source: Option<Value>,
}

impl Stored<'_> {
    fn outcome(&self, sent: &AddressedAlert) -> Result<Outcome, Fault> {
        if self.index != sent.index || self.id != sent.alert.id {
            return Err(unknown());
        }
        Ok(match (self.found, &self.source) {
            (Some(true), Some(source)) if !is_same(source, &sent.alert) => Outcome::Taken,
            // An index that keeps no source tells no more than that the id is there.
            (Some(true), _) => Outcome::Duplicate,
            (Some(false), _) => Outcome::Retry(fault::unavailable(
                "an alert that the server had is gone again: it is sent again",
            )),
            (None, _) => Outcome::Retry(fault::unavailable(
                "server could not show an alert that it has: it is sent again",
            )),
        })
    }
}

/// Whether a stored document is an alert of the same rule about the same request. A rule is another
/// one if it has another uid and looks for something else; what is not known tells nothing.
fn is_same(source: &Value, alert: &Alert) -> bool {
    let stored = |path: &str| source.pointer(path).and_then(Value::as_str);
    let differs =
        |path: &str, own: &str| stored(path).is_some_and(|stored| !own.is_empty() && stored != own);
    let other_rule = differs("/k8scop/rule/uid", &alert.rule_uid)
        && differs("/k8scop/rule/match_hash", &alert.match_hash);
    stored("/k8scop/fingerprint") == Some(&alert.fingerprint) && !other_rule
}

fn unknown() -> Fault {
    fault::unavailable("server did not show the alerts that it has: they are sent again")
}

#[cfg(test)]
mod tests;
