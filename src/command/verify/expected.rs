//! The alerts that must exist, kept small: a million of them fit in some 300 MiB.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    detect::alert::{RuleOrigin, own_id},
    elastic::StoredAlert,
    pipeline::ports::AddressedAlert,
};

/// The id of an alert: 40 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct AlertId([u8; 20]);

/// An alert that must exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExpectedAlert {
    /// Where it belongs.
    pub(super) index: Arc<str>,
    /// What made it.
    pub(super) rule: Arc<RuleMark>,
    /// Its fingerprint.
    fingerprint: [u8; 32],
    /// Time of the last document that it was found in.
    pub(super) time: Option<Timestamp>,
    /// Index of the first document that it was found in.
    pub(super) source_index: Arc<str>,
    /// Id of that document.
    pub(super) source_id: Box<str>,
}

/// What the alerts of a rule say of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RuleMark {
    /// Its key.
    pub(super) key: String,
    /// Its uid.
    pub(super) uid: String,
    /// What it looks for.
    match_hash: String,
}

/// What lies where an alert belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The alert.
    Whole,
    /// The alert, without what was refused.
    Reduced,
    /// Another alert.
    Taken,
    /// Nothing.
    Absent,
}

/// The alerts that must exist.
#[derive(Debug, Default)]
pub(super) struct Expected {
    alerts: HashMap<AlertId, ExpectedAlert>,
    texts: BTreeMap<String, Arc<str>>,
    rules: BTreeMap<String, Arc<RuleMark>>,
}

impl AlertId {
    /// Reads 40 hex digits in lower case.
    pub(super) fn parse(text: &str) -> Option<Self> {
        digits(text).map(Self)
    }
}

impl std::fmt::Display for AlertId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl RuleMark {
    fn origin(&self) -> RuleOrigin<'_> {
        RuleOrigin {
            uid: &self.uid,
            match_hash: &self.match_hash,
        }
    }
}

impl Expected {
    /// Adds an alert that was found, unless it was found before.
    pub(super) fn add(&mut self, found: &AddressedAlert) {
        let AddressedAlert { index, alert, .. } = found;
        let id = AlertId::parse(&alert.id).expect("an alert's id is 40 hex digits");
        if let Some(known) = self.alerts.get_mut(&id) {
            known.time = known.time.max(alert.source_time);
            return;
        }
        let text = |path: &str| {
            let value = alert.document.pointer(path).and_then(Value::as_str);
            value.unwrap_or_default()
        };
        let fingerprint = digits(&alert.fingerprint);
        let rule = self.rules.entry(alert.rule.clone()).or_insert_with(|| {
            Arc::new(RuleMark {
                key: alert.rule.clone(),
                uid: alert.rule_uid.clone(),
                match_hash: alert.match_hash.clone(),
            })
        });
        let rule = Arc::clone(rule);
        let entry = ExpectedAlert {
            index: self.shared(index),
            rule,
            fingerprint: fingerprint.expect("an alert has a fingerprint of 64 hex digits"),
            time: alert.source_time,
            source_index: self.shared(text("/k8scop/source/index")),
            source_id: text("/k8scop/source/id").into(),
        };
        self.alerts.insert(id, entry);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.alerts.len()
    }

    /// The alert of an id.
    pub(super) fn get(&self, id: AlertId) -> Option<&ExpectedAlert> {
        self.alerts.get(&id)
    }

    /// All ids, in their order.
    pub(super) fn ids(&self) -> Vec<AlertId> {
        let mut ids: Vec<_> = self.alerts.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// The fingerprints of all alerts.
    pub(super) fn fingerprints(&self) -> impl Iterator<Item = [u8; 32]> {
        self.alerts.values().map(|alert| alert.fingerprint)
    }

    fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let shared = Arc::<str>::from(text);
        self.texts.insert(text.to_owned(), Arc::clone(&shared));
        shared
    }
}

impl ExpectedAlert {
    /// The id that the alert has if another one holds its own.
    pub(super) fn own_id(&self, id: AlertId) -> AlertId {
        let own = own_id(&id.to_string(), &self.rule.uid);
        AlertId::parse(&own).expect("an alert's id is 40 hex digits")
    }

    /// Compares with what lies in the place of the alert. Alerts with one fingerprint are of one
    /// tenant, request and name of a rule, but that may have gone over to another rule.
    pub(super) fn standing(&self, stored: Option<&StoredAlert>) -> Standing {
        let Some(stored) = stored else {
            return Standing::Absent;
        };
        if fingerprint(stored) != Some(self.fingerprint) {
            return Standing::Taken;
        }
        match (
            self.rule.origin().is_other(stored.rule_origin()),
            stored.reduced,
        ) {
            (true, _) => Standing::Taken,
            (false, true) => Standing::Reduced,
            (false, false) => Standing::Whole,
        }
    }
}

/// The fingerprint that a stored alert tells.
pub(super) fn fingerprint(stored: &StoredAlert) -> Option<[u8; 32]> {
    digits(&stored.fingerprint)
}

/// Reads bytes written as two hex digits each, in lower case.
fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}
