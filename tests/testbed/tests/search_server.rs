//! Every search server is real: it indexes, finds, and remembers when it was killed.

use k8scop_testbed::{Flavor, SearchServer, shared_search_server};
use serde_json::{Value, json};

async fn put(url: &str, body: Value) {
    let answer = reqwest::Client::new()
        .put(url)
        .json(&body)
        .send()
        .await
        .expect("an answer");
    let status = answer.status();
    assert!(
        status.is_success(),
        "{status}: {}",
        answer.text().await.expect("a text")
    );
}

async fn hits(server: &SearchServer, index: &str) -> Value {
    let url = format!("{}/{index}/_search?q=verb:delete", server.url());
    let answer = reqwest::get(url).await.expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    answer["hits"]["hits"].clone()
}

/// Indexes a document in a well compressed index and finds it.
async fn finds_a_document(flavor: Flavor) {
    let server = shared_search_server(flavor).await.expect("a search server");
    let index = format!("audit-{}", std::process::id());
    let settings = json!({ "settings": { "index.codec": "best_compression" } });
    put(&format!("{}/{index}", server.url()), settings).await;

    let document = json!({ "verb": "delete", "user": { "username": "mallory" } });
    put(
        &format!("{}/{index}/_doc/1?refresh=true", server.url()),
        document,
    )
    .await;

    assert_eq!(
        hits(server, &index).await[0]["_source"]["user"]["username"],
        "mallory"
    );
}

#[tokio::test]
async fn elasticsearch_9_indexes_and_finds_a_document() {
    finds_a_document(Flavor::Elasticsearch9).await;
}

#[tokio::test]
async fn opensearch_3_indexes_and_finds_a_document() {
    finds_a_document(Flavor::OpenSearch3).await;
}

#[tokio::test]
async fn elasticsearch_7_indexes_and_finds_a_document() {
    finds_a_document(Flavor::Elasticsearch7).await;
}

#[tokio::test]
async fn a_killed_search_server_comes_back_with_its_data() {
    let mut server = SearchServer::start(Flavor::Elasticsearch9)
        .await
        .expect("a search server");
    let document = json!({ "verb": "delete" });
    put(
        &format!("{}/kept/_doc/1?refresh=true", server.url()),
        document,
    )
    .await;

    server.kill().await.expect("it is ours to kill");
    assert!(reqwest::get(server.url()).await.is_err());

    server.start_again().await.expect("it starts again");
    assert_eq!(hits(&server, "kept").await[0]["_source"]["verb"], "delete");
}
