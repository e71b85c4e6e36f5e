//! The real server: how it is filled, asked, and read by somebody who does nothing else.

use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use k8scop::detect::document::Document;
use k8scop_testbed::{Flavor, shared_search_server};
use serde_json::{Value, json};

/// Documents of one request, to write and to read.
const BATCH: usize = 1_000;
/// Documents of a page that is read: as many as the product asks for.
const PAGE: usize = 4_000;

pub struct Search {
    url: String,
    client: reqwest::Client,
}

impl Search {
    pub async fn start() -> Self {
        let server = shared_search_server(Flavor::Elasticsearch9).await;
        Self {
            url: server.unwrap().url().to_owned(),
            client: reqwest::Client::new(),
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a call that must succeed.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let method = method.parse().unwrap();
        let call = self.client.request(method, format!("{}/{path}", self.url));
        let call = match body {
            Value::Null => call,
            body => call.json(&body),
        };
        let answer = call.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    /// Makes an index anew; with `keywords` the fields of an event can be searched for.
    pub async fn index(&self, name: &str, keywords: bool) {
        let path = format!("{}/{name}", self.url);
        self.client.delete(path).send().await.unwrap();
        let keyword = json!({"type": "keyword"});
        let mut properties = json!({"@timestamp": {"type": "date"}});
        if keywords {
            for field in [
                "verb",
                "auditID",
                "stage",
                "level",
                "requestURI",
                "userAgent",
                "sourceIPs",
            ] {
                properties[field] = keyword.clone();
            }
            let object = ["resource", "subresource", "namespace", "name", "apiGroup"];
            for (parent, fields) in [
                ("objectRef", &object[..]),
                ("user", &["username", "groups"]),
            ] {
                for field in fields {
                    properties[parent]["properties"][field] = keyword.clone();
                }
            }
        }
        let body = json!({
            "settings": {"number_of_shards": 1, "number_of_replicas": 0},
            "mappings": {"dynamic": false, "properties": properties},
        });
        self.call("PUT", name, body).await;
    }

    /// Stores documents with these times.
    pub async fn store(&self, index: &str, documents: &[(Timestamp, Document)]) {
        let batches = documents.chunks(BATCH).map(|batch| async move {
            let mut lines = Vec::new();
            for (time, document) in batch {
                lines.extend_from_slice(b"{\"create\":{}}\n");
                lines.extend_from_slice(format!(r#"{{"@timestamp":"{time}","#).as_bytes());
                lines.extend_from_slice(&document.source[1..]);
                lines.push(b'\n');
            }
            let path = format!("{}/{index}/_bulk?filter_path=errors", self.url);
            let call = self.client.post(path).body(lines);
            let call = call.header("content-type", "application/x-ndjson");
            let answer: Value = call.send().await.unwrap().json().await.unwrap();
            assert_eq!(answer["errors"], false);
        });
        stream::iter(batches)
            .buffer_unordered(3)
            .collect::<Vec<()>>()
            .await;
    }

    /// Deletes the indices of a pattern.
    pub async fn delete(&self, pattern: &str) {
        let found = self.call("GET", pattern, Value::Null).await;
        for index in found.as_object().unwrap().keys() {
            self.call("DELETE", index, Value::Null).await;
        }
    }

    pub async fn refresh(&self, index: &str) {
        self.call("POST", &format!("{index}/_refresh"), Value::Null)
            .await;
    }

    pub async fn count(&self, index: &str) -> u64 {
        self.refresh(index).await;
        let counted = self
            .call("GET", &format!("{index}/_count"), json!({}))
            .await;
        counted["count"].as_u64().unwrap()
    }

    /// How far the newest document that led to an alert is behind now.
    pub async fn behind(&self, index: &str) -> Option<SignedDuration> {
        self.refresh(index).await;
        let newest = json!({"max": {"field": "k8scop.source.time"}});
        let newest = json!({"size": 0, "aggs": {"newest": newest}});
        let found = self.call("POST", &format!("{index}/_search"), newest).await;
        let millis = found["aggregations"]["newest"]["value"].as_f64()?;
        let newest = Timestamp::from_millisecond(millis as i64).ok()?;
        Some(Timestamp::now().duration_since(newest))
    }

    /// Reads all documents of an index in slices and throws them away; tells how many there were.
    pub async fn read(&self, index: &str, slices: usize) -> usize {
        let path = format!("{index}/_pit?keep_alive=2m");
        let view = self.call("POST", &path, Value::Null).await["id"].clone();
        let parts = (0..slices).map(|slice| self.read_slice(&view, slice, slices));
        let read = futures::future::join_all(parts).await;
        self.call("DELETE", "_pit", json!({"id": view})).await;
        read.iter().sum()
    }

    async fn read_slice(&self, view: &Value, slice: usize, of: usize) -> usize {
        let (mut after, mut count) = (Value::Null, 0);
        loop {
            let mut asked = json!({
                "size": PAGE,
                "pit": {"id": view, "keep_alive": "2m"},
                "sort": ["_doc", {"_shard_doc": "asc"}],
                "slice": {"id": slice, "max": of},
                "track_total_hits": false,
            });
            if !after.is_null() {
                asked["search_after"] = after;
            }
            let call = self.client.post(format!("{}/_search", self.url));
            let answer = call.json(&asked).send().await.unwrap();
            let body = answer.bytes().await.unwrap();
            let finder = memchr::memmem::Finder::new(br#""_index":""#);
            match finder.find_iter(&body).count() {
                0 => return count,
                documents => count += documents,
            }
            let sort = memchr::memmem::rfind(&body, br#""sort":"#).unwrap() + 7;
            let values = serde_json::Deserializer::from_slice(&body[sort..]);
            after = values.into_iter().next().unwrap().unwrap();
        }
    }
}
