//! Faults of the server that events are read from, and changes of what it holds.

use std::time::Duration;

use jiff::SignedDuration;
use k8scop_testbed::{
    Flavor,
    faults::{Act, Answer, On},
};
use serde_json::json;

use super::{in_turn, own, slow_searches, survive};
use crate::support::{
    cluster::condition,
    site::Site,
    workload::{JOBS, events},
};

const SOON: Duration = Duration::from_secs(60);

fn searches() -> On {
    On::post("*/_search")
}

#[tokio::test]
async fn a_page_that_comes_broken_or_not_at_all_is_read_again() {
    let acts = [
        Act::Refuse,
        Act::LoseAnswer,
        Act::Truncate(200),
        Act::Cut(200),
        Act::bad_gateway(),
        Act::unavailable(),
        Act::wrong_content_type(),
        Act::Drip(20_000, Duration::from_millis(1)),
    ];
    let faults = in_turn(searches, acts);
    survive(Flavor::Elasticsearch9, "broken-pages", faults).await;
}

#[tokio::test]
async fn an_answer_that_leaves_something_out_is_not_believed() {
    let acts = || [Act::timed_out(), Act::shard_failed(), Act::no_shards()];
    let faults = in_turn(searches, acts().into_iter().chain(acts()));
    survive(Flavor::Elasticsearch9, "partial-pages", faults).await;
}

#[tokio::test]
async fn a_view_that_is_lost_is_opened_again() {
    let lost = || Act::Answer(Answer::error(404, "search_context_missing_exception"));
    let faults = || in_turn(|| On::post("/_search"), [lost(), lost(), lost()]);
    survive(Flavor::Elasticsearch9, "lost-views", faults()).await;
    survive(Flavor::OpenSearch3, "lost-views-opensearch", faults()).await;
}

#[tokio::test]
async fn an_overloaded_source_is_asked_again_later() {
    let breaker = || Act::Answer(Answer::error(429, "circuit_breaking_exception"));
    let acts = [Act::too_many_requests(1), breaker(), breaker()];
    let faults = in_turn(searches, acts);
    survive(Flavor::Elasticsearch9, "overloaded-source", faults).await;
}

#[tokio::test]
async fn an_index_that_retention_takes_away_in_the_middle_stops_nothing() {
    let mut site = Site::new(Flavor::Elasticsearch9, own("retention", false)).await;
    // Nothing in it matches, so that it does not matter how much of it was read.
    let start = site.source().start;
    let mut unimportant = events("old", start, SignedDuration::from_mins(10), 500);
    unimportant.retain(|event| event["objectRef"]["resource"] == "pods");
    let old = site.add("a", "0", unimportant).await;
    let proxy = site.proxy().await;
    slow_searches(&proxy);
    let operator = site.operator(proxy.url(), "").await;
    let views = On::post("*/_pit");
    proxy.rule(views.after(4), Act::Delay(Duration::from_millis(1)));
    proxy.until("delay", 6, SOON).await.expect("the jobs read");
    site.search.delete_index(&old).await;
    proxy.clear();
    site.all_done(&operator).await;
    assert_eq!(operator.stop().await, 0);
    site.verdict().await;
}

#[tokio::test]
async fn an_index_that_does_not_exist_yet_is_waited_for() {
    let mut site = Site::new(Flavor::Elasticsearch9, own("no-index", true)).await;
    let taken: Vec<_> = JOBS.map(|job| (job, site.source().index(job))).into();
    for (_, pattern) in &taken {
        site.search.delete_index(&pattern.replace('*', "1")).await;
    }
    let all = site.forget_events();
    let operator = site.operator(site.search.url(), "").await;
    let missing =
        |job: &_| condition(job, "Ready").is_some_and(|(_, reason, _)| reason == "IndexNotFound");
    site.jobs
        .until(JOBS.len(), "has no index", SOON, missing)
        .await;
    for job in JOBS {
        let series = format!("-{job}-");
        let of_job = all.iter().filter(|event| {
            let name = event["objectRef"]["name"].as_str().unwrap_or_default();
            name.contains(&series)
        });
        site.add(job, "1", of_job.cloned().collect()).await;
    }
    site.all_done(&operator).await;
    assert_eq!(operator.stop().await, 0);
    site.verdict().await;
}

#[tokio::test]
async fn a_new_index_with_older_documents_is_noticed_before_the_end() {
    let mut site = Site::new(Flavor::OpenSearch3, own("new-index", false)).await;
    let proxy = site.proxy().await;
    slow_searches(&proxy);
    let operator = site.operator(proxy.url(), "").await;
    let views = On::post("*/_search/point_in_time");
    proxy.rule(views, Act::Delay(Duration::from_millis(1)));
    proxy.until("delay", 12, SOON).await.expect("the jobs read");
    let (start, second) = (site.source().start, SignedDuration::from_secs(1));
    site.add("b", "2", events("rolled-b", start, second, 50))
        .await;
    site.all_done(&operator).await;
    assert_eq!(operator.stop().await, 0);
    site.verdict().await;
}

#[tokio::test]
async fn events_that_were_shipped_twice_or_share_an_audit_id_have_one_alert_each() {
    let mut site = Site::new(Flavor::Elasticsearch9, own("twice", false)).await;
    let again: Vec<_> = site.source().events.iter().step_by(10).cloned().collect();
    site.add("c", "2", again).await;
    // A caller chose the audit id of another request.
    let mut forged: Vec<_> = site.source().events[..200].to_vec();
    for event in &mut forged {
        let name = event["objectRef"]["name"].as_str().unwrap_or_default();
        event["requestURI"] = json!(format!("/api/v1/namespaces/shop/secrets/forged-{name}"));
    }
    site.add("a", "2", forged).await;
    let operator = site.operator(site.search.url(), "").await;
    site.all_done(&operator).await;
    assert_eq!(operator.stop().await, 0);
    assert_eq!(site.verdict().await, 300 + 20);
}
