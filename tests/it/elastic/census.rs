//! The marks by which late and overwritten documents are noticed, from real servers.

use k8scop::{
    elastic::connect,
    pipeline::{
        ledger::{Bucket, Census, Ledger, Mark},
        plan::{SourcePlan, TermFilter},
        ports::{FaultReason, Source},
        window::Window,
    },
};
use k8scop_testbed::Flavor;
use serde_json::{Value, json};

use super::{
    connected, open, seed,
    seed::{date, on_every_server},
    settings, sink_plan, source_plan, window,
};

on_every_server!(
    a_view_tells_the_marks_of_what_it_holds,
    windows_add_up_to_the_marks_of_their_span,
    a_document_that_comes_late_is_noticed,
    a_document_that_is_overwritten_in_place_is_noticed,
    a_deleted_document_is_noticed,
    documents_without_a_time_are_counted,
    a_census_of_nothing_is_no_empty_census,
);

async fn source(flavor: Flavor, index: &str) -> std::sync::Arc<dyn Source> {
    let url = seed::server(flavor).await;
    connected(url, index, "alerts").await.expect("connects").0
}

/// Documents named by their place, each at a minute and second past seven.
async fn store(url: &str, index: &str, times: &[&str]) {
    let documents = times.iter().enumerate().map(|(id, time)| {
        let document = json!({"@timestamp": format!("2026-11-23T07:{time}Z"), "verb": "get"});
        (id.to_string(), document)
    });
    seed::documents(url, index, documents).await;
}

fn hour() -> Window {
    window("2026-11-23T07:00:00Z", "2026-11-23T08:00:00Z")
}

fn bucket(minute: i64) -> Bucket {
    Bucket(Bucket::of(hour().start).0 + minute / 5)
}

/// The marks of a view, after all of it was read.
async fn viewed(source: &dyn Source, window: Window) -> Census {
    let mut pages = open(source, window).await.expect("view opens");
    while pages.next().await.expect("page is read").is_some() {}
    let census = pages.census().cloned().expect("it is known by now");
    pages.close().await;
    census
}

async fn asked(source: &dyn Source, span: Window) -> Census {
    source.census(span).await.expect("the census is taken")
}

async fn a_view_tells_the_marks_of_what_it_holds(flavor: Flavor) {
    let url = seed::server(flavor).await;
    seed::index(url, "census-view", date(), 1).await;
    let times = ["39:59.999", "40:00", "44:59.999", "45:00", "59:59", "01:00"];
    store(url, "census-view", &times).await;
    let source = source(flavor, "census-view").await;
    let from_40 = window("2026-11-23T07:40:00Z", "2026-11-23T07:50:00Z");
    // On one shard, sequence numbers are those of the order of writing.
    let marks = [
        (bucket(40), Mark::new(2, 1 + 2)),
        (bucket(45), Mark::new(1, 3)),
    ];
    let expected = Census(marks.into());
    assert_eq!(viewed(&*source, from_40).await, expected);
    assert_eq!(asked(&*source, from_40).await, expected);
    let empty = window("2026-11-23T06:00:00Z", "2026-11-23T07:00:00Z");
    assert_eq!(viewed(&*source, empty).await, Census::default());
    assert_eq!(asked(&*source, empty).await, Census::default());
}

async fn windows_add_up_to_the_marks_of_their_span(flavor: Flavor) {
    let url = seed::server(flavor).await;
    let nanos = json!({"@timestamp": {"type": "date_nanos"}});
    seed::index(url, "census-sum-millis", date(), 3).await;
    seed::index(url, "census-sum-nanos", nanos, 2).await;
    let times: Vec<String> = (0..2_500)
        .map(|number| format!("{:02}:{:02}.{:03}", number % 60, number % 59, number % 1000))
        .collect();
    let times: Vec<&str> = times.iter().map(String::as_str).collect();
    store(url, "census-sum-millis", &times).await;
    store(url, "census-sum-nanos", &times[..1_200]).await;
    let source = source(flavor, "census-sum-*").await;
    let mut ledger = Ledger::default();
    let cuts = [
        "07:00:00",
        "07:07:30.5",
        "07:08:00",
        "07:31:00.001",
        "08:00:00",
    ];
    for cut in cuts.windows(2) {
        let [start, end] = [cut[0], cut[1]].map(|time| format!("2026-11-23T{time}Z"));
        ledger.read(&viewed(&*source, window(&start, &end)).await);
    }
    let census = asked(&*source, hour()).await;
    assert_eq!(ledger.differing(hour(), &census), []);
    let documents: u16 = census.0.values().map(|mark| mark.documents).sum();
    assert_eq!((census.0.len(), documents), (12, 3_700));
}

