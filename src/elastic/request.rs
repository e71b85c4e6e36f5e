//! One call of the HTTP interface as plain data.

use std::borrow::Cow;

use bytes::Bytes;
use elasticsearch::http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What may stand unescaped in a path segment: above all no `/`, `:`, `?` or `%`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b',');

/// A call, not yet sent.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    /// Relative to the server's address.
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, Cow<'static, str>)>,
    pub(super) body: Body,
}

/// What is sent along.
#[derive(Clone, Debug)]
pub(super) enum Body {
    None,
    Json(Value),
    /// Lines of JSON, the last one ended too.
    Lines(Bytes),
}

impl Request {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            body: Body::None,
        }
    }

    pub(super) fn query(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(super) fn json(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    pub(super) fn lines(mut self, body: Bytes) -> Self {
        self.body = Body::Lines(body);
        self
    }
}

/// A name as one segment of a path.
pub(super) fn segment(name: &str) -> String {
    utf8_percent_encode(name, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_segment() {
        let names = [
            "logstash-*",
            "a,-b",
            "http://evil/x",
            "a/../b",
            "<logs-{now/d}>",
            "a?b#c%2f",
        ];
        assert_eq!(
            names.map(segment),
            [
                "logstash-*",
                "a,-b",
                "http%3A%2F%2Fevil%2Fx",
                "a%2F..%2Fb",
                "%3Clogs-%7Bnow%2Fd%7D%3E",
                "a%3Fb%23c%252f",
            ]
        );
    }
}
