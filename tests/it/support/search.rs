//! A search server as a test sees it: events in, alerts out.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Value, json};

/// A request that changes an index: its method, the end of its path, and its body, if any.
pub type Change = (&'static str, &'static str, &'static str);

/// A plain client, apart from the product's own.
#[derive(Clone)]
pub struct Search {
    url: String,
    http: reqwest::Client,
}

impl Search {
    /// A client of the server at `url`.
    pub fn new(url: &str) -> Search {
        Search {
            url: url.trim_end_matches('/').to_owned(),
            http: reqwest::Client::new(),
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Adds documents, with `create` where they have an id, and makes them searchable.
    pub async fn index(&self, index: &str, documents: &[(Option<String>, Value)]) {
        for chunk in documents.chunks(2_000) {
            let mut body = String::new();
            for (id, document) in chunk {
                let action = match id {
                    Some(id) => json!({"index": {"_id": id}}),
                    None => json!({"index": {}}),
                };
                writeln!(body, "{action}\n{document}").expect("a string takes everything");
            }
            let answer: Value = self
                .http
                .post(format!("{}/{index}/_bulk", self.url))
                .header("content-type", "application/x-ndjson")
                .body(body)
                .send()
                .await
                .expect("the server answers")
                .json()
                .await
                .expect("the answer is JSON");
            assert_eq!(answer["errors"], false, "{answer}");
        }
        self.refresh(index).await;
    }

    /// Prepares indices for audit events as shippers do: bodies are stored, but not mapped.
    pub async fn prepare(&self, prefix: &str) {
        let unmapped = json!({"type": "object", "enabled": false});
        let template = json!({
            "index_patterns": [format!("{prefix}-*")],
            "template": {"mappings": {"properties": {
                "requestObject": unmapped, "responseObject": unmapped, "annotations": unmapped,
            }}},
        });
        let answer = self
            .http
            .put(format!("{}/_index_template/{prefix}", self.url))
            .json(&template)
            .send()
            .await
            .expect("the server answers");
        assert!(answer.status().is_success(), "{answer:?}");
    }

    pub async fn refresh(&self, index: &str) {
        self.http
            .post(format!("{}/{index}/_refresh", self.url))
            .send()
            .await
            .expect("the server answers");
    }

    /// Deletes a document that a search gave.
    pub async fn delete(&self, hit: &Value) {
        let name = |key: &str| hit[key].as_str().expect("a hit has index and id");
        let (index, id) = (name("_index"), name("_id"));
        let answer = self
            .http
            .delete(format!("{}/{index}/_doc/{id}?refresh=true", self.url))
            .send()
            .await
            .expect("the server answers");
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// Deletes an index.
    pub async fn delete_index(&self, index: &str) {
        let answer = self
            .http
            .delete(format!("{}/{index}", self.url))
            .send()
            .await;
        let answer = answer.expect("the server answers");
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// Changes indices: by a method, the end of the path, and a body.
    pub async fn change(&self, index: &str, (method, end, body): Change) {
        let method = method.parse().expect("it is a method");
        let mut request = self
            .http
            .request(method, format!("{}/{index}/{end}", self.url));
        if !body.is_empty() {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        let answer = request.send().await.expect("the server answers");
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// All alerts of the indices with this prefix, ordered by time and id; none where there is
    /// no index yet.
    pub async fn alerts(&self, prefix: &str) -> Vec<Value> {
        let hits = self
            .search(
                prefix,
                &json!({
                    "size": 10_000,
                    "query": {"match_all": {}},
                    "sort": [{"@timestamp": "asc"}, {"event.id": "asc"}],
                }),
            )
            .await;
        hits["hits"]["hits"].as_array().cloned().unwrap_or_default()
    }

    /// How many documents each index with this prefix holds.
    pub async fn count(&self, prefix: &str) -> u64 {
        let answer = self
            .search(prefix, &json!({"size": 0, "track_total_hits": true}))
            .await;
        answer["hits"]["total"]["value"]
            .as_u64()
            .unwrap_or_default()
    }

    /// Ids that stand more than once over all indices with this prefix.
    pub async fn doubled(&self, prefix: &str) -> BTreeMap<String, u64> {
        let answer = self
            .search(prefix, &json!({
                "size": 0,
                "aggs": {"doubled": {"terms": {"field": "event.id", "min_doc_count": 2, "size": 100}}},
            }))
            .await;
        answer["aggregations"]["doubled"]["buckets"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|bucket| {
                Some((
                    bucket["key"].as_str()?.to_owned(),
                    bucket["doc_count"].as_u64()?,
                ))
            })
            .collect()
    }

    async fn search(&self, prefix: &str, body: &Value) -> Value {
        self.refresh(&format!("{prefix}*")).await;
        self.http
            .post(format!("{}/{prefix}*/_search", self.url))
            .json(body)
            .send()
            .await
            .expect("the server answers")
            .json()
            .await
            .expect("the answer is JSON")
    }
}

/// The ids of alerts.
pub fn ids(alerts: &[Value]) -> std::collections::BTreeSet<String> {
    alerts
        .iter()
        .map(|alert| alert["_id"].as_str().expect("a hit has an id").to_owned())
        .collect()
}
