//! Passing a request on, and its answer back.

use std::{io, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, channel::Channel, combinators::BoxBody};
use hyper::{HeaderMap, Method, Response, StatusCode, header};

/// The body of an answer.
pub(super) type Body = BoxBody<Bytes, io::Error>;

/// Headers that are about one connection, or about a body that may be changed.
const OWN: [header::HeaderName; 7] = [
    header::HOST,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::ACCEPT_ENCODING,
    header::TE,
    header::UPGRADE,
];

/// A request that was received whole.
pub(super) struct Received {
    pub(super) method: Method,
    pub(super) path_and_query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The answer of the server, of which the body is still to come.
pub(super) struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    response: reqwest::Response,
}

/// Passes a request on.
pub(super) async fn forward(
    client: &reqwest::Client,
    server: &str,
    request: &Received,
) -> io::Result<Answered> {
    let url = format!("{server}{}", request.path_and_query);
    let response = client
        .request(request.method.clone(), url)
        .headers(without_own(&request.headers))
        .body(request.body.clone())
        .send()
        .await
        .map_err(io::Error::other)?;
    Ok(Answered {
        status: response.status(),
        headers: without_own(response.headers()),
        response,
    })
}

impl Answered {
    /// The answer, once all of it is there.
    pub(super) async fn whole(self) -> io::Result<Response<Bytes>> {
        let body = self.response.bytes().await.map_err(io::Error::other)?;
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        Ok(response)
    }

    /// The head of the answer, and where its body comes from.
    pub(super) fn streamed(self) -> (Response<()>, reqwest::Response) {
        let mut response = Response::new(());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        (response, self.response)
    }
}

fn without_own(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for own in OWN {
        headers.remove(own);
    }
    headers
}

/// A body that is there.
pub(super) fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

/// A body that ends with a reset after its first bytes.
pub(super) fn cut(bytes: Bytes, after: usize) -> Body {
    let (mut sender, body) = Channel::new(1);
    tokio::spawn(async move {
        let first = bytes.slice(..after.min(bytes.len()));
        // An error means that nobody reads any more.
        let _ = sender.send_data(first).await;
        sender.abort(reset());
    });
    body.boxed()
}

/// A body that comes in small pieces.
pub(super) fn drip(bytes: Bytes, piece: usize, pause: Duration) -> Body {
    let (mut sender, body) = Channel::new(1);
    tokio::spawn(async move {
        let mut rest = bytes;
        while !rest.is_empty() {
            tokio::time::sleep(pause).await;
            let next = rest.split_to(piece.clamp(1, rest.len()));
            if sender.send_data(next).await.is_err() {
                return;
            }
        }
    });
    body.boxed()
}

/// The error on which a proxy resets its connection.
pub(super) fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}
