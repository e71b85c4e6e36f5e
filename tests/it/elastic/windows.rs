//! Windows read from real servers.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use k8scop::{
    detect::{document::Document, event::Event, field::Field, layout::Layout},
    elastic::connect,
    pipeline::{
        plan::{SourcePlan, TermFilter},
        ports::{FaultReason, Remedy, Source},
        window::Window,
    },
};
use k8scop_testbed::Flavor;
use serde_json::{Value, json};

use super::{
    connected, open, read, seed,
    seed::{date, on_every_server},
    settings, sink_plan, source_plan, window,
};

on_every_server!(
    a_window_is_half_open,
    documents_come_in_the_order_of_time_over_indices_of_both_precisions,
    equal_timestamps_are_read_to_the_last,
    the_server_checks_the_terms_of_a_filter,
    every_layout_is_delivered_with_what_the_rules_can_see,
    a_hostile_document_leaves_its_page_whole,
    a_pattern_that_matches_nothing_is_no_empty_window,
    an_index_without_the_time_field_does_not_stop_the_others,
    a_time_field_that_is_no_date_is_told,
    a_view_that_is_lost_asks_to_be_opened_again,
    the_clock_is_the_servers,
);

async fn source(flavor: Flavor, index: &str) -> std::sync::Arc<dyn Source> {
    let url = seed::server(flavor).await;
    connected(url, index, "alerts").await.expect("connects").0
}

fn at(time: &str) -> Value {
    json!({"@timestamp": time, "verb": "get"})
}

fn numbered(documents: impl IntoIterator<Item = Value>) -> impl Iterator<Item = (String, Value)> {
    documents
        .into_iter()
        .enumerate()
        .map(|(id, document)| (id.to_string(), document))
}

fn ids(documents: &[Document]) -> Vec<&str> {
    documents
        .iter()
        .map(|document| document.id.as_str())
        .collect()
}

fn a_minute() -> Window {
    window("2026-11-23T07:40:00Z", "2026-11-23T07:41:00Z")
}

async fn a_window_is_half_open(flavor: Flavor) {
    let url = seed::server(flavor).await;
    seed::index(url, "half-open", date(), 2).await;
    let times = [
        "2026-11-23T07:39:59.999Z",
        "2026-11-23T07:40:00Z",
        "2026-11-23T07:40:59.999Z",
        "2026-11-23T07:41:00Z",
    ];
    seed::documents(url, "half-open", numbered(times.map(at))).await;
    let source = source(flavor, "half-open").await;
    let documents = read(&*source, a_minute()).await.expect("window is read");
    let expected = ["1", "2"].map(|id| Document {
        index: "half-open".to_owned(),
        id: id.to_owned(),
        time: None,
        source: at(times[id.parse::<usize>().expect("a number")])
            .to_string()
            .into(),
        is_rebuilt: false,
    });
    let instants: Vec<Option<Timestamp>> = documents
        .iter()
        .map(|document| document.time.as_ref().and_then(|time| time.parse().ok()))
        .collect();
    let untimed: Vec<Document> = documents
        .into_iter()
        .map(|document| Document {
            time: None,
            ..document
        })
        .collect();
    assert_eq!(untimed, expected);
    assert_eq!(instants, [times[1], times[2]].map(|time| time.parse().ok()));
}

async fn documents_come_in_the_order_of_time_over_indices_of_both_precisions(flavor: Flavor) {
    let url = seed::server(flavor).await;
    let nanos = json!({"@timestamp": {"type": "date_nanos"}});
    seed::index(url, "precision-nanos", nanos, 1).await;
    seed::index(url, "precision-millis", date(), 1).await;
    let exact = [
        "2026-11-23T07:40:00.001000001Z",
        "2026-11-23T07:40:00.001000002Z",
        "2026-11-23T07:40:00.003Z",
    ];
    let nanos = exact
        .map(at)
        .into_iter()
        .enumerate()
        .map(|(n, doc)| (format!("n{n}"), doc));
    seed::documents(url, "precision-nanos", nanos).await;
    let coarse = [
        ("m0", at("2026-11-23T07:40:00.001Z")),
        ("m1", at("2026-11-23T07:40:00.002Z")),
    ];
    let coarse = coarse.map(|(id, document)| (id.to_owned(), document));
    seed::documents(url, "precision-millis", coarse).await;
    let source = source(flavor, "precision-*").await;
    let documents = read(&*source, a_minute()).await.expect("window is read");
    assert_eq!(ids(&documents), ["m0", "n0", "n1", "m1", "n2"]);
    assert_eq!(documents[1].time.as_deref(), Some(exact[0]));
}

