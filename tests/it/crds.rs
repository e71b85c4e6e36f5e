//! The custom resource definitions: what is committed, and what the real apiserver makes of them.

use std::time::Duration;

use k8scop_testbed::{ControlPlane, shared_control_plane};

use crate::support::{cluster::Kubectl, definitions::established, eventually};

mod refusals;

/// The administrator of the shared cluster, both definitions being established.
async fn cluster() -> Kubectl {
    establish(shared_control_plane().await.expect("the apiserver starts")).await
}

/// The administrator of a cluster, both definitions being established.
pub async fn establish(cluster: &ControlPlane) -> Kubectl {
    let kubectl = Kubectl::new(cluster.kubeconfig()).await;
    let apply = ["apply", "--server-side", "--force-conflicts", "-f", "crds/"];
    kubectl.ok(&apply).await;
    established(&kubectl).await;
    kubectl
}

/// Waits until the server has published what the definitions say.
async fn published(kubectl: &Kubectl) {
    for kind in ["k8scoprule", "analysisjob"] {
        let what = format!("what {kind} says is published");
        eventually(&what, Duration::from_secs(30), || async {
            kubectl.run(&["explain", kind], None).await.ok()
        })
        .await;
    }
}

#[tokio::test]
async fn explain_tells_what_the_fields_are_for() {
    let kubectl = cluster().await;
    published(&kubectl).await;
    for (path, words) in [
        ("k8scoprule", "A detection rule: what to look for"),
        (
            "k8scoprule.spec.selections.all",
            "with exactly one operator",
        ),
        ("k8scoprule.status.lastGood", "The last valid spec"),
        ("kcjob.spec", "RFC 3339 with a zone"),
        ("analysisjob.spec.fetchDelaySeconds", "1 to 300"),
        ("analysisjob.status.checkpoint.watermark", "Exclusive end"),
    ] {
        let explained = kubectl.ok(&["explain", path]).await;
        let text = explained.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(words), "{path}: {text}");
    }
}

#[tokio::test]
async fn a_new_object_shows_its_defaults_and_is_not_ready() {
    let kubectl = cluster().await;
    kubectl.ok(&["create", "namespace", "crd-defaults"]).await;
    kubectl.apply(&refusals::rule("crd-defaults")).await;
    kubectl.apply(&refusals::job("crd-defaults")).await;
    let columns = |text: String| {
        let lines = text.lines().map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            words[..words.len() - 1].join(" ")
        });
        lines.collect::<Vec<_>>()
    };
    let get = ["get", "-n", "crd-defaults"];
    assert_eq!(
        columns(kubectl.ok(&[&get[..], &["k8scoprules"]].concat()).await),
        [
            "NAME SEVERITY CATEGORY READY MATCHES",
            "exec Low Other Unknown"
        ]
    );
    assert_eq!(
        columns(kubectl.ok(&[&get[..], &["analysisjobs"]].concat()).await),
        [
            "NAME MODE READY EVENTS ALERTS LAG PROGRESS",
            "past Static Unknown"
        ]
    );
    let job = kubectl
        .get("crd-defaults", "kcjob", "past")
        .await
        .expect("it is there");
    assert_eq!(
        job["spec"],
        serde_json::json!({
            "mode": "Static", "startTime": "2026-11-01T00:00:00Z", "fetchDelaySeconds": 10,
            "suspend": false, "pushdown": "Auto", "sink": {"index": "k8scop-alerts"},
            "source": {"index": "logstash-*", "timestampField": "@timestamp", "layout": "Auto"},
        })
    );
}

#[tokio::test]
async fn a_number_may_have_both_bounds() {
    let kubectl = cluster().await;
    kubectl.ok(&["create", "namespace", "crd-bounds"]).await;
    let rule = refusals::rule("crd-bounds");
    let bounded = rule.replace("equals: get", "atLeast: 400, atMost: 499");
    kubectl.apply(&bounded).await;
}
