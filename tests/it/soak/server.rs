//! The search server as somebody sees it who must not give up.

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

const PAGE: usize = 5_000;
const PATIENCE: Duration = Duration::from_secs(120);

/// A document of the source: its index, its id and its text.
#[derive(Clone)]
pub struct Stored {
    pub index: String,
    pub id: String,
    pub text: String,
}

#[derive(Clone)]
pub struct Server {
    url: String,
    http: reqwest::Client,
}

impl Server {
    pub fn new(url: &str) -> Server {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .no_proxy()
            .build();
        Server {
            url: url.to_owned(),
            http: http.expect("a client can be made"),
        }
    }

    /// Writes documents until the server has them, and returns those it has: it may refuse some.
    /// `action` is `create`, or `index` to write a document again.
    pub async fn write(&self, action: &str, documents: Vec<Stored>) -> Vec<Stored> {
        let mut body = String::new();
        for Stored { index, id, text } in &documents {
            let action = json!({action: {"_index": index, "_id": id}});
            writeln!(body, "{action}\n{text}").expect("a string takes everything");
        }
        let request = self.request(Method::POST, "_bulk");
        let request = request.header("content-type", "application/x-ndjson");
        let answer = persist(request.body(body)).await;
        let items = answer["items"].as_array().expect("a bulk answer has items");
        assert_eq!(items.len(), documents.len(), "{answer}");
        let taken = items.iter().map(|item| {
            // A conflict tells of an earlier try whose answer was lost.
            matches!(item[action]["status"].as_u64(), Some(200 | 201 | 409))
        });
        let pairs = documents.into_iter().zip(taken);
        pairs
            .filter_map(|(document, taken)| taken.then_some(document))
            .collect()
    }

    /// Calls the server until it agrees; with a body unless that is null.
    pub async fn call(&self, method: Method, path: &str, body: &Value) -> Value {
        let request = self.request(method, path);
        let bare = body.is_null();
        persist(if bare { request } else { request.json(body) }).await
    }

    /// The ids of all documents of the indices that a pattern names, one entry for each document.
    pub async fn ids(&self, pattern: &str) -> Vec<String> {
        let refresh = format!("{pattern}/_refresh");
        self.call(Method::POST, &refresh, &Value::Null).await;
        let mut ids: Vec<String> = Vec::new();
        let mut after = json!(null);
        loop {
            let mut body = json!({
                "size": PAGE, "_source": false, "query": {"match_all": {}},
                "sort": [{"event.id": "asc"}, {"_shard_doc": "asc"}],
            });
            let pit = self.point_in_time(pattern, &after).await;
            body["pit"] = json!({"id": pit, "keep_alive": "1m"});
            if !after.is_null() {
                body["search_after"] = after["sort"].clone();
            }
            let page = self.call(Method::POST, "_search", &body).await;
            let hits = page["hits"]["hits"].as_array().expect("it has hits");
            ids.extend(
                hits.iter()
                    .filter_map(|hit| Some(hit["_id"].as_str()?.to_owned())),
            );
            let Some(last) = hits.last().filter(|_| hits.len() == PAGE) else {
                return ids;
            };
            after = json!({"pit": page["pit_id"], "sort": last["sort"]});
        }
    }

    /// The ids without those that stand more than once, and these.
    pub async fn distinct(&self, pattern: &str) -> (BTreeSet<String>, Vec<String>) {
        let mut distinct = BTreeSet::new();
        let mut doubled = Vec::new();
        for id in self.ids(pattern).await {
            if let Some(id) = distinct.replace(id) {
                doubled.push(id);
            }
        }
        (distinct, doubled)
    }

    async fn point_in_time(&self, pattern: &str, after: &Value) -> Value {
        if after["pit"].is_string() {
            return after["pit"].clone();
        }
        let open = format!("{pattern}/_pit?keep_alive=1m");
        self.call(Method::POST, &open, &Value::Null).await["id"].clone()
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/{path}", self.url))
    }
}

/// Sends a request until it succeeds.
async fn persist(request: RequestBuilder) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let request = request.try_clone().expect("the body is in memory");
        let problem = match request.send().await {
            Ok(answer) if answer.status().is_success() => match answer.json().await {
                Ok(answer) => return answer,
                Err(problem) => problem.to_string(),
            },
            Ok(answer) => format!(
                "{}: {}",
                answer.status(),
                answer.text().await.unwrap_or_default()
            ),
            Err(problem) => problem.to_string(),
        };
        assert!(Instant::now() < deadline, "not in {PATIENCE:?}: {problem}");
        sleep(Duration::from_millis(300)).await;
    }
}
