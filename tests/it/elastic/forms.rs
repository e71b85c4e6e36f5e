//! Alerts that an index refuses, brought there by the lanes of the pipeline, on real servers.

use std::{sync::Arc, time::Duration};

use k8scop::{
    detect::alert::Alert,
    pipeline::{
        item::Item,
        lane::{Lanes, Settled},
        ports::{FaultReason, Sink},
    },
};
use k8scop_testbed::Flavor;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    alerts::{alert, clear, sink, with},
    seed,
    seed::on_every_server,
};

on_every_server!(
    an_index_that_is_full_of_fields_gets_a_reduced_alert,
    an_alert_that_a_strict_mapping_refuses_is_quarantined_once,
    a_blocked_index_is_waited_for,
    an_alert_whose_id_is_taken_is_written_once_over_two_runs,
);

/// The index of an alert without a time.
fn undated(prefix: &str) -> String {
    format!("{prefix}-undated")
}

fn lanes(prefix: &str, alert: &Alert) -> Lanes {
    let mut lanes = Lanes::default();
    lanes.push(Item::new(1, &prefix.into(), alert.clone()));
    lanes
}

/// One request, at a time when nothing has to wait any more.
async fn send(lanes: &mut Lanes, sink: &dyn Sink) -> Settled {
    let now = Instant::now() + Duration::from_secs(3600);
    let batch = lanes.take(now).expect("something to send");
    let answer = sink.push(&batch.alerts()).await;
    lanes.answered(batch, answer, Instant::now())
}

/// Sends until the alert is in the sink; tells how often, and whether it was new at last.
async fn deliver(lanes: &mut Lanes, sink: &dyn Sink) -> (usize, bool) {
    for requests in 1..10 {
        let settled = send(lanes, sink).await;
        if let [(_, is_new)] = settled.acked[..] {
            return (requests, is_new);
        }
    }
    panic!("not delivered");
}

async fn stored(url: &str, index: &str, id: &str) -> Value {
    seed::call("GET", url, &format!("{index}/_doc/{id}"), Value::Null).await["_source"].take()
}

async fn make(url: &str, prefix: &str, body: Value) {
    clear(url, &undated(prefix)).await;
    seed::call("PUT", url, &undated(prefix), body).await;
}

async fn an_index_that_is_full_of_fields_gets_a_reduced_alert(flavor: Flavor) {
    let (url, sink) = sink(flavor, "full").await;
    sink.prepare().await.expect("template is installed");
    let limit = json!({"index.mapping.total_fields.limit": 100});
    let body = json!({"settings": limit, "mappings": {"dynamic": true, "properties": {
        "k8scop": {"properties": {"captures": {"type": "object"}}},
    }}});
    // Made by hand, with a mapping that takes every field.
    clear(url, "_index_template/k8scop-full").await;
    make(url, "full", body).await;
    let many = with("full-undated", "a", |document| {
        for key in 0..200 {
            document["k8scop"]["captures"][format!("key{key}")] = json!("value");
        }
    });
    for (requests, is_new) in [(2, true), (2, false)] {
        let mut lanes = lanes("full", &many.alert);
        assert_eq!(deliver(&mut lanes, &*sink).await, (requests, is_new));
    }
    let stored = stored(url, "full-undated", "a").await;
    assert_eq!(stored["k8scop"]["reduced"], true);
    assert_eq!(stored["k8scop"]["fingerprint"], many.alert.fingerprint);
}

async fn an_alert_that_a_strict_mapping_refuses_is_quarantined_once(flavor: Flavor) {
    let (url, sink) = sink(flavor, "foreign").await;
    sink.prepare().await.expect("template is installed");
    clear(url, "_index_template/k8scop-foreign").await;
    make(url, "foreign", json!({"mappings": {"dynamic": "strict"}})).await;
    let whole = alert("foreign-undated", "a").alert;
    for (requests, is_new) in [(3, true), (3, false)] {
        let mut lanes = lanes("foreign", &whole);
        assert_eq!(deliver(&mut lanes, &*sink).await, (requests, is_new));
    }
    let record = stored(url, "foreign-quarantine", "a").await;
    let quarantine = &record["k8scop"]["quarantine"];
    assert_eq!(quarantine["index"], "foreign-undated");
    let kept = quarantine["alert"].as_str().expect("a text");
    let kept: Value = serde_json::from_str(kept).expect("JSON");
    assert_eq!(kept, whole.document);
    assert_eq!(seed::count(url, "foreign-quarantine").await, 1);
}

async fn a_blocked_index_is_waited_for(flavor: Flavor) {
    let (url, sink) = sink(flavor, "paused").await;
    make(
        url,
        "paused",
        json!({"settings": {"index.blocks.write": true}}),
    )
    .await;
    let mut lanes = lanes("paused", &alert("paused-undated", "a").alert);
    for _ in 0..3 {
        let settled = send(&mut lanes, &*sink).await;
        let reasons = settled.waiting.iter().map(|(_, fault)| fault.reason);
        assert_eq!(reasons.collect::<Vec<_>>(), [FaultReason::SinkBlocked]);
        assert!(lanes.take(Instant::now()).is_none(), "it waits");
    }
    let open = json!({"index.blocks.write": false});
    seed::call("PUT", url, "paused-undated/_settings", open).await;
    assert_eq!(deliver(&mut lanes, &*sink).await, (1, true));
}

async fn an_alert_whose_id_is_taken_is_written_once_over_two_runs(flavor: Flavor) {
    let (url, sink) = sink(flavor, "owned").await;
    sink.prepare().await.expect("template is installed");
    make(url, "owned", json!({})).await;
    let forged = json!({"message": "nothing happened"});
    seed::call("PUT", url, "owned-undated/_doc/a", forged).await;
    let whole: Arc<Alert> = alert("owned-undated", "a").alert;
    for is_new in [true, false] {
        let mut lanes = lanes("owned", &whole);
        assert_eq!(deliver(&mut lanes, &*sink).await, (2, is_new));
    }
    assert_eq!(seed::count(url, "owned-undated").await, 2);
    let own = whole.with_own_id();
    let stored = stored(url, "owned-undated", &own.id).await;
    assert_eq!(stored, own.document);
}
