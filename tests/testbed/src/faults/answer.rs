//! Answers that a proxy gives by itself.

use bytes::Bytes;
use hyper::{Response, StatusCode};
use serde_json::json;

use super::forward::{Body, whole};

/// An answer that no server gave.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Answer {
    /// An error as Elasticsearch and OpenSearch word it. Its text holds the word `canary`, which
    /// must never be repeated to users.
    pub fn error(status: u16, kind: &str) -> Answer {
        let cause = json!({"type": kind, "reason": "canary"});
        Answer::json(
            status,
            &json!({
                "error": {"root_cause": [cause], "type": kind, "reason": "canary"},
                "status": status,
            }),
        )
    }

    /// A refusal as the Kubernetes API server words it, for example 410 with the reason `Expired`.
    pub fn status(status: u16, reason: &str) -> Answer {
        Answer::json(
            status,
            &json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "canary", "reason": reason, "code": status,
            }),
        )
    }

    /// A page for people, as a proxy in between sends it.
    pub fn html(status: u16) -> Answer {
        Answer {
            status,
            headers: vec![("content-type", "text/html".to_owned())],
            body: Bytes::from_static(b"<html><h1>canary</h1></html>"),
        }
    }

    /// Any JSON, with the header of the product.
    pub fn json(status: u16, body: &serde_json::Value) -> Answer {
        Answer {
            status,
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("x-elastic-product", "Elasticsearch".to_owned()),
            ],
            body: Bytes::from(body.to_string()),
        }
    }

    /// With `Retry-After`.
    pub fn retry_after(self, seconds: u32) -> Answer {
        self.header("retry-after", &seconds.to_string())
    }

    /// With one more header.
    pub fn header(mut self, name: &'static str, value: &str) -> Answer {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn name(&self) -> &'static str {
        match self.status {
            200 => "another answer",
            302 => "302",
            400 => "400",
            401 => "401",
            403 => "403",
            404 => "404",
            409 => "409",
            410 => "410",
            413 => "413",
            429 => "429",
            500 => "500",
            502 => "502",
            503 => "503",
            504 => "504",
            _ => "another status",
        }
    }

    pub(super) fn response(&self) -> Response<Body> {
        let mut response = Response::builder()
            .status(StatusCode::from_u16(self.status).expect("tests give valid statuses"));
        for (name, value) in &self.headers {
            response = response.header(*name, value);
        }
        response
            .body(whole(self.body.clone()))
            .expect("tests give valid headers")
    }
}
