//! What is made of servers that refuse, lie, hang or are something else.

use std::time::Duration;

use axum::{
    body::Body,
    response::{IntoResponse, Redirect, Response},
};
use k8scop::{
    elastic::{ConnectionSettings, Credentials, Limits, connect},
    pipeline::ports::{Fault, FaultReason, Remedy, Source},
};
use serde_json::{Value, json};

use super::{
    connected, open, read, settings, sink_plan, source_plan, window,
    wire::{Call, Wire, answer, error, hit, page, raw},
};

async fn connect_to(wire: &Wire) -> std::sync::Arc<dyn Source> {
    let (source, _) = connected(&wire.url, "logs", "alerts")
        .await
        .expect("connects");
    source
}

fn some_window() -> k8scop::pipeline::window::Window {
    window("2026-11-23T07:40:00Z", "2026-11-23T07:41:00Z")
}

fn kind(fault: &Fault) -> (FaultReason, Remedy) {
    assert!(!fault.message.contains("canary"), "{fault}");
    (fault.reason, fault.remedy)
}

fn ending(
    end: &'static str,
    answer: fn() -> Response,
) -> impl Fn(&Call) -> Option<Response> + Clone {
    move |call| call.path.ends_with(end).then(answer)
}

/// An answer in JSON without the header of a product.
fn plain(body: serde_json::Value) -> Response {
    ([("content-type", "application/json")], body.to_string()).into_response()
}

#[tokio::test]
async fn a_server_that_is_something_else_is_refused_at_once() {
    let html = || ([("content-type", "text/html")], "<h1>canary</h1>").into_response();
    let rows: [(fn() -> Response, _); 5] = [
        (html, (FaultReason::NotElasticsearch, Remedy::Reconnect)),
        (
            || answer(401, json!({})),
            (FaultReason::AuthFailed, Remedy::Reconnect),
        ),
        (
            || raw(502, "text/html", "canary"),
            (FaultReason::ElasticsearchUnavailable, Remedy::Retry),
        ),
        (
            || error(429, "rejected"),
            (FaultReason::TooManyRequests, Remedy::Retry),
        ),
        (
            || plain(json!({"version": {"number": "6.8.23"}, "tagline": "You Know, for Search"})),
            (FaultReason::NotElasticsearch, Remedy::Reconnect),
        ),
    ];
    for (root, expected) in rows {
        let wire = Wire::start(ending("/", root)).await;
        let fault = connected(&wire.url, "logs", "alerts")
            .await
            .err()
            .expect("refused");
        assert_eq!(kind(&fault), expected, "{fault}");
    }
}

#[tokio::test]
async fn a_port_without_a_server_is_unavailable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    drop(listener);
    let fault = connected(&address, "logs", "alerts")
        .await
        .err()
        .expect("refused");
    assert_eq!(
        kind(&fault),
        (FaultReason::ElasticsearchUnavailable, Remedy::Retry)
    );
    assert_eq!(fault.message, "no connection to the server");
}

