//! Alerts written to real servers.

use std::sync::Arc;

use k8scop::{
    detect::{alert::Alert, definition::Severity},
    pipeline::ports::{AddressedAlert, Fault, FaultReason, Outcome, Sink},
};
use k8scop_testbed::Flavor;
use serde_json::{Value, json};

use super::{connected, seed, seed::on_every_server};

on_every_server!(
    an_alert_that_is_written_twice_stands_once,
    alerts_keep_their_order,
    no_alert_changes_the_mapping,
    captures_and_evidence_can_be_searched_where_the_server_can,
    an_alert_that_the_index_refuses_harms_no_other,
    a_blocked_index_is_tried_again,
    an_older_template_is_replaced_and_a_foreign_one_is_not,
    a_category_in_the_prefix_has_its_template,
);

pub(super) async fn sink(flavor: Flavor, prefix: &str) -> (&'static str, Arc<dyn Sink>) {
    let url = seed::server(flavor).await;
    let (_, sink) = connected(url, "logs", prefix).await.expect("connects");
    clear(url, &format!("{prefix}-2026.11.23")).await;
    clear(url, &format!("{prefix}-quarantine")).await;
    clear(url, &format!("_index_template/k8scop-{prefix}")).await;
    (url, sink)
}

pub(super) async fn clear(url: &str, path: &str) {
    reqwest::Client::new()
        .delete(format!("{url}/{path}"))
        .send()
        .await
        .expect("it answers");
}

pub(super) async fn push(sink: &dyn Sink, alerts: &[AddressedAlert]) -> Vec<Outcome> {
    sink.push(alerts).await.expect("outcomes are told")
}

pub(super) fn reasons(outcomes: &[Outcome]) -> Vec<&'static str> {
    let outcome = |outcome: &Outcome| match outcome {
        Outcome::Created => "created",
        Outcome::Duplicate => "duplicate",
        Outcome::Taken => "taken",
        Outcome::Retry(Fault { reason, .. }) | Outcome::Rejected(Fault { reason, .. }) => {
            reason.as_str()
        }
    };
    outcomes.iter().map(outcome).collect()
}

async fn an_alert_that_is_written_twice_stands_once(flavor: Flavor) {
    let (url, sink) = sink(flavor, "twice").await;
    sink.prepare().await.expect("template is installed");
    let index = "twice-2026.11.23";
    let alerts = ["a", "b"].map(|id| alert(index, id));
    assert_eq!(
        push(&*sink, &alerts).await,
        [Outcome::Created, Outcome::Created]
    );
    let again = ["a", "c", "b"].map(|id| alert(index, id));
    let outcomes = push(&*sink, &again).await;
    assert_eq!(
        outcomes,
        [Outcome::Duplicate, Outcome::Created, Outcome::Duplicate]
    );
    assert_eq!(seed::count(url, index).await, 3);
}

async fn alerts_keep_their_order(flavor: Flavor) {
    let (url, sink) = sink(flavor, "many").await;
    let index = "many-2026.11.23";
    let odd: Vec<_> = (0..1_200)
        .step_by(2)
        .map(|id| alert(index, &id.to_string()))
        .collect();
    push(&*sink, &odd).await;
    let all: Vec<_> = (0..1_200).map(|id| alert(index, &id.to_string())).collect();
    let expected: Vec<Outcome> = (0..1_200)
        .map(|id| {
            if id % 2 == 0 {
                Outcome::Duplicate
            } else {
                Outcome::Created
            }
        })
        .collect();
    assert_eq!(push(&*sink, &all).await, expected);
    assert_eq!(seed::count(url, index).await, 1_200);
}

async fn mapping(url: &str, index: &str) -> Value {
    let answer = seed::call("GET", url, &format!("{index}/_mapping"), Value::Null).await;
    answer[index]["mappings"].clone()
}

async fn no_alert_changes_the_mapping(flavor: Flavor) {
    let (url, sink) = sink(flavor, "fixed").await;
    sink.prepare().await.expect("template is installed");
    let index = "fixed-2026.11.23";
    push(&*sink, &[alert(index, "plain")]).await;
    let before = mapping(url, index).await;
    let odd = with(index, "odd", |document| {
        document["new"] = json!({"field": {"of": {"many": "levels"}}});
        document["source"]["ip"] = json!("unknown");
        document["event"]["severity"] = json!("high");
        document["@timestamp"] = json!("yesterday");
        document["message"] = json!("x".repeat(100_000));
        document["user"]["name"] = json!("y".repeat(100_000));
        for key in 0..500 {
            document["k8scop"]["captures"][format!("key{key}")] = json!("z".repeat(100));
        }
    });
    assert_eq!(push(&*sink, &[odd]).await, [Outcome::Created]);
    assert_eq!(mapping(url, index).await, before);
    assert_eq!(before["dynamic"], "false");
}

async fn captures_and_evidence_can_be_searched_where_the_server_can(flavor: Flavor) {
    let (url, sink) = sink(flavor, "searched").await;
    sink.prepare().await.expect("template is installed");
    let index = "searched-2026.11.23";
    push(&*sink, &[alert(index, "a")]).await;
    seed::refresh(url, index).await;
    let expected = if flavor == Flavor::Elasticsearch7 {
        0
    } else {
        1
    };
    for (field, value) in [
        ("k8scop.captures.pod", "web-0"),
        ("k8scop.evidence.values", "exec"),
    ] {
        let query = json!({"query": {"term": {field: value}}});
        let answer = seed::call("POST", url, &format!("{index}/_search"), query).await;
        assert_eq!(answer["hits"]["total"]["value"], expected, "{field}");
    }
}

