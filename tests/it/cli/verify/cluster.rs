//! A job of a cluster, verified by what kubectl prints.

use std::time::Duration;

use jiff::Timestamp;
use k8scop_testbed::Flavor;
use serde_json::json;

use super::Server;
use crate::cli::{Ran, run_with};
use crate::support::{
    cluster::condition, eventually, installation::installation, operator::Operator,
    verify::verify_job,
};

const NAMESPACE: &str = "verified";
const RULE: &str = "manifests/rules/secret-read.yaml";
const SOON: Duration = Duration::from_secs(60);

fn job(server: &Server, name: &str, range: &str) -> String {
    let (source, sink) = (&server.prefix, server.alerts());
    format!(
        r#"
apiVersion: k8scop.io/v1alpha1
kind: AnalysisJob
metadata: {{name: {name}, namespace: {NAMESPACE}}}
spec:
  {range}
  startTime: "2019-02-01T00:00:00Z"
  source: {{index: "{source}-*"}}
  sink: {{index: {sink}}}
"#
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_verified_up_to_its_watermark_with_the_rules_that_were_in_force() {
    let world = installation().await;
    let server = Server::with_events(Flavor::Elasticsearch9, "verified", 40).await;
    let admin = &world.admin;
    admin.ok(&["create", "namespace", NAMESPACE]).await;
    admin.ok(&["apply", "-n", NAMESPACE, "-f", RULE]).await;
    admin.apply(&job(&server, "prod", "mode: Streaming")).await;
    let scope = ["--watch-namespaces", NAMESPACE];
    let operator = Operator::start(&world.operator_kubeconfig, server.search.url(), &scope).await;
    eventually("the watermark is beyond the events", SOON, || async {
        let job = admin.get(NAMESPACE, "analysisjob", "prod").await?;
        let watermark = job["status"]["checkpoint"]["watermark"].as_str()?;
        let watermark: Timestamp = watermark.parse().ok()?;
        (watermark.as_second() > 1_600_000_000).then_some(())
    })
    .await;
    let verdict = async || verify_job(admin, &server.search, NAMESPACE, "prod", &[]).await;
    assert_eq!(verdict().await.assert_good(), 40);

    let rule = std::fs::read_to_string(RULE).expect("the rule is there");
    let later = rule.replacen("name: secret-read", "name: later", 1);
    admin
        .run(&["apply", "-n", NAMESPACE, "-f", "-"], Some(&later))
        .await
        .expect("the rule is right");
    let with_a_later_rule = verdict().await;
    assert_eq!(with_a_later_rule.assert_good(), 40);
    assert_eq!(with_a_later_rule.count("excused"), 40);

    let alerts = server.search.alerts(&server.alerts()).await;
    let lost = alerts[7]["_id"].as_str().expect("an alert has an id");
    server.search.delete(&alerts[7]).await;
    let with_a_loss = verdict().await;
    assert_eq!((with_a_loss.code, with_a_loss.bad()), (Some(1), [1, 0, 0]));
    assert_eq!(with_a_loss.account["missingAlerts"][0]["id"], lost);

    // The id of another one goes to an alert of a rule that had the name before.
    let mut taken = alerts[8].clone();
    taken["_source"]["k8scop"]["rule"] = json!({"uid": "another", "match_hash": "another"});
    let id = taken["_id"].as_str().map(str::to_owned);
    let index = taken["_index"].as_str().expect("an alert has an index");
    let document = (id, taken["_source"].clone());
    server.search.index(index, &[document]).await;
    assert_eq!(verdict().await.bad(), [2, 0, 0]);

    let range = "mode: Static\n  endTime: \"2019-02-02T00:00:00Z\"";
    admin.apply(&job(&server, "again", range)).await;
    eventually("the second job is complete", SOON, || async {
        let job = admin.get(NAMESPACE, "analysisjob", "again").await?;
        (condition(&job, "Complete")?.0 == "True").then_some(())
    })
    .await;
    let mended = verdict().await;
    assert_eq!((mended.bad(), mended.count("moved")), ([0, 0, 0], 1));
    assert_eq!(operator.stop().await, 0);
}

#[test]
fn manifests_must_hold_the_job_that_is_meant() {
    let job = |name: &str, start: &str| {
        format!(
            r#"
apiVersion: k8scop.io/v1alpha1
kind: AnalysisJob
metadata: {{name: {name}, namespace: shop, creationTimestamp: "2026-11-01T00:00:00Z"}}
spec: {{mode: Streaming, startTime: "{start}", source: {{index: "logs-*"}}}}
---
"#
        )
    };
    let (one, two) = (job("one", "2026-11-01T00:00:00Z"), job("two", "yesterday"));
    let both = format!("{one}{two}");
    let cases = [
        ("", &[][..], "the manifests cannot be read"),
        (
            &both,
            &[],
            "the manifests hold the jobs shop/one, shop/two: choose one with",
        ),
        (
            &both,
            &["--job", "three"],
            "the manifests hold no such AnalysisJob",
        ),
        (&both, &["--job", "two"], "job shop/two: spec.startTime: "),
        (
            &one,
            &["-e", "2026-10-1-0-0-0"],
            "the job reaches from 2026-11-01T00:00:00Z to ",
        ),
        (
            &one,
            &[],
            "the manifests hold no rule that job shop/one selects; print the rules with it: ",
        ),
        (
            "kind: Pod",
            &[],
            "the manifests cannot be read; give what kubectl get -o yaml prints",
        ),
        ("kind: [", &[], "the manifests cannot be read"),
    ];
    for (manifests, flags, words) in cases {
        let flags = [&["verify", "-E", "127.0.0.1:9", "-f", "-"], flags].concat();
        let Ran { code, out, err } = run_with(&flags, manifests.as_bytes());
        let last = err.lines().last().unwrap_or_default();
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(
            last.starts_with(&format!("error: {words}")),
            "{words}: {err}"
        );
    }
    let flags = ["verify", "-E", "127.0.0.1:9", "-f", "-", "-I", "logs"];
    let Ran { code, err, .. } = run_with(&flags, one.as_bytes());
    assert!(
        code == Some(2) && err.contains("cannot be used with '--pages"),
        "{err}"
    );
}
