//! Documents with a time that no audit event has.

use k8scop::pipeline::{ports::Source, window::Window};
use k8scop_testbed::Flavor;
use serde_json::json;

use super::{
    connected, read, seed,
    seed::{date, on_every_server},
    window,
};

on_every_server!(
    documents_from_before_1970_are_read_and_marked,
    times_that_cannot_be_are_counted,
);

/// Times, the last of which a mapping takes for milliseconds.
fn times() -> [serde_json::Value; 4] {
    [
        json!("1960-01-01T00:00:00Z"),
        json!("1969-12-31T23:59:58.500Z"),
        json!("2300-01-01T00:00:00Z"),
        json!(1_793_527_200),
    ]
}

async fn store(url: &str, index: &str) {
    seed::index(url, index, date(), 1).await;
    let documents = times().into_iter().enumerate();
    let documents = documents.map(|(id, time)| (id.to_string(), json!({"@timestamp": time})));
    seed::documents(url, index, documents).await;
}

async fn documents_from_before_1970_are_read_and_marked(flavor: Flavor) {
    let url = seed::server(flavor).await;
    store(url, "years-read").await;
    let (source, _) = connected(url, "years-read", "alerts")
        .await
        .expect("connects");
    for (start, end, expected) in [
        (
            "1950-01-01T00:00:00Z",
            "2400-01-01T00:00:00Z",
            &["0", "1", "3", "2"][..],
        ),
        ("1969-12-31T23:59:58Z", "1970-01-01T00:00:00Z", &["1"]),
        ("1970-01-01T00:00:00Z", "1971-01-01T00:00:00Z", &["3"]),
    ] {
        let window = window(start, end);
        let documents = read(&*source, window).await.expect("it is read");
        let ids: Vec<_> = documents.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids, expected, "{start}");
        let census = source.census(window).await.expect("the census is taken");
        let documents: usize = census.0.values().map(|it| usize::from(it.documents)).sum();
        assert_eq!(documents, expected.len(), "{start}");
        for time in documents_times(&*source, window).await {
            let time: jiff::Timestamp = time.parse().expect("a timestamp");
            assert!(window.start <= time && time < window.end, "{time}");
        }
    }
}

async fn documents_times(source: &dyn Source, window: Window) -> Vec<String> {
    let documents = read(source, window).await.expect("it is read");
    documents.into_iter().filter_map(|it| it.time).collect()
}

async fn times_that_cannot_be_are_counted(flavor: Flavor) {
    let url = seed::server(flavor).await;
    store(url, "years-counted").await;
    let more = [
        ("none".to_owned(), json!({"verb": "get"})),
        (
            "good".to_owned(),
            json!({"@timestamp": "2026-11-01T10:00:00Z"}),
        ),
    ];
    seed::documents(url, "years-counted", more).await;
    let (source, _) = connected(url, "years-counted", "alerts")
        .await
        .expect("connects");
    // One without a time, and three from before there was Kubernetes.
    assert_eq!(source.without_time().await, Ok(4));
}
