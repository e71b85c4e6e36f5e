//! `kill -9` in the middle of a static job: everything is found, nothing twice.

use std::{collections::BTreeSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8scop_testbed::{Flavor, shared_search_server};
use serde_json::json;

use crate::support::{
    cluster::condition,
    eventually,
    installation::installation,
    operator::Operator,
    search::{Search, ids},
    workload::{events, expected, rule},
};

const NAMESPACE: &str = "killed";
const SINK: &str = "killed-alerts";
const INDEX: &str = "killed-audit-2026.11.20";
const EVENTS: usize = 50_000;
const START: &str = "2026-11-20T10:00:00Z";
const END: &str = "2026-11-20T11:00:00Z";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_static_job_killed_in_the_middle_finds_everything_and_nothing_twice() {
    let world = installation().await;
    let server = shared_search_server(Flavor::Elasticsearch9).await;
    let search = Search::new(server.expect("Elasticsearch starts").url());
    let start: Timestamp = START.parse().expect("a time");
    let events = events("killed", start, SignedDuration::from_hours(1), EVENTS);
    let documents: Vec<_> = events.iter().map(|event| (None, event.clone())).collect();
    search.index(INDEX, &documents).await;

    let admin = &world.admin;
    admin.ok(&["create", "namespace", NAMESPACE]).await;
    let rule = json!({
        "apiVersion": "k8scop.io/v1alpha1", "kind": "K8sCopRule",
        "metadata": {"name": "secret-read", "namespace": NAMESPACE}, "spec": rule(""),
    });
    admin.apply(&rule.to_string()).await;
    let job = json!({
        "apiVersion": "k8scop.io/v1alpha1", "kind": "AnalysisJob",
        "metadata": {"name": "hour", "namespace": NAMESPACE},
        "spec": {
            "mode": "Static", "startTime": START, "endTime": END,
            "source": {"index": "killed-audit-*"}, "sink": {"index": SINK},
        },
    });
    admin.apply(&job.to_string()).await;
    let expected: BTreeSet<_> = expected(&events, NAMESPACE).into_keys().collect();
    assert_eq!(expected.len(), EVENTS / 10);

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
