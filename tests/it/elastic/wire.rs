//! A scripted HTTP server: it answers each call as a test says, and remembers what it was sent.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// A call that arrived.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
    /// How many calls of this path were there before.
    pub(super) nth: usize,
}

/// A server that runs until its test ends.
pub(super) struct Wire {
    pub(super) url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Wire {
    /// Starts a server that answers by `script`, and by [`usual`] where that has no answer.
    pub(super) async fn start<S>(script: S) -> Self
    where
        S: Fn(&Call) -> Option<Response> + Clone + Send + Sync + 'static,
    {
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let seen = Arc::clone(&calls);
        let app = Router::new().fallback(move |request: Request| {
            let (script, seen) = (script.clone(), Arc::clone(&seen));
            async move {
                let call = receive(request, &seen).await;
                script(&call).unwrap_or_else(|| usual(&call))
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, calls }
    }

    /// The calls whose path ends so, in order.
    pub(super) fn calls(&self, end: &str) -> Vec<Call> {
        let calls = self.calls.lock().expect("no handler panics");
        calls
            .iter()
            .filter(|call| call.path.ends_with(end))
            .cloned()
            .collect()
    }
}

async fn receive(request: Request, seen: &Mutex<Vec<Call>>) -> Call {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX)
        .await
        .expect("request arrives whole");
    let path = head.uri.path().to_owned();
    let mut seen = seen.lock().expect("no handler panics");
    let nth = seen.iter().filter(|call| call.path == path).count();
    let body = String::from_utf8_lossy(&body).into_owned();
    let call = Call {
        path,
        headers: head.headers,
        body,
        nth,
    };
    seen.push(call.clone());
    call
}

/// What an Elasticsearch with one empty index would answer.
fn usual(call: &Call) -> Response {
    match call.path.rsplit('/').next() {
        Some("_field_caps") => answer(200, json!({"fields": {"@timestamp": {"date": {}}}})),
        Some("_pit") => answer(200, json!({"id": "view"})),
        Some("_search") => page(0, json!([])),
        _ => answer(200, json!({})),
    }
}

/// An answer in JSON with the header of the product.
pub(super) fn answer(status: u16, body: Value) -> Response {
    raw(status, "application/json", body.to_string())
}

pub(super) fn raw(status: u16, content_type: &'static str, body: impl Into<Body>) -> Response {
    let status = StatusCode::from_u16(status).expect("status is valid");
    let headers = [
        ("content-type", content_type),
        ("x-elastic-product", "Elasticsearch"),
    ];
    (status, headers, body.into()).into_response()
}

/// An error as Elasticsearch words it. Its text must never be repeated.
pub(super) fn error(status: u16, kind: &str) -> Response {
    let cause = json!({"type": kind, "reason": "canary"});
    answer(
        status,
        json!({"error": {"root_cause": [cause], "type": kind, "reason": "canary"}}),
    )
}

/// A page of hits, as any page of a window: with marks, that nobody compares here.
pub(super) fn page(total: u64, hits: Value) -> Response {
    let marks = json!({"census": {"buckets": []}});
    let shards = json!({"total": 1, "successful": 1, "skipped": 0, "failed": 0});
    let hits = json!({"total": {"value": total, "relation": "eq"}, "hits": hits});
    answer(
        200,
        json!({"timed_out": false, "_shards": shards, "hits": hits, "aggregations": marks}),
    )
}

/// One hit.
pub(super) fn hit(id: &str) -> Value {
    let sort = json!(["2026-11-23T07:40:00.000Z", 1]);
    json!({"_index": "i", "_id": id, "_source": {"verb": "get"}, "sort": sort})
}
