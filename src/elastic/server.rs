//! Which product a server is, and what it can do: the one place that knows versions.

use elasticsearch::http::headers::HeaderMap;
use serde::Deserialize;

use super::{
    client::{Answer, Client},
    fault::{self, Operation},
    query,
};
use crate::pipeline::ports::{Fault, FaultReason, Remedy};

/// A recognised server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Server {
    product: Product,
    /// Unknown where the root may not be read: then it is at least the first with the header.
    version: Option<(u16, u16)>,
    /// Whether Elasticsearch has its default modules: builds without them ended with 7.10.
    default_build: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Product {
    Elasticsearch,
    OpenSearch,
}

/// How a window is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// Point in time and `search_after`.
    Pit(Dialect),
    /// A scroll: any failure loses it.
    Scroll,
}

/// In whose words a point in time is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Elasticsearch,
    OpenSearch,
}

/// How an object of unknown fields is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FreeObject {
    /// Elasticsearch's `flattened`.
    Flattened,
    /// OpenSearch's `flat_object`.
    FlatObject,
    /// Stored only.
    NotIndexed,
}

/// The part of `GET /` that tells a server.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Root {
    version: RootVersion,
    tagline: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RootVersion {
    number: String,
    distribution: String,
    build_flavor: String,
}

impl Server {
    /// Asks a server what it is.
    pub(super) async fn recognise(client: &Client) -> Result<Self, Fault> {
        let answer = client.send(Operation::Recognise, query::root()).await?;
        match Self::read(&answer) {
            Some(server) if server.is_too_old() => Err(not_elasticsearch(
                "server is too old: Elasticsearch 7.8 or OpenSearch 1.0 is the oldest that will do",
            )),
            Some(server) => Ok(server),
            None if matches!(answer.status, 401 | 403 | 429 | 500..) => {
                Err(fault::refused(Operation::Recognise, &answer))
            }
            None => Err(not_elasticsearch(
                "answer has no X-elastic-product or X-OpenSearch-Version header: the address leads to something else",
            )),
        }
    }

    /// Tells a server by the headers of any answer (but one that refuses us), or by its root.
    fn read(answer: &Answer) -> Option<Self> {
        if matches!(answer.status, 401 | 429 | 500..) {
            return None;
        }
        let root: Root = serde_json::from_slice(&answer.body).unwrap_or_default();
        let root_version = version(&root.version.number);
        if let Some(header) = header(&answer.headers, "x-opensearch-version") {
            return Some(Self::open_search(version(header)));
        }
        if root.version.distribution == "opensearch" {
            return Some(Self::open_search(root_version));
        }
        let named = header(&answer.headers, "x-elastic-product") == Some("Elasticsearch");
        let rooted = root_version.is_some() && root.tagline == "You Know, for Search";
        (named || rooted).then_some(Self {
            product: Product::Elasticsearch,
            version: root_version,
            default_build: named || root.version.build_flavor == "default",
        })
    }

    fn open_search(version: Option<(u16, u16)>) -> Self {
        Self {
            product: Product::OpenSearch,
            version,
            default_build: false,
        }
    }

    fn is_too_old(self) -> bool {
        self.product == Product::Elasticsearch && self.version.is_some_and(|at| at < (7, 8))
    }

    /// Whether the version is at least this one; an unknown version is.
    fn since(self, version: (u16, u16)) -> bool {
        self.version.is_none_or(|at| at >= version)
    }

    /// Point in time needs the tie-breaker `_shard_doc` to be of use.
    pub(super) fn reader(self) -> Reader {
        match self.product {
            Product::Elasticsearch if self.default_build && self.since((7, 12)) => {
                Reader::Pit(Dialect::Elasticsearch)
            }
            Product::OpenSearch if self.since((3, 3)) => Reader::Pit(Dialect::OpenSearch),
            _ => Reader::Scroll,
        }
    }

    /// How this server maps an object of unknown fields.
    pub(super) fn free_object(self) -> FreeObject {
        match self.product {
            Product::Elasticsearch if self.default_build => FreeObject::Flattened,
            Product::OpenSearch if self.since((2, 7)) => FreeObject::FlatObject,
            _ => FreeObject::NotIndexed,
        }
    }
}

fn not_elasticsearch(message: &str) -> Fault {
    fault::new(FaultReason::NotElasticsearch, Remedy::Reconnect, message)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The first two numbers of `7.10.2` or `OpenSearch/3.8.0 (opensearch)`.
fn version(text: &str) -> Option<(u16, u16)> {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut numbers = digits.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use elasticsearch::http::headers::{HeaderName, HeaderValue};

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Answer {
        let headers = headers.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        Answer {
            status,
            headers: headers.collect(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    fn kind(answer: &Answer) -> Option<(Reader, FreeObject)> {
        Server::read(answer).map(|server| (server.reader(), server.free_object()))
    }

    #[test]
    fn products_are_told_by_header_or_root() {
        const ELASTIC: (&str, &str) = ("x-elastic-product", "Elasticsearch");
        let elastic_710 = r#"{"version":{"number":"7.10.2","build_flavor":"oss"},"tagline":"You Know, for Search"}"#;
        let elastic_712 = r#"{"version":{"number":"7.12.0","build_flavor":"default"},"tagline":"You Know, for Search"}"#;
        let open_2 = r#"{"version":{"distribution":"opensearch","number":"2.19.1"}}"#;
        let elastic_9 = Some((Reader::Pit(Dialect::Elasticsearch), FreeObject::Flattened));
        let cases = [
            (answer(405, &[ELASTIC], "{}"), elastic_9),
            (answer(403, &[ELASTIC], "{}"), elastic_9),
            (answer(200, &[], elastic_712), elastic_9),
            (
                answer(200, &[], elastic_710),
                Some((Reader::Scroll, FreeObject::NotIndexed)),
            ),
            (
                answer(
                    200,
                    &[("x-opensearch-version", "OpenSearch/3.8.0 (opensearch)")],
                    "{}",
                ),
                Some((Reader::Pit(Dialect::OpenSearch), FreeObject::FlatObject)),
            ),
            (
                answer(200, &[], open_2),
                Some((Reader::Scroll, FreeObject::FlatObject)),
            ),
            (answer(200, &[("server", "nginx")], "<html>"), None),
            (answer(200, &[], r#"{"version":{"number":"1.2.3"}}"#), None),
            (answer(401, &[ELASTIC], "{}"), None),
        ];
        for (answer, expected) in cases {
            assert_eq!(kind(&answer), expected, "{answer:?}");
        }
    }

    #[test]
    fn elasticsearch_6_is_too_old() {
        let root = r#"{"version":{"number":"6.8.23","build_flavor":"default"},"tagline":"You Know, for Search"}"#;
        let server = Server::read(&answer(200, &[], root)).expect("recognised");
        assert!(server.is_too_old());
    }
}
