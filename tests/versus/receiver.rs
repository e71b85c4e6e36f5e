//! The webhook that ElastAlert2 posts its alerts to.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::events::Pair;

type Received = Arc<Mutex<HashMap<String, Vec<Pair>>>>;

/// Takes every post and never fails; ends with the process.
#[derive(Clone)]
pub struct Receiver {
    url: String,
    received: Received,
}

impl Receiver {
    pub async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let received = Received::default();
        let app = Router::new()
            .route("/{sender}/{rule}", post(take))
            .with_state(received.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Receiver {
            url: format!("http://{address}"),
            received,
        }
    }

    /// Where a sender posts the alerts of a rule.
    pub fn address(&self, sender: &str, rule: &str) -> String {
        format!("{}/{sender}/{rule}", self.url)
    }

    /// Everything a sender has posted.
    pub fn received(&self, sender: &str) -> Vec<Pair> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.get(sender).cloned().unwrap_or_default()
    }
}

async fn take(
    State(received): State<Received>,
    Path((sender, rule)): Path<(String, String)>,
    body: String,
) -> StatusCode {
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let event = body["event"].as_str().unwrap_or_default().to_owned();
    let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
    received.entry(sender).or_default().push((rule, event));
    StatusCode::NO_CONTENT
}
