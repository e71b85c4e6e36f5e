//! Patterns with an index that cannot be read: the others are, and it is named.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use k8scop::{
    detect::document::Document,
    pipeline::{
        ports::{Fault, FaultReason, Source},
        progress::Degraded,
        window::Window,
    },
};
use k8scop_testbed::Flavor;
use serde_json::{Value, json};

use super::{
    connected, read, seed,
    seed::{date, on_every_server},
    window,
};

on_every_server!(
    each_kind_of_bad_index_is_left_out_and_named,
    the_members_of_lists_and_aliases_are_left_out_too,
    a_source_without_any_good_index_is_refused_with_the_reason,
    an_index_that_fails_later_is_left_out_after_one_fault,
    an_index_with_a_small_result_window_is_read_in_smaller_pages,
);

const NOWHERE: &str = "index.routing.allocation.require._name";

fn minute() -> Window {
    window("2026-11-01T10:00:00Z", "2026-11-01T10:01:00Z")
}

/// Replaces an index, with these settings beside those of every test.
async fn make(url: &str, name: &str, settings: Value, properties: Value) {
    let client = reqwest::Client::new();
    let deleted = client.delete(format!("{url}/{name}")).send().await;
    deleted.expect("the server answers");
    let mut all = json!({"number_of_shards": 1, "number_of_replicas": 0});
    for (setting, value) in settings.as_object().expect("settings") {
        all[setting] = value.clone();
    }
    let body = json!({"settings": all, "mappings": {"properties": properties}});
    // An index without a place never has any.
    let shards = if all.get(NOWHERE).is_some() { 0 } else { 1 };
    let path = format!("{name}?wait_for_active_shards={shards}");
    seed::call("PUT", url, &path, body).await;
}

async fn delete(url: &str, name: &str) {
    seed::call("DELETE", url, name, Value::Null).await;
}

/// Stores an event in the minute.
async fn store(url: &str, index: &str, id: &str) {
    let event = json!({"@timestamp": "2026-11-01T10:00:01Z", "verb": "get"});
    seed::documents(url, index, [(id.to_owned(), event)]).await;
}

async fn good(url: &str, name: &str) {
    make(url, name, json!({}), date()).await;
    store(url, name, "1").await;
}

async fn source(url: &str, pattern: &str) -> Arc<dyn Source> {
    connected(url, pattern, "alerts").await.expect("connects").0
}

/// The indices that a minute is read from, at the second attempt at the latest, or when a shard
/// has been away for long enough.
async fn read_from(source: &dyn Source) -> Result<BTreeSet<String>, Fault> {
    let mut documents = read(source, minute()).await;
    for _ in 0..15 {
        match &documents {
            Err(fault) if fault.reason == FaultReason::PartialResults => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                documents = read(source, minute()).await;
            }
            _ => break,
        }
    }
    if documents.is_err() {
        documents = read(source, minute()).await;
    }
    Ok(documents?.into_iter().map(|it| it.index).collect())
}

fn names(indices: &[&str]) -> BTreeSet<String> {
    indices.iter().map(|&index| index.to_owned()).collect()
}

async fn marked(source: &dyn Source) -> u16 {
    let census = source.census(minute()).await.expect("the census is taken");
    census.0.values().map(|mark| mark.documents).sum()
}

async fn each_kind_of_bad_index_is_left_out_and_named(flavor: Flavor) {
    let url = seed::server(flavor).await;
    let of = |kind: &str| json!({"@timestamp": {"type": kind}});
    let unsorted = json!({"@timestamp": {"type": "date", "doc_values": false}});
    let kinds = [
        ("text", json!({}), of("text"), "as text"),
        ("keyword", json!({}), of("keyword"), "as keyword"),
        ("long", json!({}), of("long"), "as long"),
        ("unsorted", json!({}), unsorted, "doc values"),
        ("red", json!({NOWHERE: "nowhere"}), date(), "no node serves"),
        ("closed", json!({}), date(), "is closed"),
        (
            "blocked",
            json!({"index.blocks.read": true}),
            date(),
            "blocked",
        ),
    ];
    good(url, "bad-good").await;
    let mut all = Vec::new();
    for (kind, settings, properties, why) in kinds {
        let name = format!("bad-{kind}");
        make(url, &name, settings, properties).await;
        match kind {
            "text" => store(url, &name, "1").await,
            "closed" => {
                let path = format!("{name}/_close");
                seed::call("POST", url, &path, Value::Null).await;
            }
            _ => {}
        }
        all.push((name, why));
    }
    for (name, why) in &all {
        let source = source(url, &format!("bad-goo*,{name}*")).await;
        let from = read_from(&*source).await;
        assert_eq!(from, Ok(names(&["bad-good"])), "{name}");
        assert_named(&source.coverage().left_out, &[(name.clone(), *why)]);
        source.now().await.expect("the clock is read");
        assert_eq!(marked(&*source).await, 1, "{name}");
        assert_eq!(source.without_time().await, Ok(0), "{name}");
    }
    let together = source(url, "bad-*").await;
    assert_eq!(read_from(&*together).await, Ok(names(&["bad-good"])));
    assert_named(&together.coverage().left_out, &all);
    for (name, _) in &all {
        delete(url, name).await;
    }
}

