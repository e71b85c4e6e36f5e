//! What tests put into real servers and look up there, past the code under test.

use std::fmt::Display;

use k8scop_testbed::{Flavor, shared_search_server};
use serde_json::{Value, json};

/// The address of the shared server of a kind.
pub(super) async fn server(flavor: Flavor) -> &'static str {
    shared_search_server(flavor)
        .await
        .expect("the server starts")
        .url()
}

/// Sends a call that must succeed, and gives its answer.
pub(super) async fn call(method: &str, url: &str, path: &str, body: Value) -> Value {
    let method = method.parse().expect("a method");
    let request = reqwest::Client::new().request(method, format!("{url}/{path}"));
    let request = if body.is_null() {
        request
    } else {
        request.json(&body)
    };
    let response = request.send().await.expect("the server answers");
    let status = response.status();
    let answer = response.text().await.expect("the answer is text");
    assert!(status.is_success(), "{path}: {status}: {answer}");
    serde_json::from_str(&answer).expect("the answer is JSON")
}

/// Makes an index anew.
pub(super) async fn index(url: &str, name: &str, properties: Value, shards: u8) {
    let path = format!("{url}/{name}");
    reqwest::Client::new()
        .delete(path)
        .send()
        .await
        .expect("the server answers");
    let settings = json!({"number_of_shards": shards, "number_of_replicas": 0});
    let body = json!({"settings": settings, "mappings": {"properties": properties}});
    call("PUT", url, name, body).await;
}

/// The mapping of an index with nothing but a time field.
pub(super) fn date() -> Value {
    json!({"@timestamp": {"type": "date"}})
}

/// Stores documents, each with its id and in one line, and makes them searchable.
pub(super) async fn documents(
    url: &str,
    index: &str,
    documents: impl IntoIterator<Item = (String, impl Display)>,
) {
    let lines: Vec<String> = documents
        .into_iter()
        .map(|(id, document)| format!("{}\n{document}\n", json!({"index": {"_id": id}})))
        .collect();
    for lines in lines.chunks(5_000) {
        let request = reqwest::Client::new()
            .post(format!("{url}/{index}/_bulk"))
            .header("content-type", "application/x-ndjson")
            .body(lines.concat());
        let response = request.send().await.expect("the server answers");
        let answer: Value = response.json().await.expect("the answer is JSON");
        assert_eq!(answer["errors"], false, "{answer}");
    }
    refresh(url, index).await;
}

/// Makes everything that was written searchable.
pub(super) async fn refresh(url: &str, index: &str) {
    call("POST", url, &format!("{index}/_refresh"), Value::Null).await;
}

/// Number of documents of an index.
pub(super) async fn count(url: &str, index: &str) -> u64 {
    refresh(url, index).await;
    let answer = call("GET", url, &format!("{index}/_count"), Value::Null).await;
    answer["count"].as_u64().expect("a number")
}

/// Makes a module of tests for each kind of server out of functions that take a [`Flavor`].
macro_rules! on_every_server {
    ($($test:ident),* $(,)?) => {
        on_every_server!(@ elasticsearch_9 Elasticsearch9 $($test)*);
        on_every_server!(@ opensearch_3 OpenSearch3 $($test)*);
        on_every_server!(@ elasticsearch_7 Elasticsearch7 $($test)*);
    };
    (@ $module:ident $flavor:ident $($test:ident)*) => {
        mod $module {
            $(#[tokio::test]
            async fn $test() {
                super::$test(k8scop_testbed::Flavor::$flavor).await;
            })*
        }
    };
}

pub(super) use on_every_server;
