//! The endpoints for the kubelet and for Prometheus: `/livez`, `/readyz` and `/metrics`.

use std::{io, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What the endpoints ask the process. Answers are quick and never wait.
pub trait Observed: Send + Sync + 'static {
    /// Why the process should be restarted, a line each; empty when it should not.
    fn stuck(&self) -> Vec<String>;

    /// What is missing before the process does its work, a line each; empty when it is ready.
    fn missing(&self) -> Vec<String>;

    /// What else there is to say of a process that is ready.
    fn remark(&self) -> Option<String>;

    /// All metrics, in the OpenMetrics text format.
    fn metrics(&self) -> String;
}

type Shared = Arc<dyn Observed>;

/// Answers until `stop`, then finishes what is open.
pub async fn serve(
    listener: TcpListener,
    observed: Shared,
    stop: CancellationToken,
) -> io::Result<()> {
    let router = Router::new()
        .route(
            "/livez",
            get(async |State(it): State<Shared>| verdict(&it.stuck(), None)),
        )
        .route(
            "/readyz",
            get(async |State(it): State<Shared>| verdict(&it.missing(), it.remark())),
        )
        .route(
            "/metrics",
            get(async |State(it): State<Shared>| open_metrics(it.metrics())),
        )
        .with_state(observed);
    axum::serve(listener, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

/// 200 and `ok` with a remark, or 503 and what stands against it.
fn verdict(objections: &[String], remark: Option<String>) -> (StatusCode, String) {
    if objections.is_empty() {
        let remark = remark.map(|remark| format!(", {remark}"));
        (
            StatusCode::OK,
            format!("ok{}\n", remark.unwrap_or_default()),
        )
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            objections.join("\n") + "\n",
        )
    }
}

fn open_metrics(text: String) -> impl IntoResponse {
    (
        [(
            CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )],
        text,
    )
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;

    struct Sample;

    impl Observed for Sample {
        fn stuck(&self) -> Vec<String> {
            vec![]
        }

        fn missing(&self) -> Vec<String> {
            vec![
                "rules: first list not complete".to_owned(),
                "jobs: forbidden".to_owned(),
            ]
        }

        fn remark(&self) -> Option<String> {
            Some("not told".to_owned())
        }

        fn metrics(&self) -> String {
            "# EOF\n".to_owned()
        }
    }

    /// Status line and body of an answer.
    async fn get(address: std::net::SocketAddr, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(address).await.expect("somebody listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("the request is taken");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .await
            .expect("the answer is text");
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .expect("the answer has a head");
        (
            head.lines().next().unwrap_or_default().to_owned(),
            body.to_owned(),
        )
    }

    #[tokio::test]
    async fn probes_tell_what_is_missing() {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, Arc::new(Sample), stop.clone()));

        assert_eq!(
            get(address, "/livez").await,
            ("HTTP/1.1 200 OK".into(), "ok\n".into())
        );
        assert_eq!(
            get(address, "/readyz").await,
            (
                "HTTP/1.1 503 Service Unavailable".into(),
                "rules: first list not complete\njobs: forbidden\n".into()
            )
        );
        assert_eq!(
            get(address, "/metrics").await,
            ("HTTP/1.1 200 OK".into(), "# EOF\n".into())
        );

        stop.cancel();
        serving.await.expect("no panic").expect("no error");
    }
}