fn assert_named(left_out: &[Degraded], expected: &[(String, &str)]) {
    let found: BTreeSet<_> = left_out.iter().map(|it| &it.index).collect();
    assert_eq!(found, expected.iter().map(|(name, _)| name).collect());
    for (name, why) in expected {
        let named = left_out.iter().find(|it| it.index == *name);
        let message = named.map(|it| it.message.as_str()).unwrap_or_default();
        assert!(message.contains(why), "{name}: {message}");
    }
}

async fn the_members_of_lists_and_aliases_are_left_out_too(flavor: Flavor) {
    let url = seed::server(flavor).await;
    good(url, "behind-a").await;
    good(url, "behind-b").await;
    make(
        url,
        "behind-bad",
        json!({}),
        json!({"@timestamp": {"type": "text"}}),
    )
    .await;
    let add = |index: &str, alias: &str, filter: Value| json!({"add": {"index": index, "alias": alias, "filter": filter}});
    let open = json!({"actions": [
        {"add": {"index": "behind-a", "alias": "front"}},
        {"add": {"index": "behind-bad", "alias": "front"}},
        add("behind-a", "narrow", json!({"term": {"verb": "list"}})),
        add("behind-bad", "narrow", json!({"term": {"verb": "list"}})),
    ]});
    seed::call("POST", url, "_aliases", open).await;
    for (pattern, expected, bad) in [
        ("behind-a,behind-bad", &["behind-a"][..], "behind-bad"),
        ("behind-*", &["behind-a", "behind-b"], "behind-bad"),
        ("front", &["behind-a"], "behind-bad"),
        ("fron*", &["behind-a"], "behind-bad"),
        ("behind-b,front", &["behind-a", "behind-b"], "behind-bad"),
        ("behind-b,behind-none", &["behind-b"], "behind-none"),
        ("behind-b,nothing-*", &["behind-b"], "nothing-*"),
    ] {
        let source = source(url, pattern).await;
        assert_eq!(read_from(&*source).await, Ok(names(expected)), "{pattern}");
        let left_out = source.coverage().left_out;
        let left_out: Vec<_> = left_out.iter().map(|it| it.index.as_str()).collect();
        assert_eq!(left_out, [bad], "{pattern}");
    }
    // Its members would be read without its filter.
    let refused = read_from(&*source(url, "narrow").await).await;
    let refused = refused.map_err(|fault| fault.reason);
    assert_eq!(refused, Err(FaultReason::TimestampFieldInvalid));
}

async fn a_source_without_any_good_index_is_refused_with_the_reason(flavor: Flavor) {
    let url = seed::server(flavor).await;
    let text = json!({"@timestamp": {"type": "text"}});
    make(url, "all-bad-text", json!({}), text).await;
    let source_of_text = source(url, "all-bad-te*").await;
    let fault = read_from(&*source_of_text).await.expect_err("refused");
    assert_eq!(fault.reason, FaultReason::TimestampFieldInvalid);
    assert!(
        fault
            .message
            .contains("all-bad-text maps the time field as text"),
        "{fault}"
    );
    make(url, "all-bad-red", json!({NOWHERE: "nowhere"}), date()).await;
    let source_of_red = source(url, "all-bad-re*").await;
    let fault = read_from(&*source_of_red).await.expect_err("refused");
    assert_eq!(fault.reason, FaultReason::PartialResults, "{fault}");
    delete(url, "all-bad-text").await;
    delete(url, "all-bad-red").await;
}

