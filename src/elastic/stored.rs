//! The alerts that a server holds, read to be compared with those that it should hold. Nothing is
//! written here.

use std::sync::Arc;

use serde_json::Value;

use super::{
    ConnectionSettings,
    client::Client,
    destination,
    fault::{self, Operation},
    lookup::{self, Held},
    server::Server,
    source::ElasticSource,
};
use crate::{
    detect::{
        alert::{
            RuleOrigin,
            index::{self, CATEGORY},
        },
        document::Document,
        layout::Layout,
    },
    pipeline::{
        plan::{SinkPlan, SourcePlan},
        ports::{Fault, FaultReason, Pages, Remedy, Source},
        window::Window,
    },
};

/// The time of the document that an alert was found in.
const SPAN_FIELD: &str = "k8scop.source.time";

/// What is asked of an alert.
const FIELDS: &str = "k8scop.fingerprint,k8scop.job,k8scop.tenant,k8scop.rule,k8scop.reduced,k8scop.source,rule.name";

/// The alert indices of a sink.
pub struct StoredAlerts {
    client: Arc<Client>,
    indices: ElasticSource,
    sink: SinkPlan,
}

/// What an alert says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredAlert {
    /// Its index.
    pub index: String,
    /// Its id.
    pub id: String,
    /// `k8scop.fingerprint`: equal for alerts of one tenant, rule and request.
    pub fingerprint: String,
    /// Key of the rule.
    pub rule: String,
    /// Uid of the rule.
    pub rule_uid: String,
    /// What the rule looked for.
    pub match_hash: String,
    /// Name of the job that wrote it.
    pub job: String,
    /// Namespace of that job.
    pub tenant: String,
    /// Whether a part of it was refused.
    pub reduced: bool,
    /// Time of the document that it was found in, as it is written there.
    pub time: String,
    /// That document: its index and its id.
    pub source: (String, String),
}

impl StoredAlert {
    /// The rule that made it.
    pub fn rule_origin(&self) -> RuleOrigin<'_> {
        RuleOrigin {
            uid: &self.rule_uid,
            match_hash: &self.match_hash,
        }
    }
}

impl StoredAlerts {
    /// The alerts of a sink on a server.
    pub async fn connect(settings: &ConnectionSettings, sink: &SinkPlan) -> Result<Self, Fault> {
        let client = Arc::new(Client::new(settings)?);
        let server = Server::recognise(&client).await?;
        let plan = SourcePlan {
            index: format!("{}-*", sink.index.replace(CATEGORY, "*")),
            timestamp_field: SPAN_FIELD.to_owned(),
            layout: Layout::Raw,
            layout_path: None,
            filter: Vec::new(),
        };
        Ok(Self {
            indices: ElasticSource::new(Arc::clone(&client), server.reader(), plan),
            client,
            sink: sink.clone(),
        })
    }

    /// What lies at these places (index and id) now, searchable or not; in the same order.
    pub async fn get(
        &self,
        places: &[(String, String)],
    ) -> Result<Vec<Option<StoredAlert>>, Fault> {
        let answer = self
            .client
            .call(Operation::Verify, lookup::request(parts(places), FIELDS))
            .await?;
        found(places, &answer.body)
    }

