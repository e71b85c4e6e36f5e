//! What becomes of alerts when a server refuses requests, or a part of them.

use axum::response::Response;
use k8scop::pipeline::ports::{AddressedAlert, Fault, FaultReason, Outcome, Remedy};
use serde_json::{Value, json};

use super::{
    connected,
    wire::{Call, Wire, answer, error, raw},
};
use crate::elastic::alerts::alert;

/// A server that answers bulk requests so.
async fn wire(script: fn(&Call) -> Response) -> Wire {
    Wire::start(move |call: &Call| call.path.ends_with("_bulk").then(|| script(call))).await
}

/// What is told of five alerts, the third of them named "culprit".
async fn push(wire: &Wire) -> Result<Vec<String>, (FaultReason, Remedy)> {
    let (_, sink) = connected(&wire.url, "logs", "alerts")
        .await
        .expect("connects");
    let alerts: [AddressedAlert; 5] =
        ["a", "b", "culprit", "d", "e"].map(|id| alert("alerts-2026.11.23", id));
    let why = |fault: &Fault| {
        assert!(!fault.message.contains("canary"), "{fault}");
        (fault.reason, fault.remedy)
    };
    let told = |outcome: &Outcome| match outcome {
        Outcome::Created => "created".to_owned(),
        Outcome::Duplicate => "duplicate".to_owned(),
        Outcome::Taken => "taken".to_owned(),
        Outcome::Retry(fault) => format!("retry {:?}", why(fault)),
        Outcome::Rejected(fault) => format!("rejected {:?}", why(fault)),
    };
    match sink.push(&alerts).await {
        Ok(outcomes) => Ok(outcomes.iter().map(told).collect()),
        Err(fault) => Err(why(&fault)),
    }
}

/// An answer to a bulk request: a status for each id.
fn items(call: &Call, status: fn(&str) -> u16) -> Response {
    let lines = call.body.lines().step_by(2);
    let items = lines.map(|line| {
        let action: Value = serde_json::from_str(line).expect("JSON");
        let mut item = action.clone();
        let status = status(action["create"]["_id"].as_str().expect("an id"));
        item["create"]["status"] = json!(status);
        let kind = match status {
            201 => return item,
            409 => "version_conflict_engine_exception",
            _ => "security_exception",
        };
        item["create"]["error"] = json!({"type": kind, "reason": "canary"});
        item
    });
    let items: Vec<Value> = items.collect();
    answer(200, json!({"errors": false, "items": items}))
}

fn created(call: &Call) -> Response {
    items(call, |_| 201)
}

#[tokio::test]
async fn a_bulk_that_is_refused_as_a_whole_is_bisected_to_the_culprit() {
    let wire = wire(|call| match call.body.contains("culprit") {
        true => error(400, "illegal_argument_exception"),
        false => created(call),
    })
    .await;
    let rejected = "rejected (SinkRejecting, Retry)";
    let expected = ["created", "created", rejected, "created", "created"];
    assert_eq!(push(&wire).await, Ok(expected.map(str::to_owned).to_vec()));
}

#[tokio::test]
async fn a_proxy_that_refuses_a_bulk_rejects_no_alert() {
    let wire = wire(|_| raw(400, "text/html", "<h1>canary</h1>")).await;
    let unavailable = (FaultReason::ElasticsearchUnavailable, Remedy::Retry);
    assert_eq!(push(&wire).await, Err(unavailable));
    assert_eq!(wire.calls("_bulk").len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_too_large_rejects_no_alert() {
    let wire = wire(|call| match call.body.contains("culprit") {
        true => raw(200, "application/json", " ".repeat((32 << 20) + 1)),
        false => created(call),
    })
    .await;
    let again = "retry (TooManyRequests, Retry)";
    let expected = ["created", "created", again, "created", "created"];
    assert_eq!(push(&wire).await, Ok(expected.map(str::to_owned).to_vec()));
}

#[tokio::test]
async fn what_is_known_of_one_half_survives_a_fault_of_the_other() {
    let wire = wire(|call| match (call.nth, call.body.contains("culprit")) {
        (0, _) => error(413, "anything"),
        (_, false) => created(call),
        (_, true) => raw(502, "text/html", "<h1>canary</h1>"),
    })
    .await;
    let again = "retry (ElasticsearchUnavailable, Retry)";
    let expected = ["created", "created", again, again, again];
    assert_eq!(push(&wire).await, Ok(expected.map(str::to_owned).to_vec()));
}

#[tokio::test]
async fn an_alert_refused_for_who_we_are_leaves_the_others_written() {
    let wire = wire(|call| {
        items(call, |id| match id {
            "culprit" => 403,
            _ => 201,
        })
    })
    .await;
    let again = "retry (Forbidden, Reconnect)";
    let expected = ["created", "created", again, "created", "created"];
    assert_eq!(push(&wire).await, Ok(expected.map(str::to_owned).to_vec()));
}

#[tokio::test]
async fn an_alert_that_was_led_elsewhere_is_not_written() {
    let wire = wire(|call| {
        let led = call.body.replace("alerts-2026.11.23", "alerts-000001");
        let elsewhere = Call {
            body: led,
            ..call.clone()
        };
        created(&elsewhere)
    })
    .await;
    let again = "retry (SinkNotDeterministic, Reconnect)".to_owned();
    assert_eq!(push(&wire).await, Ok(vec![again; 5]));
}

/// A server that has the culprit already, and answers so when asked about it.
async fn conflicting(script: fn() -> Response) -> Wire {
    Wire::start(move |call: &Call| match call.path.as_str() {
        "/_bulk" => Some(items(call, |id| if id == "culprit" { 409 } else { 201 })),
        "/_mget" => Some(script()),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_duplicate_that_cannot_be_verified_is_sent_again() {
    let scripts: [(fn() -> Response, _); 4] = [
        (
            || error(403, "security_exception"),
            "retry (Forbidden, Reconnect)",
        ),
        (|| error(429, "anything"), "retry (TooManyRequests, Retry)"),
        (
            || answer(200, json!({"docs": []})),
            "retry (ElasticsearchUnavailable, Retry)",
        ),
        (
            || raw(502, "text/html", "<h1>canary</h1>"),
            "retry (ElasticsearchUnavailable, Retry)",
        ),
    ];
    for (script, again) in scripts {
        let wire = conflicting(script).await;
        let expected = ["created", "created", again, "created", "created"];
        assert_eq!(push(&wire).await, Ok(expected.map(str::to_owned).to_vec()));
    }
}

#[tokio::test]
async fn only_alerts_in_conflict_are_looked_up() {
    let wire = conflicting(|| answer(200, json!({"docs": []}))).await;
    push(&wire).await.expect("outcomes are told");
    let asked: Value = serde_json::from_str(&wire.calls("_mget")[0].body).expect("JSON");
    let place = json!({"_index": "alerts-2026.11.23", "_id": "culprit"});
    assert_eq!(asked, json!({"docs": [place]}));
}

#[tokio::test]
async fn a_bulk_without_a_readable_answer_is_sent_again_whole() {
    let wire = wire(|_| raw(200, "application/json", "<h1>canary</h1>")).await;
    let unavailable = (FaultReason::ElasticsearchUnavailable, Remedy::Retry);
    assert_eq!(push(&wire).await, Err(unavailable));
}