async fn an_index_that_fails_later_is_left_out_after_one_fault(flavor: Flavor) {
    let url = seed::server(flavor).await;
    good(url, "later-a").await;
    good(url, "later-b").await;
    let source = source(url, "later-*").await;
    assert_eq!(
        read_from(&*source).await,
        Ok(names(&["later-a", "later-b"]))
    );
    assert_eq!(marked(&*source).await, 2);
    let block = json!({"index.blocks.read": true});
    seed::call("PUT", url, "later-b/_settings", block).await;
    assert_eq!(read_from(&*source).await, Ok(names(&["later-a"])));
    assert_eq!(marked(&*source).await, 1);
    seed::call("DELETE", url, "later-b", Value::Null).await;
    assert_eq!(read_from(&*source).await, Ok(names(&["later-a"])));
}

async fn a_backing_index_is_left_out_of_its_data_stream(flavor: Flavor) {
    let url = seed::server(flavor).await;
    let template = json!({
        "index_patterns": ["stream-of-two-*"],
        "data_stream": {},
        "template": {"settings": {"number_of_replicas": 0}},
    });
    seed::call("PUT", url, "_index_template/stream-of-two", template).await;
    let event = json!({"@timestamp": "2026-11-01T10:00:01Z", "verb": "get"});
    let store = async || {
        let path = "stream-of-two-x/_doc?refresh=true";
        let stored = seed::call("POST", url, path, event.clone()).await;
        stored["_index"].as_str().expect("it has one").to_owned()
    };
    let first = store().await;
    let rollover = "stream-of-two-x/_rollover";
    seed::call("POST", url, rollover, Value::Null).await;
    let second = store().await;
    let block = json!({"index.blocks.read": true});
    let settings = format!("{first}/_settings");
    seed::call("PUT", url, &settings, block).await;
    for pattern in ["stream-of-two-*", "stream-of-two-x"] {
        let source = source(url, pattern).await;
        let from = read_from(&*source).await;
        assert_eq!(from, Ok(names(&[&second])), "{pattern}");
        assert_named(&source.coverage().left_out, &[(first.clone(), "blocked")]);
    }
    // Not every server of the tests can delete it.
    let path = format!("{url}/_data_stream/stream-of-two-x");
    let deleted = reqwest::Client::new().delete(path).send().await;
    deleted.expect("the server answers");
}

#[tokio::test]
async fn a_backing_index_is_left_out_of_its_data_stream_by_elasticsearch() {
    a_backing_index_is_left_out_of_its_data_stream(Flavor::Elasticsearch9).await;
}

#[tokio::test]
async fn a_backing_index_is_left_out_of_its_data_stream_by_opensearch() {
    a_backing_index_is_left_out_of_its_data_stream(Flavor::OpenSearch3).await;
}

/// An index that was left out is asked for again after half a minute.
#[tokio::test]
async fn an_index_that_is_healthy_again_is_read_again() {
    let url = seed::server(Flavor::OpenSearch3).await;
    good(url, "again-a").await;
    good(url, "again-b").await;
    let block = |is_blocked| json!({"index.blocks.read": is_blocked});
    seed::call("PUT", url, "again-b/_settings", block(true)).await;
    let source = source(url, "again-*").await;
    assert_eq!(read_from(&*source).await, Ok(names(&["again-a"])));
    seed::call("PUT", url, "again-b/_settings", block(false)).await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(marked(&*source).await, 2, "its documents are late ones");
    for (index, expected) in [("again-b", 1), ("again-gone", 0)] {
        let census = source.census_of(index, minute()).await;
        assert_eq!(census.expect("it is taken").0.len(), expected, "{index}");
    }
    assert_eq!(source.coverage().left_out, []);
}

async fn an_index_with_a_small_result_window_is_read_in_smaller_pages(flavor: Flavor) {
    let url = seed::server(flavor).await;
    good(url, "small-window-a").await;
    let small = json!({"index.max_result_window": 100});
    make(url, "small-window-b", small, date()).await;
    let event = |number: usize| {
        let second = number % 60;
        (
            number.to_string(),
            json!({"@timestamp": format!("2026-11-01T10:00:{second:02}Z")}),
        )
    };
    seed::documents(url, "small-window-b", (0..700).map(event)).await;
    let source = source(url, "small-window-*").await;
    for _ in 0..2 {
        assert_eq!(
            distinct(&read(&*source, minute()).await.expect("it is read")),
            701
        );
    }
    let mut pages = source
        .open_unordered(minute(), None)
        .await
        .expect("it opens");
    let mut documents = Vec::new();
    while let Some(page) = pages.next().await.expect("it is read") {
        documents.extend(page);
    }
    assert_eq!(distinct(&documents), 701);
    assert_eq!(source.coverage().left_out, []);
}

fn distinct(documents: &[Document]) -> usize {
    let places = documents.iter().map(|it| (&it.index, &it.id));
    places.collect::<BTreeSet<_>>().len()
}