    /// All alerts of the sink's indices that were found in documents of a span, whoever wrote them,
    /// as far as they are searchable. `None`: there is no index yet.
    pub async fn open(&self, span: Window) -> Result<Option<Box<dyn Pages>>, Fault> {
        match self.indices.open(span, None).await {
            Ok(pages) => Ok(Some(pages)),
            Err(fault) if fault.reason == FaultReason::IndexNotFound => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The alert of a document that was listed; `None` if its index is none of the sink's.
    pub fn read(&self, document: &Document) -> Option<StoredAlert> {
        is_alert_index(&self.sink.index, &document.index).then(|| {
            let source = serde_json::from_slice(&document.source).unwrap_or_default();
            stored(&document.index, &document.id, &source)
        })
    }
}

fn parts(places: &[(String, String)]) -> impl ExactSizeIterator<Item = (&str, &str)> {
    places
        .iter()
        .map(|(index, id)| (index.as_str(), id.as_str()))
}

/// Reads an answer, of which each part must fit what was asked for.
fn found(places: &[(String, String)], body: &[u8]) -> Result<Vec<Option<StoredAlert>>, Fault> {
    let held = lookup::held(parts(places), body).ok_or_else(unfit)?;
    let held = held.into_iter().zip(parts(places));
    held.map(|(held, (index, id))| match held {
        Held::Document(source) => Ok(Some(stored(index, id, &source.unwrap_or_default()))),
        Held::Nothing => Ok(None),
        Held::Unknown(kind) if kind == "index_not_found_exception" => Ok(None),
        Held::Unknown(kind) => Err(unreadable(&kind)),
    })
    .collect()
}

/// Whether an index is one that alerts of the prefix go to, apart from what it refuses.
fn is_alert_index(prefix: &str, index: &str) -> bool {
    destination::is_ours(prefix, index) && !index::is_quarantine(index)
}

/// Somebody else may have written the document: what is not text in it counts as absent.
fn stored(index: &str, id: &str, source: &Value) -> StoredAlert {
    let text = |path: &str| {
        let value = source.pointer(path).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    StoredAlert {
        index: index.to_owned(),
        id: id.to_owned(),
        fingerprint: text("/k8scop/fingerprint"),
        rule: text("/rule/name"),
        rule_uid: text("/k8scop/rule/uid"),
        match_hash: text("/k8scop/rule/match_hash"),
        job: text("/k8scop/job"),
        tenant: text("/k8scop/tenant"),
        reduced: source["k8scop"]["reduced"] == true,
        time: text("/k8scop/source/time"),
        source: (text("/k8scop/source/index"), text("/k8scop/source/id")),
    }
}

fn unfit() -> Fault {
    fault::unavailable("answer does not fit the alerts that were asked for")
}

fn unreadable(kind: &str) -> Fault {
    match kind {
        "security_exception" => fault::new(
            FaultReason::Forbidden,
            Remedy::Reconnect,
            "server refused to show an alert: grant \"read\" on the alert indices",
        ),
        _ => fault::unavailable("server could not look an alert up"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn places() -> [(String, String); 3] {
        [
            ("a-2026.11.01", "1"),
            ("a-2026.11.02", "2"),
            ("a-undated", "3"),
        ]
        .map(|(index, id)| (index.to_owned(), id.to_owned()))
    }

    fn answer(third: &Value) -> Vec<u8> {
        json!({"docs": [
            {"_index": "a-2026.11.01", "_id": "1", "_version": 1, "found": true, "_source": {
                "rule": {"name": "shop/one"},
                "k8scop": {
                    "fingerprint": "f", "job": "prod", "tenant": ["not", "text"],
                    "rule": {"uid": "u", "match_hash": "m"},
                    "source": {"index": "audit", "id": "9", "time": "2026-11-01T00:00:00Z"},
                },
            }},
            {"_index": "a-2026.11.02", "_id": "2", "found": false},
            third,
        ]})
        .to_string()
        .into_bytes()
    }

    #[test]
    fn an_alert_is_there_or_its_index_has_none_or_there_is_no_such_index() {
        let no_index = json!({"_index": "a-undated", "_id": "3", "error": {
            "type": "index_not_found_exception", "reason": "no such index [a-undated]",
        }});
        let first = StoredAlert {
            index: "a-2026.11.01".into(),
            id: "1".into(),
            fingerprint: "f".into(),
            rule: "shop/one".into(),
            rule_uid: "u".into(),
            match_hash: "m".into(),
            job: "prod".into(),
            time: "2026-11-01T00:00:00Z".into(),
            source: ("audit".into(), "9".into()),
            ..StoredAlert::default()
        };
        let found = found(&places(), &answer(&no_index));
        assert_eq!(found, Ok(vec![Some(first), None, None]));
    }

    #[test]
    fn what_is_not_shown_does_not_count_as_missing() {
        let error =
            |kind: &str| json!({"_index": "a-undated", "_id": "3", "error": {"type": kind}});
        let forbidden = found(&places(), &answer(&error("security_exception")));
        assert_eq!(forbidden.unwrap_err().reason, FaultReason::Forbidden);
        for third in [
            error("no_shard_available_action_exception"),
            json!({"_index": "a-undated", "_id": "4", "found": false}),
        ] {
            let fault = found(&places(), &answer(&third)).unwrap_err();
            assert_eq!(
                fault.reason,
                FaultReason::ElasticsearchUnavailable,
                "{third}"
            );
        }
    }

    #[test]
    fn only_indices_of_the_prefix_are_the_sinks() {
        let is = |prefix, index| is_alert_index(prefix, index);
        assert!(is("alerts", "alerts-2026.11.01") && is("alerts", "alerts-undated"));
        assert!(is("alerts-{category}", "alerts-exec-2026.11.01"));
        for index in [
            "alerts-exec-2026.11.01",
            "alerts-quarantine",
            "alerts-2026.11",
            "alerts-2026-11-01",
            "alerts",
            "2026.11.01",
        ] {
            assert!(!is("alerts", index), "{index}");
        }
        assert!(!is("alerts-{category}", "alerts-2026.11.01"));
    }
}
