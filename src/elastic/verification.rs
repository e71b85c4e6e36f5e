//! Who holds an id that was taken when an alert came: the same alert, or another one.
//!
//! Of a stored document nothing but the few fields that tell its origin is asked for.

use serde_json::Value;

use super::{
    fault,
    lookup::{self, Held},
    request::Request,
};
use crate::{
    detect::alert::{Alert, RuleOrigin},
    pipeline::ports::{AddressedAlert, Fault, Outcome},
};

/// What is asked of a stored document.
const ORIGIN: &str = "k8scop.fingerprint,k8scop.rule.uid,k8scop.rule.match_hash";

/// One request for all of these alerts.
pub(super) fn request(alerts: &[&AddressedAlert]) -> Request {
    lookup::request(places(alerts), ORIGIN)
}

/// What became of each of these alerts, in their order.
pub(super) fn outcomes(alerts: &[&AddressedAlert], body: &[u8]) -> Result<Vec<Outcome>, Fault> {
    let held = lookup::held(places(alerts), body).ok_or_else(unknown)?;
    let held = held.iter().zip(alerts);
    Ok(held
        .map(|(held, sent)| outcome(held, &sent.alert))
        .collect())
}

fn places<'a>(alerts: &'a [&AddressedAlert]) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> {
    let place = |alert: &&'a AddressedAlert| (alert.index.as_str(), alert.alert.id.as_str());
    alerts.iter().map(place)
}

fn outcome(held: &Held, sent: &Alert) -> Outcome {
    match held {
        Held::Document(Some(stored)) if !is_same(stored, sent) => Outcome::Taken,
        // An index that keeps no source tells no more than that the id is there.
        Held::Document(_) => Outcome::Duplicate,
        Held::Nothing => Outcome::Retry(fault::unavailable(
            "an alert that the server had is gone again: it is sent again",
        )),
        Held::Unknown(_) => Outcome::Retry(fault::unavailable(
            "server could not show an alert that it has: it is sent again",
        )),
    }
}

/// Whether a stored document is an alert of the same rule about the same request.
fn is_same(source: &Value, alert: &Alert) -> bool {
    let stored = |path: &str| {
        let text = source.pointer(path).and_then(Value::as_str);
        text.unwrap_or_default()
    };
    let rule = RuleOrigin {
        uid: stored("/k8scop/rule/uid"),
        match_hash: stored("/k8scop/rule/match_hash"),
    };
    stored("/k8scop/fingerprint") == alert.fingerprint && !alert.rule_origin().is_other(rule)
}

fn unknown() -> Fault {
    fault::unavailable("server did not show the alerts that it has: they are sent again")
}

#[cfg(test)]
mod tests;