async fn equal_timestamps_are_read_to_the_last(flavor: Flavor) {
    const COUNT: usize = 50_000;
    let url = seed::server(flavor).await;
    seed::index(url, "ties", date(), 3).await;
    let documents = (0..COUNT).map(|_| at("2026-11-23T07:40:07Z"));
    seed::documents(url, "ties", numbered(documents)).await;
    let source = source(flavor, "ties").await;
    let documents = read(&*source, a_minute()).await.expect("window is read");
    let distinct: BTreeSet<&str> = ids(&documents).into_iter().collect();
    assert_eq!((documents.len(), distinct.len()), (COUNT, COUNT));
}

async fn the_server_checks_the_terms_of_a_filter(flavor: Flavor) {
    let url = seed::server(flavor).await;
    let mapping = json!({"@timestamp": {"type": "date"}, "origin": {"type": "keyword"}});
    seed::index(url, "filtered", mapping, 1).await;
    let from = |origin: &str| json!({"@timestamp": "2026-11-23T07:40:07Z", "origin": origin});
    let documents = ["audit", "nginx", "audit-b"].map(from);
    seed::documents(url, "filtered", numbered(documents)).await;
    let filter = TermFilter {
        field: "origin".to_owned(),
        values: vec!["audit".to_owned(), "audit-b".to_owned()],
    };
    let plan = SourcePlan {
        filter: vec![filter],
        ..source_plan("filtered")
    };
    let (source, _) = connect(&settings(url), &plan, &sink_plan("alerts"))
        .await
        .expect("connects");
    let documents = read(&*source, a_minute()).await.expect("window is read");
    let found: BTreeSet<&str> = ids(&documents).into_iter().collect();
    assert_eq!(found, BTreeSet::from(["0", "2"]));
}

/// The same event as shippers store it, and a large part that no rule asks for.
fn layouts() -> [(Layout, Value); 7] {
    let event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": "a", "stage": "ResponseComplete",
        "verb": "create", "user": {"username": "mallory"},
        "objectRef": {"resource": "pods", "subresource": "exec"},
        "requestObject": "{\"spec\":{\"hostPID\":true}}",
        "responseObject": {"status": "canary"},
    });
    let flat = |prefix: &str| {
        let mut flat = json!({format!("{prefix}responseObject.status"): "canary"});
        for (name, value) in [
            ("auditID", "a"),
            ("stage", "ResponseComplete"),
            ("verb", "create"),
            ("user.username", "mallory"),
            ("objectRef.resource", "pods"),
            ("objectRef.subresource", "exec"),
            ("requestObject", "{\"spec\":{\"hostPID\":true}}"),
        ] {
            flat[format!("{prefix}{name}")] = json!(value);
        }
        flat
    };
    [
        (Layout::Raw, event.clone()),
        (
            Layout::Raw,
            json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [event]}),
        ),
        (
            Layout::Elastic,
            json!({"kubernetes": {"audit": event, "pod": {"name": "canary"}}}),
        ),
        (Layout::Dotted, flat("kubernetes.audit.")),
        (Layout::Dotted, flat("")),
        (
            Layout::Wrapped,
            json!({"log": event.to_string(), "other": "canary"}),
        ),
        (
            Layout::Wrapped,
            json!({"properties": {"log": event.to_string()}, "other": "canary"}),
        ),
    ]
}

async fn every_layout_is_delivered_with_what_the_rules_can_see(flavor: Flavor) {
    let url = seed::server(flavor).await;
    seed::index(url, "layouts", date(), 1).await;
    // The layouts contradict one another; nothing of them is indexed.
    seed::call("PUT", url, "layouts/_mapping", json!({"dynamic": false})).await;
    let timed = layouts().map(|(_, mut document)| {
        document["@timestamp"] = json!("2026-11-23T07:40:07Z");
        document
    });
    seed::documents(url, "layouts", numbered(timed)).await;
    let source = source(flavor, "layouts").await;
    let documents = read(&*source, a_minute()).await.expect("window is read");
    for (number, (layout, _)) in layouts().into_iter().enumerate() {
        let number = number.to_string();
        let document = documents.iter().find(|found| found.id == number);
        let document = document.expect("it is there");
        for asked in [layout, Layout::Auto] {
            assert_eq!(seen(document, asked), SEEN, "{asked:?} {document:?}");
        }
    }
}

const SEEN: [&str; 4] = ["create", "mallory", "exec", "true"];

