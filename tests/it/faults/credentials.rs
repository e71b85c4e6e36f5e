//! Servers that ask who we are.

use std::time::Duration;

use k8scop_testbed::{
    Flavor,
    faults::{Act, On},
};
use serde_json::{Value, json};

use super::shared;
use crate::support::{cluster::condition, operator::Operator, site::Site, workload::JOBS};

const SOON: Duration = Duration::from_secs(60);
const RIGHT: &str = "ApiKey cmlnaHQ=";

fn waits_for(reason: &'static str) -> impl Fn(&Value) -> bool {
    move |job| condition(job, "Ready").is_some_and(|(_, told, _)| told == reason)
}

/// The jobs, with a server and a secret of their own.
async fn use_secret(site: &Site, server: &str) {
    site.delete_jobs().await;
    let elasticsearch = json!({"url": server, "credentialsSecretRef": {"name": "search"}});
    site.apply_with(|spec| spec["elasticsearch"] = elasticsearch.clone())
        .await;
}

async fn secret(site: &Site, key: &str) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "search", "namespace": site.namespace},
        "stringData": {"apiKey": key},
    });
    site.admin().apply(&secret.to_string()).await;
}

/// Lets the operator read the secret, as the chart does in namespaces that are named to it.
async fn may_read_secrets(site: &Site) {
    let role = [
        "create",
        "role",
        "secrets",
        "--verb=get",
        "--resource=secrets",
    ];
    let account = "--serviceaccount=k8scop:k8scop";
    let binding = [
        "create",
        "rolebinding",
        "secrets",
        "--role=secrets",
        account,
    ];
    for object in [role, binding] {
        let namespace = ["-n", site.namespace.as_str()];
        site.admin().ok(&[&object[..], &namespace].concat()).await;
    }
}

#[tokio::test]
async fn a_key_that_is_wrong_missing_or_revoked_is_told_and_a_new_one_is_taken_at_once() {
    let mut site = Site::new(Flavor::Elasticsearch9, shared("credentials")).await;
    let proxy = site.proxy().await;
    proxy.rule(
        On::any("*").unless("authorization", RIGHT),
        Act::unauthorized(),
    );
    may_read_secrets(&site).await;
    use_secret(&site, proxy.url()).await;
    let origins = ["--allowed-origins", proxy.url()];
    let operator: Operator = site.operator_with(site.search.url(), &origins).await;
    let all = JOBS.len();
    let until = async |site: &mut Site, reason| {
        site.jobs.until(all, reason, SOON, waits_for(reason)).await;
    };
    until(&mut site, "SecretInvalid").await;
    secret(&site, "d3Jvbmc=").await;
    until(&mut site, "AuthFailed").await;
    secret(&site, "two\nlines").await;
    until(&mut site, "SecretInvalid").await;
    secret(&site, "cmlnaHQ=").await;
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
