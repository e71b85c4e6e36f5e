//! A job of a cluster, verified by what kubectl prints.

use std::time::Duration;

use jiff::Timestamp;
use k8scop_testbed::Flavor;

use super::Server;
use crate::support::{
    eventually, installation::installation, operator::Operator, verify::verify_job,
};

const NAMESPACE: &str = "verified";
const RULE: &str = "manifests/rules/secret-read.yaml";
const SOON: Duration = Duration::from_secs(60);

fn job(server: &Server) -> String {
    let (source, sink) = (&server.prefix, server.alerts());
    format!(
        r#"
apiVersion: k8scop.io/v1alpha1
kind: AnalysisJob
metadata: {{name: prod, namespace: {NAMESPACE}}}
spec:
  mode: Streaming
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
    admin.apply(&job(&server)).await;
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
    assert_eq!(operator.stop().await, 0);
}
