//! The one way to a server: the official client's transport, bounded in time and in size.
//!
//! Promises: one node, no sniffing, no proxy from the environment, certificates and host names
//! always verified, every call limited in time, no answer above [`LARGEST_ANSWER`] handed on, an
//! answer from another place than the asked one refused.
//!
//! Not promised, for the transport has no setting for it: it follows redirects (without
//! credentials when they lead to another host or port) before we can refuse the answer; a CA
//! bundle is trusted beside the built-in authorities, not in place of them; the size of an answer
//! without a length is known only when it has been read, within the time limit; connecting has no
//! limit of its own.

use std::{error::Error as _, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use elasticsearch::{
    auth::Credentials as ElasticCredentials,
    cert::{Certificate, CertificateValidation},
    http::{
        Url,
        headers::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
        response::Response,
        transport::{Connection, SingleNodeConnectionPool, Transport, TransportBuilder},
    },
};

use super::{
    fault::{self, Operation},
    request::{Body, Request},
    settings::{ConnectionSettings, Credentials, Limits, SettingsError},
};
use crate::pipeline::{
    crash,
    ports::{Fault, FaultReason, Remedy},
};

/// Bytes of the largest answer that is handed on.
pub(super) const LARGEST_ANSWER: usize = 32 << 20;

/// A connection to one server.
pub(super) struct Client {
    transport: Transport,
    /// What the transport joins paths to.
    base: Arc<Url>,
    limits: Limits,
}

/// What a server answered, whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Client {
    pub(super) fn new(settings: &ConnectionSettings) -> Result<Self, Fault> {
        let limits = settings.limits();
        let address = settings.url();
        let base = Connection::new(address.clone()).url();
        // Compression costs the server more than it saves on a near network, and a plain body
        // tells its true size beforehand.
        let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(address.clone()))
            .disable_proxy()
            .timeout(limits.bulk)
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        builder = match settings.credentials() {
            Credentials::None => builder,
            Credentials::Basic { username, password } => builder.auth(ElasticCredentials::Basic(
                username.clone(),
                password.clone(),
            )),
            Credentials::ApiKey(key) => builder.header(AUTHORIZATION, api_key(key)?),
        };
        if let Some(pem) = settings.ca() {
            let authorities =
                Certificate::from_pem(pem.as_bytes()).map_err(|_| SettingsError::CaInvalid)?;
            builder = builder.cert_validation(CertificateValidation::Full(authorities));
        }
        let transport = builder
            .build()
            .map_err(|_| fault::unavailable("HTTP client cannot be set up"))?;
        Ok(Self {
            transport,
            base,
            limits,
        })
    }

    /// Sends a call and gives its answer if that is a success in JSON.
    pub(super) async fn call(
        &self,
        operation: Operation,
        request: Request,
    ) -> Result<Answer, Fault> {
        let answer = self.send(operation, request).await?;
        match answer.status {
            200..=299 if is_json(&answer.headers) => Ok(answer),
            200..=299 => Err(fault::new(
                FaultReason::NotElasticsearch,
                Remedy::Retry,
                "answer is not JSON: the address leads to something else than Elasticsearch",
            )),
            _ => Err(fault::refused(operation, &answer)),
        }
    }

    /// Sends a call and gives its answer whatever its status.
    pub(super) async fn send(
        &self,
        operation: Operation,
        request: Request,
    ) -> Result<Answer, Fault> {
        let limit = match operation {
            Operation::Write => self.limits.bulk,
            _ => self.limits.search,
        };
        let (content_type, body) = encode(request.body);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let query = (!request.query.is_empty()).then_some(&request.query);
        let response = self
            .transport
            .send(
                request.method,
                &request.path,
                headers,
                query,
                body,
                Some(limit),
            )
            .await
            .map_err(|error| no_answer(&error, limit))?;
        if operation == Operation::Write {
            crash::point("push.after_send_before_read");
        }
        self.refuse_other_place(&request.path, response.url())?;
        read(response, limit).await
    }

    fn refuse_other_place(&self, path: &str, answered: &Url) -> Result<(), Fault> {
        let asked = self.base.join(path.trim_start_matches('/'));
        let is_there =
            |asked: Url| answered.origin() == asked.origin() && answered.path() == asked.path();
        if asked.is_ok_and(is_there) {
            return Ok(());
        }
        Err(fault::new(
            FaultReason::OriginNotAllowed,
            Remedy::Reconnect,
            "server answered with a redirect: give the final address",
        ))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

fn api_key(key: &str) -> Result<HeaderValue, SettingsError> {
    let mut value =
        HeaderValue::from_str(&format!("ApiKey {key}")).map_err(|_| SettingsError::ApiKey)?;
    value.set_sensitive(true);
    Ok(value)
}

fn encode(body: Body) -> (&'static str, Option<Bytes>) {
    match body {
        Body::None => ("application/json", None),
        Body::Json(value) => ("application/json", Some(Bytes::from(value.to_string()))),
        Body::Lines(lines) => ("application/x-ndjson", Some(lines)),
    }
}

async fn read(response: Response, limit: Duration) -> Result<Answer, Fault> {
    let too_large = || {
        fault::new(
            FaultReason::TooManyRequests,
            Remedy::Shrink,
            format!("answer is larger than {} MiB", LARGEST_ANSWER >> 20),
        )
    };
    if response
        .content_length()
        .is_some_and(|length| length > LARGEST_ANSWER as u64)
    {
        return Err(too_large());
    }
    let status = response.status_code().as_u16();
    let headers = response.headers().clone();
    let body = response
        .bytes()
        .await
        .map_err(|error| no_answer(&error, limit))?;
    if body.len() > LARGEST_ANSWER {
        return Err(too_large());
    }
    Ok(Answer {
        status,
        headers,
        body,
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/vnd.") && kind.ends_with("+json"))
}

/// The meaning of a call that brought no whole answer. The transport's own words are looked into,
/// for it has no types for them, and not repeated.
fn no_answer(error: &elasticsearch::Error, limit: Duration) -> Fault {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    let tls = |message: &str| fault::new(FaultReason::TlsFailed, Remedy::Reconnect, message);
    if error.is_timeout() {
        fault::unavailable(format!(
            "server did not answer within {} s",
            limit.as_secs_f32()
        ))
    } else if words.contains("certificate expired") {
        tls("certificate of the server has expired")
    } else if words.contains("certificate not valid for name") {
        tls("certificate of the server is for another host name")
    } else if words.contains("UnknownIssuer") {
        tls("certificate of the server is from an unknown authority: give its CA bundle")
    } else if words.contains("invalid peer certificate") {
        tls("certificate of the server is not valid")
    } else if words.contains("corrupt message") {
        tls("server does not speak TLS: give its http:// address or enable TLS there")
    } else if words.contains("dns error") {
        fault::unavailable("host name of the server cannot be resolved")
    } else if words.contains("Connect") || words.contains("connect") {
        fault::unavailable("no connection to the server")
    } else if words.contains("redirect") {
        fault::new(
            FaultReason::OriginNotAllowed,
            Remedy::Reconnect,
            "server answered with redirects without end: give the final address",
        )
    } else {
        fault::unavailable("connection to the server broke in the middle of an answer")
    }
}