async fn an_alert_that_the_index_refuses_harms_no_other(flavor: Flavor) {
    let (_, sink) = sink(flavor, "refused").await;
    sink.prepare().await.expect("template is installed");
    let index = "refused-2026.11.23";
    let alerts = [
        alert(index, "a"),
        with(index, "text-for-object", |document| {
            document["user"] = json!("mallory")
        }),
        alert("Refused INDEX", "bad-index"),
        alert(index, &"i".repeat(513)),
        alert(index, "b"),
    ];
    let outcomes = push(&*sink, &alerts).await;
    let rejecting = FaultReason::SinkRejecting.as_str();
    assert_eq!(
        reasons(&outcomes),
        ["created", rejecting, rejecting, rejecting, "created"]
    );
    assert!(
        outcomes[1..4]
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Rejected(_)))
    );
}

async fn a_blocked_index_is_tried_again(flavor: Flavor) {
    let (url, sink) = sink(flavor, "blocked").await;
    let index = "blocked-2026.11.23";
    push(&*sink, &[alert(index, "a")]).await;
    let settings = format!("{index}/_settings");
    let block = async |on: bool| {
        seed::call("PUT", url, &settings, json!({"index.blocks.write": on})).await;
    };
    block(true).await;
    let outcomes = push(&*sink, &[alert(index, "b")]).await;
    assert!(matches!(&outcomes[..], [Outcome::Retry(_)]), "{outcomes:?}");
    assert_eq!(reasons(&outcomes), ["SinkBlocked"]);
    block(false).await;
    assert_eq!(push(&*sink, &[alert(index, "b")]).await, [Outcome::Created]);
    seed::call("POST", url, &format!("{index}/_close"), Value::Null).await;
    assert_eq!(
        reasons(&push(&*sink, &[alert(index, "c")]).await),
        ["SinkBlocked"]
    );
}

async fn an_older_template_is_replaced_and_a_foreign_one_is_not(flavor: Flavor) {
    let (url, sink) = sink(flavor, "renewed").await;
    let path = "_index_template/k8scop-renewed";
    let put = async |manager: &str, version: u64| {
        let body = json!({
            "index_patterns": ["renewed-20*"],
            "priority": 1,
            "_meta": {"managed_by": manager, "version": version},
        });
        seed::call("PUT", url, path, body).await;
        sink.prepare().await.expect("template is there");
        let answer = seed::call("GET", url, path, Value::Null).await;
        answer["index_templates"][0]["index_template"]["priority"].as_u64()
    };
    assert!(put("k8scop", 1).await > Some(1));
    assert_eq!(put("k8scop", 1_000).await, Some(1));
    assert_eq!(put("somebody", 0).await, Some(1));
}

async fn a_category_in_the_prefix_has_its_template(flavor: Flavor) {
    let (url, sink) = sink(flavor, "split-{category}").await;
    clear(url, "split-exec-2026.11.23").await;
    sink.prepare().await.expect("template is installed");
    push(&*sink, &[alert("split-exec-2026.11.23", "a")]).await;
    assert_eq!(
        mapping(url, "split-exec-2026.11.23").await["dynamic"],
        "false"
    );
}

pub(super) fn with(index: &str, id: &str, change: impl FnOnce(&mut Value)) -> AddressedAlert {
    let plain = alert(index, id);
    let mut changed = Alert::clone(&plain.alert);
    change(&mut changed.document);
    AddressedAlert::new(plain.index.clone(), Arc::new(changed))
}

/// An alert with an id of its own.
pub(super) fn alert(index: &str, id: &str) -> AddressedAlert {
    AddressedAlert::new(
        index.to_owned(),
        Arc::new(Alert {
            id: id.to_owned(),
            rule: "security/exec".to_owned(),
            category: "Exec".to_owned(),
            severity: Severity::High,
            time: None,
            source_time: None,
            fingerprint: "f".repeat(64),
            rule_uid: "11111111-2222-3333-4444-555555555555".to_owned(),
            match_hash: "0123456789abcdef".to_owned(),
            document: json!({
                "@timestamp": "2026-11-23T07:40:00.000001Z",
                "message": "somebody entered a pod",
                "event": {"kind": "alert", "id": id, "severity": 73},
                "user": {"name": "mallory", "roles": ["system:authenticated"]},
                "source": {"ip": "192.0.2.7"},
                "k8scop": {
                    "fingerprint": "f".repeat(64),
                    "rule": {
                        "uid": "11111111-2222-3333-4444-555555555555",
                        "match_hash": "0123456789abcdef",
                    },
                    "captures": {"pod": "web-0"},
                    "evidence": [
                        {"selection": "exec", "field": "verb", "operator": "in", "values": ["create"]},
                        {"selection": "exec", "field": "objectRef.subresource", "operator": "equals", "values": ["exec"]},
                    ],
                },
            }),
        }),
    )
}
