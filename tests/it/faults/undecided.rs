//! Sources that hold no audit events, or events that do not show what a rule asks about.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8scop_testbed::{Flavor, shared_search_server};
use serde_json::{Value, json};

use crate::support::{
    cluster::condition,
    eventually,
    installation::{Installation, installation},
    operator::Operator,
    search::Search,
    workload::{event, rule},
};

const SOON: Duration = Duration::from_secs(60);

/// A namespace with one streaming job and one rule.
struct Watched {
    namespace: &'static str,
    world: &'static Installation,
    search: Search,
    index: String,
    start: Timestamp,
}

impl Watched {
    async fn new(namespace: &'static str, rule: Value) -> Watched {
        let world = installation().await;
        let server = shared_search_server(Flavor::Elasticsearch9).await;
        let search = Search::new(server.expect("the server starts").url());
        let prefix = format!("{namespace}-{}", std::process::id());
        let now = Timestamp::from_second(Timestamp::now().as_second()).expect("a time");
        let watched = Watched {
            namespace,
            world,
            search,
            index: format!("{prefix}-1"),
            start: now - SignedDuration::from_mins(10),
        };
        world.admin.ok(&["create", "namespace", namespace]).await;
        let rule = json!({
            "apiVersion": "k8scop.io/v1alpha1", "kind": "K8sCopRule",
            "metadata": {"name": "watched", "namespace": namespace}, "spec": rule,
        });
        world.admin.apply(&rule.to_string()).await;
        let job = json!({
            "apiVersion": "k8scop.io/v1alpha1", "kind": "AnalysisJob",
            "metadata": {"name": "prod", "namespace": namespace},
            "spec": {
                "mode": "Streaming", "fetchDelaySeconds": 1,
                "startTime": watched.start.to_string(),
                "source": {"index": format!("{prefix}-*")},
                "sink": {"index": format!("alerts-of-{prefix}")},
            },
        });
        world.admin.apply(&job.to_string()).await;
        watched
    }

    async fn operator(&self) -> Operator {
        let scope = ["--watch-namespaces", self.namespace, "--safety-lag", "1"];
        let kubeconfig = &self.world.operator_kubeconfig;
        Operator::start(kubeconfig, self.search.url(), &scope).await
    }

    async fn until(&self, kind: &str, name: &str, what: &str, right: impl Fn(&Value) -> bool) {
        eventually(what, SOON, async || {
            let object = self.world.admin.get(self.namespace, kind, name).await?;
            right(&object).then_some(())
        })
        .await;
    }
}

fn says(object: &Value, type_: &str, status: &str, reason: &str) -> bool {
    condition(object, type_).is_some_and(|it| (it.0.as_str(), it.1.as_str()) == (status, reason))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_over_documents_that_are_no_events_is_not_ready_until_there_are_enough_events() {
    let watched = Watched::new("no-events", rule("")).await;
    let (start, second) = (watched.start, SignedDuration::from_secs(1));
    let lines: Vec<_> = (0..30)
        .map(|n| json!({"@timestamp": (start + second * n).to_string(), "message": "GET /"}))
        .map(|document| (None, document))
        .collect();
    watched.search.index(&watched.index, &lines).await;
    let operator = watched.operator().await;
    watched
        .until("analysisjob", "prod", "it is not ready", |job| {
            let told = condition(job, "Ready").unwrap_or_default();
            let message = "30 of 30 documents hold no audit event (";
            says(job, "Ready", "False", "NoAuditEvents")
                && told.2.starts_with(message)
                && told.2.contains("spec.source.layoutPath")
                && job["status"]["quarantined"] == 30
                && job["status"]["eventsRead"] == 0
        })
        .await;

    let now = Timestamp::now();
    let events: Vec<_> = (0..60)
        .map(|n| (None, event(n, "get", "pods", &format!("web-{n}"), now)))
        .collect();
    watched.search.index(&watched.index, &events).await;
    watched
        .until("analysisjob", "prod", "it recovers", |job| {
            says(job, "Ready", "True", "Streaming")
        })
        .await;
    assert_eq!(operator.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_about_bodies_is_not_observable_where_events_come_without_them() {
    let about_bodies = json!({
        "title": "Host network", "severity": "High",
        "selections": [{"name": "made", "all": [
            {"field": "verb", "equals": "create"},
            {"field": "objectRef.resource", "equals": "pods"},
            {"field": "requestObject.spec.hostNetwork", "equals": "true"},
        ]}],
    });
    let watched = Watched::new("no-bodies", about_bodies).await;
    let now = Timestamp::now();
    let events: Vec<_> = (0..12)
        .map(|n| (None, event(n, "create", "pods", &format!("web-{n}"), now)))
        .collect();
    watched.search.index(&watched.index, &events).await;
    let operator = watched.operator().await;
    watched
        .until("k8scoprule", "watched", "it is not observable", |rule| {
            says(rule, "Observable", "False", "BodiesMissing") && rule["status"]["undecided"] == 12
        })
        .await;
    let metrics = operator.metrics().await;
    let series = "k8scop_rule_undecided_total{namespace=\"no-bodies\",rule=\"watched\",\
         severity=\"High\",reason=\"BodiesMissing\"} 12";
    assert!(
        metrics.to_lowercase().contains(&series.to_lowercase()),
        "{metrics}"
    );
    assert_eq!(operator.stop().await, 0);
}
