//! What the operator takes while it has nothing to do.

use std::{fs, time::Duration};

use super::operator::Site;
use crate::support::{eventually, operator::Operator};

/// MiB. The program that users build takes half as much as the one under test.
const LIMIT: f64 = 64.0;

#[tokio::test]
async fn an_operator_with_the_built_in_rules_and_no_job_takes_little_memory() {
    let site = Site::new("idle").await;
    site.may_do_all_it_needs().await;
    let files = fs::read_dir("manifests/rules").expect("the rules are there");
    let files = files.map(|file| file.expect("the folder can be read").path());
    let rules: Vec<_> = files
        .map(|file| file.display().to_string())
        .filter(|file| !file.ends_with("kustomization.yaml"))
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