/// What differs after a change from what was read before.
async fn noticed(flavor: Flavor, index: &str, change: impl AsyncFnOnce(&str)) -> Vec<Bucket> {
    let url = seed::server(flavor).await;
    seed::index(url, index, date(), 2).await;
    store(url, index, &["10:00", "20:00", "20:01", "30:00"]).await;
    let source = source(flavor, index).await;
    let mut ledger = Ledger::default();
    ledger.read(&viewed(&*source, hour()).await);
    assert_eq!(ledger.differing(hour(), &asked(&*source, hour()).await), []);
    change(url).await;
    ledger.differing(hour(), &asked(&*source, hour()).await)
}

async fn a_document_that_comes_late_is_noticed(flavor: Flavor) {
    let index = "census-late";
    let late = async |url: &str| {
        let late = json!({"@timestamp": "2026-11-23T07:10:07Z", "verb": "get"});
        seed::documents(url, index, [("late".to_owned(), late)]).await;
    };
    assert_eq!(noticed(flavor, index, late).await, [bucket(10)]);
}

async fn a_document_that_is_overwritten_in_place_is_noticed(flavor: Flavor) {
    let index = "census-overwritten";
    let overwrite = async |url: &str| {
        let other = json!({"@timestamp": "2026-11-23T07:20:01Z", "verb": "create"});
        seed::documents(url, index, [("2".to_owned(), other)]).await;
    };
    assert_eq!(noticed(flavor, index, overwrite).await, [bucket(20)]);
}

async fn a_deleted_document_is_noticed(flavor: Flavor) {
    let index = "census-deleted";
    let delete = async |url: &str| {
        let path = format!("{index}/_doc/3?refresh=true");
        seed::call("DELETE", url, &path, Value::Null).await;
    };
    assert_eq!(noticed(flavor, index, delete).await, [bucket(30)]);
}

async fn documents_without_a_time_are_counted(flavor: Flavor) {
    let url = seed::server(flavor).await;
    let mapping = json!({
        "@timestamp": {"type": "date", "ignore_malformed": true},
        "origin": {"type": "keyword"},
    });
    seed::index(url, "census-timeless", mapping, 1).await;
    let documents = [
        json!({"@timestamp": "2026-11-23T07:20:01Z", "origin": "audit"}),
        json!({"@timestamp": "yesterday", "origin": "audit"}),
        json!({"origin": "audit"}),
        json!({"origin": "nginx"}),
    ];
    let named = documents.into_iter().enumerate();
    let named = named.map(|(id, document)| (id.to_string(), document));
    seed::documents(url, "census-timeless", named).await;
    let all = source(flavor, "census-timeless").await;
    assert_eq!(all.without_time().await, Ok(3));
    let filter = TermFilter {
        field: "origin".to_owned(),
        values: vec!["audit".to_owned()],
    };
    let plan = SourcePlan {
        filter: vec![filter],
        ..source_plan("census-timeless")
    };
    let (audit, _) = connect(&settings(url), &plan, &sink_plan("alerts"))
        .await
        .expect("connects");
    assert_eq!(audit.without_time().await, Ok(2));
    let documents: Vec<u16> = asked(&*audit, hour())
        .await
        .0
        .values()
        .map(|mark| mark.documents)
        .collect();
    assert_eq!(documents, [1]);
}

async fn a_census_of_nothing_is_no_empty_census(flavor: Flavor) {
    let source = source(flavor, "census-nothing-*").await;
    let refused = source.census(hour()).await.map_err(|fault| fault.reason);
    assert_eq!(refused, Err(FaultReason::IndexNotFound));
}

/// Only Elasticsearch from 9.5 can do without sequence numbers.
#[tokio::test]
async fn an_index_without_sequence_numbers_is_marked_by_counts() {
    let flavor = Flavor::Elasticsearch9;
    let url = seed::server(flavor).await;
    seed::call(
        "DELETE",
        url,
        "census-weak-b?ignore_unavailable=true",
        Value::Null,
    )
    .await;
    seed::index(url, "census-weak-a", date(), 1).await;
    store(url, "census-weak-a", &["10:00", "20:00"]).await;
    let source = source(flavor, "census-weak-*").await;
    let strong = asked(&*source, hour()).await;
    assert_eq!(strong.mark(bucket(20)), Mark::new(1, 1));
    let settings = json!({"index.disable_sequence_numbers": true, "number_of_replicas": 0});
    let body = json!({"settings": settings, "mappings": {"properties": date()}});
    seed::call("PUT", url, "census-weak-b", body).await;
    store(url, "census-weak-b", &["20:01"]).await;
    // The search that met the new index is refused; the next one knows.
    let refused = source.census(hour()).await.map_err(|fault| fault.reason);
    assert_eq!(refused, Err(FaultReason::TimestampFieldInvalid));
    let expected = [(bucket(10), Mark::new(1, 0)), (bucket(20), Mark::new(2, 0))];
    assert_eq!(asked(&*source, hour()).await, Census(expected.into()));
    assert_eq!(viewed(&*source, hour()).await, Census(expected.into()));
}
