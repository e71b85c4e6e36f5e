//! Answers that are larger than will be taken.

use axum::response::{IntoResponse, Response};
use k8scop::{
    detect::document::Document,
    pipeline::ports::{Remedy, Source},
};
use k8scop_testbed::Flavor;
use serde_json::{Value, json};

use super::{
    connected, open, read, seed,
    seed::date,
    window,
    wire::{Call, Wire, answer, error, hit, page, raw},
};

// With as little memory as in tests Elasticsearch 9 stores no such document.
#[tokio::test]
async fn a_huge_body_alone_is_left_out_over_a_point_in_time() {
    leave_a_huge_body_out(Flavor::OpenSearch3).await;
}

#[tokio::test]
async fn a_huge_body_alone_is_left_out_over_a_scroll() {
    leave_a_huge_body_out(Flavor::Elasticsearch7).await;
}

/// One is larger than an answer may be, one than detection parses.
async fn leave_a_huge_body_out(flavor: Flavor) {
    let url = seed::server(flavor).await;
    seed::index(url, "huge", date(), 1).await;
    seed::call("PUT", url, "huge/_mapping", json!({"dynamic": false})).await;
    let body = |length| json!({"spec": "y".repeat(length)});
    for (id, length) in [("a", 1), ("b", 33 << 20), ("c", 1), ("d", 17 << 20)] {
        let event = json!({"verb": "get", "requestObject": body(length)});
        let document = json!({"@timestamp": "2026-11-23T07:40:07Z", "log": event});
        seed::call(
            "PUT",
            url,
            &format!("huge/_doc/{id}?refresh=true"),
            document,
        )
        .await;
    }
    let (source, _) = connected(url, "huge", "alerts").await.expect("connects");
    let mut documents = read_in_the_end(&*source).await;
    documents.sort();
    let stored = |id: &str, event: Value| {
        let document = json!({"@timestamp": "2026-11-23T07:40:07Z", "log": event});
        format!("{id} {document}")
    };
    let whole = json!({"verb": "get", "requestObject": body(1)});
    let expected = [
        stored("a", whole.clone()),
        stored("b", json!({"verb": "get"})),
        stored("c", whole),
        stored("d", json!({"verb": "get"})),
    ];
    assert_eq!(documents, expected);
}

fn some_window() -> k8scop::pipeline::window::Window {
    window("2026-11-23T07:40:00Z", "2026-11-23T07:41:00Z")
}

/// An answer above the size that is taken.
fn oversized() -> Response {
    raw(200, "application/json", " ".repeat((32 << 20) + 1))
}

fn asked(call: &Call) -> Value {
    serde_json::from_str(&call.body).expect("JSON")
}

async fn source(wire: &Wire) -> std::sync::Arc<dyn Source> {
    connected(&wire.url, "logs", "alerts")
        .await
        .expect("connects")
        .0
}

/// Reads a window to its end, opening it again as often as it asks for.
async fn read_in_the_end(source: &dyn Source) -> Vec<String> {
    loop {
        match read(source, some_window()).await {
            Ok(documents) => return described(&documents),
            Err(fault) => assert_eq!(fault.remedy, Remedy::Reopen, "{fault}"),
        }
    }
}

fn described(documents: &[Document]) -> Vec<String> {
    documents
        .iter()
        .map(|document| {
            format!(
                "{} {}",
                document.id,
                String::from_utf8_lossy(&document.source)
            )
        })
        .collect()
}

#[tokio::test]
async fn an_overloaded_server_is_never_asked_for_less_than_a_whole_document() {
    let wire = Wire::start(|call: &Call| {
        let refusal = || error(429, "circuit_breaking_exception");
        call.path.ends_with("_search").then(refusal)
    })
    .await;
    let source = source(&wire).await;
    let mut pages = open(&*source, some_window()).await.expect("view opens");
    for _ in 0..13 {
        pages.next().await.expect_err("the server is overloaded");
    }
    let last = asked(wire.calls("_search").last().expect("it was asked"));
    assert_eq!((&last["size"], &last["_source"]), (&json!(1), &json!(true)));
}

#[tokio::test]
async fn only_the_document_that_is_too_large_comes_reduced() {
    let wire = Wire::start(|call: &Call| {
        let search = || {
            let asked = asked(call);
            let many = asked["size"] != 1;
            let large = asked["search_after"].is_null() && asked["_source"]["excludes"].is_null();
            match (many || large, asked["search_after"].is_null()) {
                (true, _) => oversized(),
                (false, true) => page(2, json!([hit("large")])),
                (false, false) => page(2, json!([hit("small")])),
            }
        };
        call.path.ends_with("_search").then(search)
    })
    .await;
    let source = source(&wire).await;
    let documents = read(&*source, some_window()).await.expect("window is read");
    assert_eq!(documents.len(), 2);
    let last = asked(wire.calls("_search").last().expect("it was asked"));
    assert_eq!((&last["size"], &last["_source"]), (&json!(1), &json!(true)));
}

/// A server without points in time whose window holds two documents, the first of them too large.
fn scrolling(call: &Call) -> Option<Response> {
    let root = json!({"version": {"number": "7.10.2", "build_flavor": "oss"}, "tagline": "You Know, for Search"});
    let scroll = |hits: &[&str], source: bool| {
        let hits = hits.iter().map(|id| {
            let mut hit = hit(id);
            if !source {
                hit.as_object_mut().expect("an object").remove("_source");
            }
            hit
        });
        let hits: Vec<Value> = hits.collect();
        let shards = json!({"total": 1, "successful": 1, "failed": 0});
        let hits = json!({"total": {"value": 2, "relation": "eq"}, "hits": hits});
        let marks = json!({"census": {"buckets": []}});
        answer(
            200,
            json!({"_scroll_id": "s", "timed_out": false, "_shards": shards, "hits": hits, "aggregations": marks}),
        )
    };
    if call.path == "/" {
        return Some(([("content-type", "application/json")], root.to_string()).into_response());
    }
    if call.path == "/i/_search" {
        let asked = asked(call);
        let id = asked["query"]["ids"]["values"][0].as_str().expect("an id");
        let large = id == "large" && asked["_source"]["excludes"].is_null();
        return Some(if large {
            oversized()
        } else {
            page(1, json!([hit(id)]))
        });
    }
    if call.path == "/logs/_search" {
        let names = asked(call)["_source"] == false;
        return Some(if names {
            scroll(&["large", "small"], false)
        } else {
            oversized()
        });
    }
    None
}

#[tokio::test]
async fn only_the_document_that_is_too_large_comes_reduced_over_a_scroll() {
    let wire = Wire::start(scrolling).await;
    let source = source(&wire).await;
    let documents = read_in_the_end(&*source).await;
    let whole = r#"{"verb":"get"}"#;
    assert_eq!(
        documents,
        [format!("large {whole}"), format!("small {whole}")]
    );
    let asked: Vec<(Value, Value)> = wire
        .calls("/i/_search")
        .iter()
        .map(asked)
        .map(|asked| {
            (
                asked["query"]["ids"]["values"][0].clone(),
                asked["_source"].clone(),
            )
        })
        .collect();
    let whole = |id: &str| (json!(id), json!(true));
    assert_eq!((&asked[0], &asked[2]), (&whole("large"), &whole("small")));
    assert!(asked[1].1["excludes"].is_array(), "{asked:?}");
}
