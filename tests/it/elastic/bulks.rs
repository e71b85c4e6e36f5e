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
        let id = action["create"]["_id"].as_str().expect("an id");
        let mut item = json!({"create": {"_id": id, "status": status(id)}});
        if status(id) != 201 {
            item["create"]["error"] = json!({"type": "security_exception", "reason": "canary"});
        }
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
async fn alerts_that_are_all_refused_for_who_we_are_ask_for_a_new_connection() {
    let wire = wire(|call| items(call, |_| 403)).await;
    let forbidden = (FaultReason::Forbidden, Remedy::Reconnect);
    assert_eq!(push(&wire).await, Err(forbidden));
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
async fn a_bulk_without_a_readable_answer_is_sent_again_whole() {
    let wire = wire(|_| raw(200, "application/json", "<h1>canary</h1>")).await;
    let unavailable = (FaultReason::ElasticsearchUnavailable, Remedy::Retry);
    assert_eq!(push(&wire).await, Err(unavailable));
}
