//! What the operator takes while it has nothing to do.

use std::time::Duration;

use super::operator::Site;
use crate::{
    pack,
    support::{eventually, operator::Operator},
};

/// MiB. The program that users build takes half as much as the one under test.
const LIMIT: f64 = 64.0;

#[tokio::test]
async fn an_operator_with_the_built_in_rules_and_no_job_takes_little_memory() {
    let site = Site::new("idle").await;
    site.may_do_all_it_needs().await;
    let rules: Vec<_> = pack::manifests()
        .into_iter()
        .map(|(name, _)| format!("manifests/rules/{name}.yaml"))
        .collect();
    let named = rules.iter().flat_map(|file| ["-f", file]);
    let apply: Vec<_> = ["apply"].into_iter().chain(named).collect();
    site.kubectl(&apply).await;

    let watched = ["--watch-namespaces", "idle"];
    let mut operator = Operator::start(site.kubeconfig(), "http://127.0.0.1:9", &watched).await;
    eventually("the rules are loaded", Duration::from_secs(30), || async {
        let loaded = operator.gauge("k8scop_rules{state=\"loaded\"}").await?;
        (loaded == [rules.len() as f64]).then_some(())
    })
    .await;
    let memory = operator.memory();
    assert!(memory <= LIMIT, "{memory:.0} MiB");
}
