//! Indices that rebuild documents from what they have indexed.

use std::collections::BTreeMap;

use k8scop::detect::document::Document;
use k8scop_testbed::Flavor;
use serde_json::{Value, json};

use super::{connected, read, seed, seed::date, window};

/// An exec, through a proxy that comes before its client in the order of texts.
fn exec() -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
        "auditID": "7d0e6bd2-0c1c-4ad7-9b6c-0f8c8c1f2b11", "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/shop/pods/web/exec?command=id", "verb": "create",
        "user": {"username": "mallory", "groups": ["system:masters", "system:authenticated"]},
        "sourceIPs": ["192.0.2.77", "10.0.0.9"],
        "requestReceivedTimestamp": "2026-11-01T10:00:01.123456Z",
        "@timestamp": "2026-11-01T10:00:01.123456Z",
    })
}

/// Reads the event from a plain index and from one with settings, by the names of the indices.
async fn from_both(flavor: Flavor, names: [&str; 2], settings: Value) -> Vec<Document> {
    let url = seed::server(flavor).await;
    seed::index(url, names[0], date(), 1).await;
    let client = reqwest::Client::new();
    let deleted = client.delete(format!("{url}/{}", names[1])).send().await;
    deleted.expect("the server answers");
    let body = json!({"settings": settings, "mappings": {"properties": date()}});
    seed::call("PUT", url, names[1], body).await;
    for name in names {
        seed::documents(url, name, [("1".to_owned(), exec())]).await;
    }
    let pattern = names.join(",");
    let (source, _) = connected(url, &pattern, "alerts").await.expect("connects");
    let minute = window("2026-11-01T10:00:00Z", "2026-11-01T10:01:00Z");
    let documents = read(&*source, minute).await.expect("it is read");
    let rebuilt: Vec<_> = documents.iter().filter(|it| it.is_rebuilt).collect();
    let rebuilt: Vec<_> = rebuilt.iter().map(|it| it.index.clone()).collect();
    assert_eq!(source.coverage().rebuilt, rebuilt);
    documents
}

fn by_index(documents: &[Document]) -> BTreeMap<&str, (bool, Value)> {
    let shown = |document: &Document| {
        let event: Value = serde_json::from_slice(&document.source).expect("it is JSON");
        (document.is_rebuilt, event["sourceIPs"].clone())
    };
    let documents = documents.iter();
    documents.map(|it| (it.index.as_str(), shown(it))).collect()
}

fn as_written() -> Value {
    exec()["sourceIPs"].clone()
}

fn sorted() -> Value {
    json!(["10.0.0.9", "192.0.2.77"])
}

#[tokio::test]
async fn documents_of_synthetic_source_are_marked_as_rebuilt() {
    let names = ["rebuilt-plain", "rebuilt-synthetic"];
    let settings = json!({"index.mapping.source.mode": "synthetic"});
    let documents = from_both(Flavor::Elasticsearch9, names, settings).await;
    let expected = [
        (names[0], (false, as_written())),
        (names[1], (true, sorted())),
    ];
    assert_eq!(by_index(&documents), expected.into());
}

#[tokio::test]
async fn documents_of_derived_source_are_marked_as_rebuilt() {
    let names = ["rebuilt-stored", "rebuilt-derived"];
    let settings = json!({"index.derived_source.enabled": true});
    let documents = from_both(Flavor::OpenSearch3, names, settings).await;
    let read = by_index(&documents);
    assert_eq!(read[names[0]], (false, as_written()));
    assert!(read[names[1]].0, "{read:?}");
}

#[tokio::test]
async fn an_index_for_logs_keeps_lists_as_they_are_written() {
    let names = ["rebuilt-standard", "rebuilt-logsdb"];
    let settings = json!({"index.mode": "logsdb"});
    let documents = from_both(Flavor::Elasticsearch9, names, settings).await;
    let expected = names.map(|name| (name, (false, as_written())));
    assert_eq!(by_index(&documents), expected.into());
}

/// An index that comes while a window is being read is asked about before its documents are
/// handed out.
#[tokio::test]
async fn documents_of_an_index_that_came_since_are_marked_as_well() {
    let url = seed::server(Flavor::Elasticsearch9).await;
    let client = reqwest::Client::new();
    let new = "rebuilt-later-b";
    let deleted = client.delete(format!("{url}/{new}")).send().await;
    deleted.expect("the server answers");
    seed::index(url, "rebuilt-later-a", date(), 1).await;
    let connected = connected(url, "rebuilt-later-*", "alerts").await;
    let (source, _) = connected.expect("connects");
    source.now().await.expect("the clock is read");
    let settings = json!({"index.mapping.source.mode": "synthetic"});
    let body = json!({"settings": settings, "mappings": {"properties": date()}});
    seed::call("PUT", url, new, body).await;
    seed::documents(url, new, [("1".to_owned(), exec())]).await;
    let minute = window("2026-11-01T10:00:00Z", "2026-11-01T10:01:00Z");
    let documents = read(&*source, minute).await.expect("it is read");
    assert_eq!(by_index(&documents), [(new, (true, sorted()))].into());
}
