//! Audit events that are known, a rule, and the alerts that must be found.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use k8scop::detect::{
    alert::Alert,
    analyse::analyse,
    context::Context,
    document::Document,
    layout::Layout,
    rule::{Rule, RuleIdentity},
    ruleset::RuleSet,
};
use k8scop_testbed::Flavor;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::search::Search;

/// One rule, and jobs with a source index each.
pub const JOBS: [&str; 3] = ["a", "b", "c"];
const RULE_NAME: &str = "secret-read";
const ONE_MATCH_IN: usize = 10;
/// Events of each job.
const EVENTS: usize = 1_000;
const SPAN: SignedDuration = SignedDuration::from_mins(10);

/// The specification of the rule, with any words at the end of its message.
pub fn rule(words: &str) -> Value {
    json!({
        "title": "Secret read", "severity": "Medium", "category": "Secrets",
        "selections": [{"name": "read", "all": [
            {"field": "verb", "equals": "get"},
            {"field": "objectRef.resource", "equals": "secrets"},
        ]}],
        "message": format!("{{user.username}} read {{objectRef.name}}{words}"),
    })
}

/// A request by somebody as an audit event; the number makes its audit id.
pub fn event(number: u64, verb: &str, resource: &str, name: &str, time: Timestamp) -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
        "auditID": format!("00000000-0000-4000-8000-{number:012}"),
        "stage": "ResponseComplete", "verb": verb,
        "requestURI": format!("/api/v1/namespaces/shop/{resource}/{name}"),
        "user": {"username": "mallory", "groups": ["developers"]},
        "sourceIPs": ["192.0.2.7"], "userAgent": "kubectl/v1.36.3",
        "objectRef": {"resource": resource, "namespace": "shop", "name": name},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": format!("{time:.6}"),
        "stageTimestamp": format!("{time:.6}"),
        "@timestamp": format!("{time:.3}"),
    })
}

/// Audit events, spread evenly from `start` over `span`, in pairs that share their instant; every
/// tenth reads a secret. `series` keeps them apart from others.
pub fn events(series: &str, start: Timestamp, span: SignedDuration, count: usize) -> Vec<Value> {
    let event = |number: usize| {
        let pair = i32::try_from(number / 2 * 2).expect("it is small");
        let all = i32::try_from(count).expect("it is small");
        let time = start + span * pair / all;
        let resource = ["secrets", "pods"][usize::from(!number.is_multiple_of(ONE_MATCH_IN))];
        let name = format!("{series}-{number}");
        event(number as u64, "get", resource, &name, time)
    };
    (0..count).map(event).collect()
}

/// A rule of a namespace, loaded.
pub fn loaded(namespace: &str, name: &str, spec: Value) -> Arc<Rule> {
    let definition = serde_json::from_value(spec).expect("the definition parses");
    let identity = RuleIdentity {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        uid: String::new(),
    };
    Arc::new(Rule::new(identity, &definition).expect("the rule is right"))
}

/// Alerts that must be found in documents, by detection without any pipeline.
pub fn alerts(documents: &[Document], rules: &RuleSet, namespace: &str) -> Vec<Alert> {
    let context = Context {
        tenant: namespace.to_owned(),
        job: String::new(),
        cluster: String::new(),
        layout: Layout::Auto,
        layout_path: None,
        now: Timestamp::UNIX_EPOCH,
    };
    analyse(documents, rules, &context).alerts
}

/// The alerts of the rule that must be found: the time of the event of each, by its id.
pub fn expected(events: &[Value], namespace: &str) -> BTreeMap<String, Timestamp> {
    let document = |event: &Value| Document {
        index: String::new(),
        id: String::new(),
        time: event["@timestamp"].as_str().map(str::to_owned),
        source: event.to_string().into(),
        is_rebuilt: false,
    };
    let documents: Vec<_> = events.iter().map(document).collect();
    let rules = RuleSet::new([loaded(namespace, RULE_NAME, rule(""))]);
    let time = |time: Option<Timestamp>| time.expect("each event has its time");
    alerts(&documents, &rules, namespace)
        .into_iter()
        .map(|alert| (alert.id, time(alert.source_time)))
        .collect()
}

/// Events of the last minutes on a server, in an index for each job.
pub struct Source {
    prefix: String,
    pub start: Timestamp,
    pub end: Timestamp,
    pub events: Vec<Value>,
}

impl Source {
    /// The events that all runs on a server read, made on first use.
    pub async fn shared(flavor: Flavor, search: &Search) -> &'static Source {
        static SHARED: [OnceCell<Source>; 3] = [const { OnceCell::const_new() }; 3];
        SHARED[flavor as usize]
            .get_or_init(|| Source::new(search, "shared"))
            .await
    }

    /// Events of their own for a run that adds to them.
    pub async fn new(search: &Search, series: &str) -> Source {
        // A whole second, as a job's times are.
        let now = Timestamp::from_second(Timestamp::now().as_second()).expect("a time");
        let mut source = Source {
            prefix: format!("crash-{series}-{}", std::process::id()),
            start: now - SPAN - SignedDuration::from_secs(5),
            end: now - SignedDuration::from_secs(5),
            events: Vec::new(),
        };
        for job in JOBS {
            let new = events(&format!("{series}-{job}"), source.start, SPAN, EVENTS);
            source.add(search, job, "1", new).await;
        }
        source
    }

    /// Adds events that come late: they are of the first seconds.
    pub async fn add_late(&mut self, search: &Search) {
        for job in JOBS {
            let (second, name) = (SignedDuration::from_secs(1), format!("late-{job}"));
            let late = events(&name, self.start, second, 40);
            self.add(search, job, "1", late).await;
        }
    }

    /// Adds events to the index of this number that a job reads; gives its name.
    pub async fn add(
        &mut self,
        search: &Search,
        job: &str,
        number: &str,
        events: Vec<Value>,
    ) -> String {
        let index = self.index(job).replace('*', number);
        let documents: Vec<_> = events.iter().map(|event| (None, event.clone())).collect();
        search.index(&index, &documents).await;
        self.events.extend(events);
        index
    }

    /// The manifests of rule and jobs.
    pub fn manifests(&self, namespace: &str, sink: &str, streaming: bool, words: &str) -> Value {
        let api = "k8scop.io/v1alpha1";
        let mut items = vec![json!({
            "apiVersion": api, "kind": "K8sCopRule",
            "metadata": {"name": RULE_NAME, "namespace": namespace}, "spec": rule(words),
        })];
        for job in JOBS {
            let mut spec = json!({
                "mode": "Streaming", "startTime": self.start.to_string(), "fetchDelaySeconds": 1,
                "source": {"index": self.index(job)}, "sink": {"index": sink},
            });
            if !streaming {
                spec["mode"] = json!("Static");
                spec["endTime"] = json!(self.end.to_string());
            }
            items.push(json!({
                "apiVersion": api, "kind": "AnalysisJob",
                "metadata": {"name": job, "namespace": namespace}, "spec": spec,
            }));
        }
        json!({"apiVersion": "v1", "kind": "List", "items": items})
    }

    /// The pattern that a job reads.
    pub fn index(&self, job: &str) -> String {
        format!("{}-{job}-*", self.prefix)
    }
}
