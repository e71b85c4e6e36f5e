//! Faults of the server that alerts are written to.

use std::time::Duration;

use k8scop_testbed::{
    Flavor,
    faults::{Act, Answer, Items, On},
};
use serde_json::{Value, json};

use super::{in_turn, shared, survive};
use crate::support::{cluster::condition, eventually, search::Change, site::Site, workload::JOBS};

const SOON: Duration = Duration::from_secs(60);

fn bulks() -> On {
    On::post("*/_bulk")
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_made_once() {
    let faults = || in_turn(bulks, [Act::LoseAnswer, Act::LoseAnswer, Act::LoseAnswer]);
    survive(Flavor::Elasticsearch9, "lost-acks", faults()).await;
    survive(Flavor::OpenSearch3, "lost-acks-opensearch", faults()).await;
}

#[tokio::test]
async fn an_overloaded_sink_is_written_to_again_later() {
    let faults = [(bulks().first(6), Act::too_many_requests(1))];
    survive(Flavor::Elasticsearch9, "overloaded-sink", faults).await;
}

#[tokio::test]
async fn of_a_bulk_only_the_refused_items_are_sent_again() {
    let acts = [
        Act::Items(Items::every(3, 429)),
        Act::Items(Items::every(2, 503)),
        Act::Items(Items::every(2, 429).although_done()),
        Act::Items(Items::nth(1, 409)),
        Act::Items(Items::every(1, 503)),
    ];
    let faults = in_turn(bulks, acts);
    survive(Flavor::Elasticsearch9, "refused-items", faults).await;
}

#[tokio::test]
async fn an_alert_that_is_refused_for_its_content_comes_reduced_under_the_same_id() {
    let faults = [(bulks().first(3), Act::Items(Items::every(10, 400)))];
    let site = survive(Flavor::Elasticsearch9, "reduced", faults).await;
    let alerts = site.search.alerts(&site.sink()).await;
    let is_reduced = |alert: &&Value| alert["_source"]["k8scop"]["reduced"] == true;
    let reduced = alerts.iter().filter(is_reduced).count();
    assert!((3..=100).contains(&reduced), "{reduced} reduced");
}

#[tokio::test]
async fn a_bulk_that_is_refused_as_a_whole_is_halved() {
    let too_long = || Act::Answer(Answer::error(413, "content_too_long"));
    let faults = in_turn(bulks, [too_long(), too_long(), too_long()]);
    survive(Flavor::Elasticsearch9, "halved", faults).await;
}

#[tokio::test]
async fn an_answer_that_does_not_fit_what_was_sent_says_nothing() {
    let fewer = |answer: &mut Value| {
        let items = answer["items"].as_array_mut().expect("there are items");
        items.pop();
    };
    let swapped = |answer: &mut Value| {
        let items = answer["items"].as_array_mut().expect("there are items");
        items.reverse();
    };
    let acts = [
        Act::Truncate(50),
        Act::edit("an item fewer", fewer),
        Act::edit("items in another order", swapped),
        Act::DoneBut(Answer::json(200, &json!({}))),
        Act::wrong_content_type(),
    ];
    survive(Flavor::Elasticsearch9, "misfits", in_turn(bulks, acts)).await;
}

/// Blocks the alert index while jobs run, and frees it again.
async fn blocked(flavor: Flavor, name: &str, block: Change, free: Change) {
    let mut site = Site::new(flavor, shared(name)).await;
    let proxy = site.proxy().await;
    // One write makes the index; the others come after the block.
    proxy.rule(bulks().after(1), Act::unavailable());
    let operator = site.operator(proxy.url(), "").await;
    let first = async || site.search.alerts(&site.sink()).await.into_iter().next();
    let first = eventually("the first alerts are written", SOON, first).await;
    let index = first["_index"].as_str().expect("a hit has an index");
    site.search.change(index, block).await;
    proxy.clear();
    let waits =
        |job: &Value| condition(job, "Ready").is_some_and(|(_, reason, _)| reason == "SinkBlocked");
    site.jobs.until(1, "waits for the sink", SOON, waits).await;
    site.search.change(index, free).await;
    site.all_done(&operator).await;
    let free = |job: &Value| !waits(job);
    site.jobs
        .until(JOBS.len(), "waits no more", SOON, free)
        .await;
    assert_eq!(operator.stop().await, 0);
    site.verdict().await;
}

#[tokio::test]
async fn a_sink_that_is_read_only_is_waited_for() {
    let block = ("PUT", "_settings", r#"{"index.blocks.write": true}"#);
    let free = ("PUT", "_settings", r#"{"index.blocks.write": null}"#);
    blocked(Flavor::Elasticsearch9, "read-only-sink", block, free).await;
}

#[tokio::test]
async fn a_sink_on_a_full_disk_is_waited_for() {
    // What the server does to each index at the flood stage, and undoes afterwards.
    let block = (
        "PUT",
        "_settings",
        r#"{"index.blocks.read_only_allow_delete": true}"#,
    );
    let free = (
        "PUT",
        "_settings",
        r#"{"index.blocks.read_only_allow_delete": null}"#,
    );
    blocked(Flavor::OpenSearch3, "full-sink", block, free).await;
}

#[tokio::test]
async fn a_closed_sink_is_waited_for() {
    let (block, free) = (("POST", "_close", ""), ("POST", "_open", ""));
    blocked(Flavor::Elasticsearch9, "closed-sink", block, free).await;
}
