//! The identity of requests and alerts: the same request and rule give the same id, on every run,
//! in every layout, for ever.
//!
//! ```text
//! lp(x)    = u32_be(len(x)) || x
//! eventKey = SHA256( lp("k8scop.event.v1") || lp(cluster) || lp(auditID)
//!                    || lp(requestReceivedTimestamp) || lp(verb) || lp(requestURI)
//!                    || lp(user.username) || lp(impersonatedUser.username)
//!                    || lp(sourceIPs joined by ",")
//!                    || (alertPer Event: lp(stage) || lp(stageTimestamp)) )
//! alertId  = the first 40 hex digits of
//!            SHA256( lp("k8scop.alert.v1") || lp(tenant) || lp(rule) || eventKey )
//! ```
//!
//! All is hashed as text, as the event has it; what is missing is empty. The caller of a request
//! chooses its audit id, so that alone is no key; the time of the request is the apiserver's. An
//! event that has neither is known by its document:
//! `SHA256( lp("k8scop.doc.v1") || lp(index) || lp(id) )`, followed by `lp(position)` for the
//! further events of a list.
//!
//! Where another alert holds an id already, the id is
//! `the first 40 hex digits of SHA256( lp("k8scop.taken.v1") || lp(alertId) || lp(uid of the rule) )`.
//!
//! Neither the job nor the revision of the rule is part of the id: a second job over the same
//! events makes the same alerts.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    definition::{AlertPer, RuleDefinition},
    document::Document,
    event::Event,
    json::{first_text, text, walk},
};

/// What one alert stands for, in a form that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventKey {
    digest: [u8; 32],
    basis: Basis,
}

/// What a key was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// The request itself.
    Request,
    /// The document, for want of anything better.
    Document,
}

impl EventKey {
    /// The key of an event.
    pub(super) fn new(event: &Event, document: &Document, cluster: &str, per: AlertPer) -> Self {
        let root = event.root();
        let has = |name| first_text(root, &[name]).is_some();
        if has("auditID") || has("requestReceivedTimestamp") {
            return Self {
                digest: digest("k8scop.event.v1", &request(root, cluster, per)),
                basis: Basis::Request,
            };
        }
        let position = event.position().to_string();
        let parts = [document.index.as_str(), &document.id, &position];
        let parts = if event.position() > 0 {
            &parts[..]
        } else {
            &parts[..2]
        };
        Self {
            digest: digest("k8scop.doc.v1", parts),
            basis: Basis::Document,
        }
    }

    /// What it was made of.
    pub(super) fn basis(&self) -> Basis {
        self.basis
    }

    /// 64 hex digits.
    pub(super) fn to_hex(&self) -> String {
        hex(&self.digest)
    }

    /// The id of the alert that a rule of a tenant makes: 40 hex digits.
    pub(super) fn alert_id(&self, tenant: &str, rule: &str) -> String {
        let mut hash = Sha256::new();
        for text in ["k8scop.alert.v1", tenant, rule] {
            add(&mut hash, text);
        }
        hash.update(self.digest);
        hex(&hash.finalize()[..20])
    }
}

/// All that makes a request the one it is, in the order of the key.
fn request<'e>(root: &'e Value, cluster: &'e str, per: AlertPer) -> Vec<Cow<'e, str>> {
    let member = |path: &[&str]| first_text(root, path).unwrap_or_default();
    let mut source_ips = Vec::new();
    walk(root, &["sourceIPs"], &mut |end| {
        source_ips.extend(text(end))
    });
    let mut parts = vec![
        Cow::Borrowed(cluster),
        member(&["auditID"]),
        member(&["requestReceivedTimestamp"]),
        member(&["verb"]),
        member(&["requestURI"]),
        member(&["user", "username"]),
        member(&["impersonatedUser", "username"]),
        Cow::Owned(source_ips.join(",")),
    ];
    if per == AlertPer::Event {
        parts.extend([member(&["stage"]), member(&["stageTimestamp"])]);
    }
    parts
}

/// The id of an alert whose id is held by another one: 40 hex digits.
pub fn own_id(alert_id: &str, rule_uid: &str) -> String {
    hex(&digest("k8scop.taken.v1", &[alert_id, rule_uid])[..20])
}

/// The hash of all that the id of an alert is made of: 64 hex digits. Of two alerts with one id
/// and different fingerprints, one is forged.
pub(super) fn fingerprint(parts: &[&str]) -> String {
    hex(&digest("k8scop.fingerprint.v1", parts))
}

/// A hash of what a rule looks for, whatever it is called and says: 16 hex digits.
pub(super) fn match_hash(definition: &RuleDefinition) -> String {
    let mut looked_for = vec![
        serde_json::json!(definition.selections),
        serde_json::json!(definition.condition),
        serde_json::json!(definition.exceptions),
        serde_json::json!(definition.alert_per),
    ];
    if !definition.outcomes.is_empty() {
        looked_for.push(serde_json::json!(definition.outcomes));
    }
    let looked_for = serde_json::Value::Array(looked_for);
    hex(&digest("k8scop.match.v1", &[looked_for.to_string()])[..8])
}

/// What an alert tells of the rule that made it, beside its name. What is not known is empty.
#[derive(Clone, Copy, Debug)]
pub struct RuleOrigin<'a> {
    /// Uid of the rule.
    pub uid: &'a str,
    /// Hash of what it looks for.
    pub match_hash: &'a str,
}

impl RuleOrigin<'_> {
    /// Whether these are two rules that had one name: they have different uids and look for
    /// different things. An edited rule keeps the one, a rule that is made again the other; what is
    /// not known tells nothing.
    pub fn is_other(self, than: RuleOrigin<'_>) -> bool {
        let differ = |a: &str, b: &str| !a.is_empty() && !b.is_empty() && a != b;
        differ(self.uid, than.uid) && differ(self.match_hash, than.match_hash)
    }
}

/// SHA-256 over texts, each preceded by its length: no two lists of texts give the same bytes.
fn digest<T: AsRef<str>>(purpose: &str, parts: &[T]) -> [u8; 32] {
    let mut hash = Sha256::new();
    add(&mut hash, purpose);
    for part in parts {
        add(&mut hash, part.as_ref());
    }
    hash.finalize().into()
}

fn add(hash: &mut Sha256, text: &str) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    hash.update(length.to_be_bytes());
    hash.update(text);
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}
