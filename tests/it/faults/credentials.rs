//! Servers that ask who we are.

use std::time::Duration;

use k8scop_testbed::{
    Flavor,
    faults::{Act, On},
};
use serde_json::Value;

use super::shared;
use crate::support::{cluster::condition, site::Site, workload::JOBS};

const SOON: Duration = Duration::from_secs(60);

fn waits_for(reason: &'static str) -> impl Fn(&Value) -> bool {
    move |job| condition(job, "Ready").is_some_and(|(_, told, _)| told == reason)
}

#[tokio::test]
async fn a_key_that_was_revoked_is_told_and_a_new_one_in_its_file_is_taken() {
    let mut site = Site::new(Flavor::Elasticsearch9, shared("credentials")).await;
    let proxy = site.proxy().await;
    let stranger = On::any("*").unless("authorization", "ApiKey bmV3");
    proxy.rule(stranger, Act::unauthorized());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("apiKey");
    let key = |key: &str| std::fs::write(&file, key).expect("it can be written");
    key("b2xk");
    let path = file.to_str().expect("the path is UTF-8");
    let flags = ["--elasticsearch-api-key-file", path];
    let operator = site.operator_with(proxy.url(), &flags).await;
    let refused = waits_for("AuthFailed");
    site.jobs
        .until(JOBS.len(), "is refused", SOON, refused)
        .await;
    key("bmV3\n");
    site.all_done(&operator).await;
    assert_eq!(operator.stop().await, 0);
    site.verdict().await;
}

#[tokio::test]
async fn a_right_that_is_taken_away_holds_the_alerts_back_until_it_is_given_again() {
    let mut site = Site::new(Flavor::Elasticsearch9, shared("forbidden-sink")).await;
    let proxy = site.proxy().await;
    proxy.rule(On::post("*/_bulk"), Act::forbidden());
    let operator = site.operator(proxy.url(), "").await;
    site.jobs
        .until(
            JOBS.len(),
            "is forbidden to write",
            SOON,
            waits_for("Forbidden"),
        )
        .await;
    assert_eq!(site.search.count(&site.sink()).await, 0);
    proxy.clear();
    site.all_done(&operator).await;
    assert_eq!(operator.stop().await, 0);
    site.verdict().await;
}
