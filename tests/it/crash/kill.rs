//! `kill -9` in the middle of a static job: everything is found, nothing twice.

use std::{collections::BTreeSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8scop::detect::{
    analyse::analyse,
    context::Context,
    document::Document,
    layout::Layout,
    rule::{Rule, RuleIdentity},
    ruleset::RuleSet,
};
use k8scop_testbed::{Flavor, shared_search_server};
use serde_json::{Value, json};

use crate::support::{
    cluster::condition,
    eventually,
    installation::installation,
    operator::Operator,
    search::{Search, ids},
};

const NAMESPACE: &str = "crash";
const SINK: &str = "crash-alerts";
const INDEX: &str = "crash-audit-2026.11.20";
const EVENTS: i64 = 50_000;
const ONE_MATCH_IN: i64 = 10;
const START: &str = "2026-11-20T10:00:00Z";
const END: &str = "2026-11-20T11:00:00Z";

const RULE: &str = r#"{
  "title": "Secret read", "severity": "Medium", "category": "Secrets",
  "selections": [{"name": "read", "all": [
    {"field": "verb", "equals": "get"},
    {"field": "objectRef.resource", "equals": "secrets"}
  ]}],
  "message": "{user.username} read {objectRef.name}"
}"#;

/// Events spread evenly over the hour, with pairs that share their instant.
fn events() -> Vec<Value> {
    let start: Timestamp = START.parse().expect("a time");
    let step = SignedDuration::from_micros(3_600_000_000 / EVENTS * 2);
    (0..EVENTS)
        .map(|number| {
            let time = start + step * i32::try_from(number / 2).expect("it is small");
            let resource = if number % ONE_MATCH_IN == 0 { "secrets" } else { "pods" };
            json!({
                "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
                "auditID": format!("00000000-0000-4000-8000-{number:012}"),
                "stage": "ResponseComplete", "verb": "get",
                "requestURI": format!("/api/v1/namespaces/shop/{resource}/item-{number}"),
                "user": {"username": "mallory", "groups": ["developers"]},
                "sourceIPs": ["192.0.2.7"], "userAgent": "kubectl/v1.36.3",
                "objectRef": {"resource": resource, "namespace": "shop", "name": format!("item-{number}")},
                "responseStatus": {"code": 200},
                "requestReceivedTimestamp": format!("{time:.6}"),
                "stageTimestamp": format!("{time:.6}"),
                "@timestamp": format!("{time:.3}"),
            })
        })
        .collect()
}

/// The ids that must be found, by detection without any pipeline.
fn expected(events: &[Value], uid: &str) -> BTreeSet<String> {
    let definition = serde_json::from_str(RULE).expect("the definition parses");
    let identity = RuleIdentity {
        namespace: NAMESPACE.to_owned(),
        name: "secret-read".to_owned(),
        uid: uid.to_owned(),
    };
    let rule = Rule::new(identity, &definition).expect("the rule is right");
    let context = Context {
        tenant: NAMESPACE.to_owned(),
        job: "hour".to_owned(),
        cluster: String::new(),
        layout: Layout::Auto,
        now: Timestamp::UNIX_EPOCH,
    };
    let documents: Vec<_> = events
        .iter()
        .enumerate()
        .map(|(number, event)| Document {
            index: INDEX.to_owned(),
            id: number.to_string(),
            time: None,
            source: event.to_string().into(),
        })
        .collect();
    let analysis = analyse(
        &documents,
        &RuleSet::new([std::sync::Arc::new(rule)]),
        &context,
    );
    analysis.alerts.into_iter().map(|alert| alert.id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_static_job_killed_in_the_middle_finds_everything_and_nothing_twice() {
    let world = installation().await;
    let server = shared_search_server(Flavor::Elasticsearch9).await;
    let search = Search::new(server.expect("Elasticsearch starts").url());
    let events = events();
    let documents: Vec<_> = events.iter().map(|event| (None, event.clone())).collect();
    search.index(INDEX, &documents).await;

    let admin = &world.admin;
    admin.ok(&["create", "namespace", NAMESPACE]).await;
    let spec: Value = serde_json::from_str(RULE).expect("the rule parses");
    let rule = json!({
        "apiVersion": "k8scop.io/v1alpha1", "kind": "K8sCopRule",
        "metadata": {"name": "secret-read", "namespace": NAMESPACE}, "spec": spec,
    });
    admin.apply(&rule.to_string()).await;
    let job = json!({
        "apiVersion": "k8scop.io/v1alpha1", "kind": "AnalysisJob",
        "metadata": {"name": "hour", "namespace": NAMESPACE},
        "spec": {
            "mode": "Static", "startTime": START, "endTime": END,
            "source": {"index": "crash-audit-*"}, "sink": {"index": SINK},
        },
    });
    admin.apply(&job.to_string()).await;
    let rule = admin
        .get(NAMESPACE, "k8scoprule", "secret-read")
        .await
        .expect("it is there");
    let expected = expected(
        &events,
        rule["metadata"]["uid"].as_str().unwrap_or_default(),
    );
    assert_eq!(expected.len() as i64, EVENTS / ONE_MATCH_IN);

    let scope = ["--watch-namespaces", NAMESPACE];
    let mut found = 0;
    for _ in 0..2 {
        let operator = Operator::spawn(&world.operator_kubeconfig, search.url(), &scope).await;
        found = more_than(&search, found).await;
        operator.kill().await;
    }
    assert!(
        found < expected.len() as u64,
        "it was killed in the middle: {found} found"
    );

    let operator = Operator::start(&world.operator_kubeconfig, search.url(), &scope).await;
    let done = eventually("the job is complete", Duration::from_secs(120), || async {
        let job = admin.get(NAMESPACE, "analysisjob", "hour").await?;
        (condition(&job, "Complete")?.0 == "True").then_some(job)
    })
    .await;
    assert_eq!(ids(&search.alerts(SINK).await), expected);
    assert_eq!(search.doubled(SINK).await, Default::default());
    assert_eq!(done["status"]["progressPercent"], 100);
    assert_eq!(operator.stop().await, 0);
}

/// Waits, with short steps, until the sink holds more alerts than `known`.
async fn more_than(search: &Search, known: u64) -> u64 {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let found = search.count(SINK).await;
        if found > known {
            return found;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "no alerts after {known}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
