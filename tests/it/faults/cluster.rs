//! Faults of the API server, and changes of what it holds while jobs run.

use std::time::Duration;

use k8scop_testbed::{
    Flavor,
    faults::{Act, Answer, On, Proxy, Watched},
};
use serde_json::{Value, json};

use super::{own, shared, slow_searches};
use crate::support::{eventually, installation::installation, site::Site, workload::JOBS};

const SOON: Duration = Duration::from_secs(60);
const RULES: &str = "*/k8scoprules";
const STATUSES: &str = "*/analysisjobs/*/status";

/// A site whose operators reach the API server through a proxy.
async fn through_proxy(site: &mut Site) -> Proxy {
    let world = installation().await;
    let proxy = Proxy::before_apiserver(&world.control_plane).await;
    let proxy = proxy.expect("the proxy starts");
    let kubeconfig = proxy.kubeconfig(&world.operator_kubeconfig);
    site.kubeconfig = kubeconfig.expect("a kubeconfig can be written");
    proxy
}

fn rules_loaded(count: u64) -> impl Fn(&Value) -> bool {
    move |job| job["status"]["rulesLoaded"] == count
}

async fn another_rule(site: &Site, name: &str) {
    let rule = json!({
        "apiVersion": "k8scop.io/v1alpha1", "kind": "K8sCopRule",
        "metadata": {"name": name, "namespace": site.namespace},
        "spec": {
            "title": "Never", "severity": "Low",
            "selections": [{"name": "never", "all": [{"field": "verb", "equals": "never"}]}],
        },
    });
    site.admin().apply(&rule.to_string()).await;
}

/// Watches of rules that are tampered with so, and yet the operator knows the rules that there are.
async fn watched(name: &str, watched: Watched) {
    let mut site = Site::new(Flavor::Elasticsearch9, own(name, true)).await;
    let api = through_proxy(&mut site).await;
    api.rule(On::watch(RULES).first(2), Act::Watch(watched));
    let operator = site.operator(site.search.url(), "").await;
    site.all_done(&operator).await;
    for (number, rule) in ["second", "third", "fourth"].into_iter().enumerate() {
        another_rule(&site, rule).await;
        let loaded = rules_loaded(number as u64 + 2);
        site.jobs
            .until(JOBS.len(), "knows the new rule", SOON, loaded)
            .await;
    }
    let act = Act::Watch(watched);
    assert!(api.count(act.name()) > 0);
    assert_eq!(operator.stop().await, 0);
    site.verdict().await;
}

#[tokio::test]
async fn a_watch_that_is_cut_off_is_taken_up_again() {
    watched("cut-watches", Watched::CutAt(1)).await;
}

#[tokio::test]
async fn a_watch_that_is_too_old_begins_with_a_new_list() {
    watched("expired-watches", Watched::ExpireAt(1)).await;
}

#[tokio::test]
async fn an_event_that_comes_twice_or_late_changes_nothing() {
    watched("doubled-events", Watched::Double(0)).await;
    watched("late-events", Watched::HoldBack(0, Duration::from_secs(2))).await;
}

#[tokio::test]
async fn nothing_is_read_before_the_rules_are_known() {
    let mut site = Site::new(Flavor::Elasticsearch9, shared("late-rules")).await;
    let api = through_proxy(&mut site).await;
    let search = site.proxy().await;
    api.rule(On::get(RULES), Act::Delay(Duration::from_secs(3)));
    let operator = site.operator(search.url(), "").await;
    let list = async || {
        let journal = api.journal();
        journal
            .iter()
            .find(|it| it.fault == Some("delay") && it.status.is_some())
            .cloned()
    };
    let listed = eventually("the rules are listed", SOON, list).await;
    site.all_done(&operator).await;
    let known = listed.at + listed.took.expect("it was answered");
    let first = search.journal().first().map(|request| request.at);
    assert!(
        first.is_some_and(|first| first >= known),
        "{first:?} is not after {known:?}"
    );
    assert_eq!(operator.stop().await, 0);
    site.verdict().await;
}

#[tokio::test]
async fn statuses_that_cannot_be_written_for_a_while_stop_no_job() {
    let mut site = Site::new(Flavor::Elasticsearch9, shared("refused-statuses")).await;
    let api = through_proxy(&mut site).await;
    let acts = [
        Act::Answer(Answer::status(429, "TooManyRequests").retry_after(1)),
        Act::Answer(Answer::status(500, "InternalError")),
        Act::Answer(Answer::status(403, "Forbidden")),
        Act::LoseAnswer,
        Act::Refuse,
    ];
    for (number, act) in acts.into_iter().enumerate() {
        api.rule(On::any(STATUSES).nth(number), act);
    }
    let operator = site.operator(site.search.url(), "").await;
    site.all_done(&operator).await;
    assert_eq!(operator.stop().await, 0);
    assert_eq!(api.count("lose answer") + api.count("refuse"), 2);
    site.verdict().await;
}

#[tokio::test]
async fn a_rule_that_is_edited_again_and_again_under_load_alerts_once() {
    let mut site = Site::new(Flavor::Elasticsearch9, own("edited", true)).await;
    let proxy = site.proxy().await;
    slow_searches(&proxy);
    let operator = site.operator(proxy.url(), "").await;
    for number in 0..10 {
        site.apply(&format!(" ({number})")).await;
    }
    site.all_done(&operator).await;
    assert_eq!(operator.stop().await, 0);
    site.verdict().await;
}

#[tokio::test]
async fn a_rule_that_is_deleted_and_made_again_alerts_once() {
    let mut site = Site::new(Flavor::Elasticsearch9, own("remade-rule", true)).await;
    let proxy = site.proxy().await;
    slow_searches(&proxy);
    let operator = site.operator(proxy.url(), "").await;
    for _ in 0..4 {
        let delete = ["delete", "k8scoprule", "--all", "-n", &site.namespace];
        site.admin().ok(&delete).await;
        site.apply("").await;
    }
    site.all_done(&operator).await;
    assert_eq!(operator.stop().await, 0);
    site.verdict().await;
}

#[tokio::test]
async fn a_job_that_is_deleted_and_made_again_begins_anew_and_doubles_nothing() {
    let mut site = Site::new(Flavor::Elasticsearch9, own("remade-job", true)).await;
    let proxy = site.proxy().await;
    slow_searches(&proxy);
    let operator = site.operator(proxy.url(), "").await;
    for _ in 0..5 {
        site.delete_jobs().await;
        site.apply("").await;
    }
    site.all_done(&operator).await;
    for (name, job) in site.jobs.now() {
        let finalizers = &job["metadata"]["finalizers"];
        assert!(
            finalizers.is_null(),
            "{name} could not be deleted: {finalizers}"
        );
    }
    assert_eq!(operator.stop().await, 0);
    site.verdict().await;
}
