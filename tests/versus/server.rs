//! A search server that may be away at any moment.

use std::{fmt::Write as _, time::Duration};

use serde_json::{Value, json};

#[derive(Clone)]
pub struct Server {
    url: String,
    http: reqwest::Client,
}

impl Server {
    pub fn new(url: &str) -> Server {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build();
        Server {
            url: url.to_owned(),
            http: http.expect("a client can be made"),
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Writes documents under their ids; says whether all of them were taken.
    pub async fn index(&self, index: &str, documents: &[(String, Value)]) -> bool {
        let mut body = String::new();
        for (id, document) in documents {
            let action = json!({"index": {"_id": id}});
            writeln!(body, "{action}\n{document}").expect("a string takes everything");
        }
        let request = self.http.post(format!("{}/{index}/_bulk", self.url));
        let request = request.header("content-type", "application/x-ndjson");
        let answer = self.answer(request.body(body)).await;
        answer.is_some_and(|answer| answer["errors"] == false)
    }

    /// The documents of indices with this prefix, at most 10,000; nothing while it is away.
    pub async fn documents(&self, prefix: &str, fields: &[&str]) -> Option<Vec<Value>> {
        let refresh = self.http.post(format!("{}/{prefix}*/_refresh", self.url));
        self.answer(refresh).await?;
        let search = self.http.post(format!("{}/{prefix}*/_search", self.url));
        let body = json!({"size": 10_000, "_source": fields});
        let mut answer = self.answer(search.json(&body)).await?;
        match answer["hits"]["hits"].take() {
            Value::Array(hits) => Some(hits),
            _ => None,
        }
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Option<Value> {
        let answer = request.send().await.ok()?.error_for_status().ok()?;
        answer.json().await.ok()
    }
}