fn seen(document: &Document, layout: Layout) -> Vec<String> {
    let events = Event::read(document, layout).expect("an audit event");
    [
        "verb",
        "user.username",
        "objectRef.subresource",
        "requestObject.spec.hostPID",
    ]
    .iter()
    .flat_map(|field| {
        let field = Field::parse(field).expect("a field");
        events[0]
            .values(&field)
            .into_iter()
            .map(|value| value.into_owned())
            .collect::<Vec<_>>()
    })
    .collect()
}

async fn a_hostile_document_leaves_its_page_whole(flavor: Flavor) {
    let url = seed::server(flavor).await;
    let mapping =
        json!({"@timestamp": {"type": "date"}, "deep": {"type": "object", "enabled": false}});
    seed::index(url, "hostile", mapping, 1).await;
    // Deeper than serde_json reads.
    let deep = (0..300).fold(json!(1), |inner, _| json!({"d": inner}));
    let documents = [
        json!({"@timestamp": "2026-11-23T07:40:07Z", "deep": deep}),
        json!({"@timestamp": "2026-11-23T07:40:08Z"}),
        json!({"@timestamp": "2026-11-23T07:40:09Z", "deep": {"text": "y".repeat(3 << 20)}}),
    ];
    seed::documents(url, "hostile", numbered(documents)).await;
    let source = source(flavor, "hostile").await;
    let documents = read(&*source, a_minute()).await.expect("window is read");
    assert_eq!(ids(&documents), ["0", "1", "2"]);
}

async fn a_pattern_that_matches_nothing_is_no_empty_window(flavor: Flavor) {
    for pattern in ["nothing-here", "nothing-here-*", "nothing-here,nor-here-*"] {
        let source = source(flavor, pattern).await;
        let opened = open(&*source, a_minute())
            .await
            .err()
            .map(|fault| fault.reason);
        assert_eq!(opened, Some(FaultReason::IndexNotFound), "{pattern}");
        let now = source.now().await.err().map(|fault| fault.reason);
        assert_eq!(now, Some(FaultReason::IndexNotFound), "{pattern}");
    }
}

async fn an_index_without_the_time_field_does_not_stop_the_others(flavor: Flavor) {
    let url = seed::server(flavor).await;
    seed::index(url, "mixed-a", date(), 1).await;
    seed::index(url, "mixed-b", json!({}), 1).await;
    seed::documents(url, "mixed-a", numbered([at("2026-11-23T07:40:07Z")])).await;
    let source = source(flavor, "mixed-*").await;
    let documents = read(&*source, a_minute()).await.expect("window is read");
    assert_eq!(ids(&documents), ["0"]);
    source.now().await.expect("the server tells its time");
}

async fn a_time_field_that_is_no_date_is_told(flavor: Flavor) {
    let url = seed::server(flavor).await;
    seed::index(
        url,
        "undated",
        json!({"@timestamp": {"type": "keyword"}}),
        1,
    )
    .await;
    seed::index(url, "timeless", json!({}), 1).await;
    for index in ["undated", "timeless"] {
        let source = source(flavor, index).await;
        let fault = open(&*source, a_minute()).await.err().expect("refused");
        assert_eq!(fault.reason, FaultReason::TimestampFieldInvalid, "{index}");
    }
}

async fn a_view_that_is_lost_asks_to_be_opened_again(flavor: Flavor) {
    let url = seed::server(flavor).await;
    let fill = async || {
        seed::index(url, "lost", date(), 1).await;
        let documents = (0..1_500).map(|_| at("2026-11-23T07:40:07Z"));
        seed::documents(url, "lost", numbered(documents)).await;
    };
    fill().await;
    let source = source(flavor, "lost").await;
    let mut pages = open(&*source, a_minute()).await.expect("view opens");
    let first = pages
        .next()
        .await
        .expect("first page")
        .expect("it has documents");
    assert_eq!((first.len(), pages.total()), (1_000, Some(1_500)));
    fill().await;
    let fault = pages.next().await.expect_err("the view is gone");
    assert_eq!(fault.remedy, Remedy::Reopen, "{fault}");
    pages.close().await;
    let documents = read(&*source, a_minute()).await.expect("window is read");
    assert_eq!(documents.len(), 1_500);
}

async fn the_clock_is_the_servers(flavor: Flavor) {
    let url = seed::server(flavor).await;
    seed::index(url, "clock", date(), 1).await;
    let source = source(flavor, "clock").await;
    let off = Timestamp::now().duration_since(source.now().await.expect("it tells"));
    assert!(off.abs() < SignedDuration::from_mins(1), "{off:?}");
}