#[tokio::test]
async fn a_server_without_tls_is_told_apart_from_a_bad_certificate() {
    let wire = Wire::start(|_: &Call| None).await;
    let address = wire.url.replace("http://", "https://");
    let fault = connected(&address, "logs", "alerts")
        .await
        .err()
        .expect("refused");
    assert_eq!(kind(&fault), (FaultReason::TlsFailed, Remedy::Reconnect));
    assert!(
        fault.message.starts_with("server does not speak TLS"),
        "{fault}"
    );
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_in_time() {
    let hang = || Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let wire = Wire::start(move |call: &Call| {
        call.path
            .ends_with("_pit")
            .then(|| raw(200, "application/json", hang()))
    })
    .await;
    let limits = Limits {
        search: Duration::from_millis(200),
        ..Limits::default()
    };
    let (source, _) = connect(
        &settings(&wire.url).with_limits(limits),
        &source_plan("logs"),
        &sink_plan("alerts"),
    )
    .await
    .expect("connects");
    let fault = open(&*source, some_window()).await.err().expect("given up");
    assert_eq!(
        kind(&fault),
        (FaultReason::ElasticsearchUnavailable, Remedy::Retry)
    );
    assert_eq!(fault.message, "server did not answer within 0.2 s");
}

#[tokio::test]
async fn a_redirect_is_refused_and_takes_no_credentials_along() {
    let other = Wire::start(|_: &Call| None).await;
    let target = format!("{}/", other.url);
    let wire =
        Wire::start(move |_: &Call| Some(Redirect::temporary(&target).into_response())).await;
    let key = Credentials::ApiKey("Y2FuYXJ5".to_owned());
    let settings = ConnectionSettings::new(&wire.url, key, None).expect("settings are valid");
    let fault = connect(&settings, &source_plan("logs"), &sink_plan("alerts"))
        .await
        .err()
        .expect("refused");
    assert_eq!(
        kind(&fault),
        (FaultReason::OriginNotAllowed, Remedy::Reconnect)
    );
    assert_eq!(
        wire.calls("/")[0].headers["authorization"],
        "ApiKey Y2FuYXJ5"
    );
    let redirected = other.calls("/");
    assert_eq!(redirected.len(), 1);
    assert!(!redirected[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_redirect_within_a_server_is_refused_too() {
    let wire = Wire::start(|call: &Call| {
        let redirect = || Redirect::temporary("/elsewhere/logs/_pit").into_response();
        (call.path == "/logs/_pit").then(redirect)
    })
    .await;
    let source = connect_to(&wire).await;
    let fault = open(&*source, some_window()).await.err().expect("refused");
    assert_eq!(
        kind(&fault),
        (FaultReason::OriginNotAllowed, Remedy::Reconnect)
    );
}

#[tokio::test]
async fn a_server_below_a_path_answers_from_there() {
    let wire = Wire::start(|_: &Call| None).await;
    for below in ["elastic", "elastic/"] {
        let (source, _) = connected(&format!("{}/{below}", wire.url), "logs", "alerts")
            .await
            .expect("connects");
        let documents = read(&*source, some_window()).await.expect("window is read");
        assert_eq!(documents, []);
    }
}

#[tokio::test]
async fn basic_credentials_are_sent_with_every_call() {
    let wire = Wire::start(|_: &Call| None).await;
    let basic = Credentials::Basic {
        username: "elastic".to_owned(),
        password: "pass:word".to_owned(),
    };
    let settings = ConnectionSettings::new(&wire.url, basic, None).expect("settings are valid");
    let (source, _) = connect(&settings, &source_plan("logs"), &sink_plan("alerts"))
        .await
        .expect("connects");
    read(&*source, some_window()).await.expect("window is read");
    let calls = wire.calls("");
    assert_eq!(
        calls.len(),
        7,
        "root, indices, mapping, settings, view, page, close: {calls:?}"
    );
    for call in calls {
        assert_eq!(
            call.headers["authorization"],
            "Basic ZWxhc3RpYzpwYXNzOndvcmQ="
        );
    }
}

#[tokio::test]
async fn each_refusal_of_a_page_says_what_to_do() {
    use FaultReason::*;
    let rows: [(fn() -> Response, _); 8] = [
        (
            || error(401, "security_exception"),
            (AuthFailed, Remedy::Reconnect),
        ),
        (
            || error(403, "security_exception"),
            (Forbidden, Remedy::Reconnect),
        ),
        (
            || raw(502, "text/html", "<h1>canary</h1>"),
            (ElasticsearchUnavailable, Remedy::Retry),
        ),
        (
            || raw(200, "text/html", "<h1>canary</h1>"),
            (NotElasticsearch, Remedy::Retry),
        ),
        (
            || raw(200, "application/json", "{\"timed_out\":fal"),
            (ElasticsearchUnavailable, Remedy::Retry),
        ),
        (
            || error(404, "search_context_missing_exception"),
            (ViewLost, Remedy::Reopen),
        ),
        (
            || error(429, "circuit_breaking_exception"),
            (TooManyRequests, Remedy::Retry),
        ),
        (
            || error(400, "query_shard_exception"),
            (TimestampFieldInvalid, Remedy::Reopen),
        ),
    ];
    for (refusal, expected) in rows {
        let wire = Wire::start(ending("_search", refusal)).await;
        let source = connect_to(&wire).await;
        let mut pages = open(&*source, some_window()).await.expect("view opens");
        let fault = pages.next().await.expect_err("page is refused");
        assert_eq!(kind(&fault), expected, "{fault}");
    }
}

#[tokio::test]
async fn a_page_whose_answer_was_lost_is_read_again_without_a_gap() {
    let wire = Wire::start(|call: &Call| {
        let page = match call.nth {
            0 => page(2, json!([hit("a")])),
            1 | 2 => raw(200, "application/json", "{\"timed_out\":false,"),
            _ => page(2, json!([hit("b")])),
        };
        call.path.ends_with("_search").then_some(page)
    })
    .await;
    let source = connect_to(&wire).await;
    let mut pages = open(&*source, some_window()).await.expect("view opens");
    let mut ids = Vec::new();
    ids.extend(
        pages
            .next()
            .await
            .expect("first page")
            .expect("it has documents"),
    );
    pages.next().await.expect_err("the answer is cut off");
    ids.extend(
        pages
            .next()
            .await
            .expect("second page")
            .expect("it has documents"),
    );
    assert_eq!(pages.next().await, Ok(None));
    let ids: Vec<String> = ids.into_iter().map(|document| document.id).collect();
    assert_eq!(ids, ["a", "b"]);
    // The second time the documents of the page are under suspicion, too.
    let searches = wire.calls("_search");
    let bodies = searches[1..=3].iter().map(|call| {
        let mut body: Value = serde_json::from_str(&call.body).expect("it is JSON");
        (body["_source"].take(), body)
    });
    let (sources, rest): (Vec<_>, Vec<_>) = bodies.unzip();
    assert_eq!((&sources[0], &sources[1]), (&json!(true), &sources[2]));
    assert!(sources[1]["excludes"].is_array(), "{sources:?}");
    assert!(rest[0] == rest[1] && rest[1] == rest[2], "{rest:?}");
}

#[tokio::test]
async fn a_page_that_is_too_large_is_asked_for_in_halves() {
    let wire = Wire::start(|call: &Call| {
        let large = call.body.contains("\"size\":1000");
        let answer = if large {
            raw(200, "application/json", " ".repeat((32 << 20) + 1))
        } else {
            page(1, json!([hit("a")]))
        };
        call.path.ends_with("_search").then_some(answer)
    })
    .await;
    let source = connect_to(&wire).await;
    let documents = read(&*source, some_window()).await.expect("window is read");
    assert_eq!(documents.len(), 1);
    assert_eq!(wire.calls("_search").len(), 2);
}

#[tokio::test]
async fn somebody_who_may_only_write_needs_no_right_to_templates() {
    let wire = Wire::start(ending("k8scop-alerts", || error(403, "security_exception"))).await;
    let (_, sink) = connected(&wire.url, "logs", "alerts")
        .await
        .expect("connects");
    assert_eq!(sink.prepare().await, Ok(()));
}

#[tokio::test]
async fn a_missing_template_that_may_not_be_installed_is_told() {
    let wire = Wire::start(|call: &Call| {
        let refusal = match call.nth {
            0 => error(404, "resource_not_found_exception"),
            _ => error(403, "security_exception"),
        };
        call.path.ends_with("k8scop-alerts").then_some(refusal)
    })
    .await;
    let (_, sink) = connected(&wire.url, "logs", "alerts")
        .await
        .expect("connects");
    let fault = sink.prepare().await.expect_err("refused");
    assert_eq!(kind(&fault), (FaultReason::Forbidden, Remedy::Reconnect));
    assert!(fault.message.contains("manage_index_templates"), "{fault}");
}
