use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::detect::{
    layout::Layout,
    rule::{Rule, RuleIdentity},
};

fn rules() -> RuleSet {
    let rule = |name: &str, part: Value| {
        let mut definition = json!({
            "title": "Pod touched",
            "severity": "Low",
            "selections": [{"name": "pods", "all": [{"field": "objectRef.resource", "equals": "pods"}]}],
            "message": "{stage} {verb}",
        });
        for (name, value) in part.as_object().expect("parts of a definition") {
            definition[name] = value.clone();
        }
        let identity = RuleIdentity {
            namespace: "test".to_owned(),
            name: name.to_owned(),
            uid: String::new(),
        };
        let definition = serde_json::from_value(definition).expect("a definition");
        Arc::new(Rule::new(identity, &definition).expect("a valid rule"))
    };
    let exceptions = json!([
        {"name": "bots", "any": [{"field": "user.username", "startsWith": "bot-"}]},
        {"name": "carol", "any": [{"field": "user.username", "endsWith": "carol"}]},
    ]);
    RuleSet::new([
        rule("each-stage", json!({"alertPer": "Event"})),
        rule("request", json!({ "exceptions": exceptions })),
    ])
}

fn event(id: &str, user: &str, stage: &str) -> Value {
    json!({
        "auditID": id,
        "verb": "create",
        "stage": stage,
        "user": {"username": user},
        "objectRef": {"resource": "pods"},
        "requestReceivedTimestamp": "2026-11-01T10:00:00.000000Z",
    })
}

fn analysed(sources: &[Value]) -> Analysis {
    let documents: Vec<_> = sources
        .iter()
        .enumerate()
        .map(|(number, source)| Document {
            index: "audit".to_owned(),
            id: number.to_string(),
            time: None,
            source: match source {
                Value::String(text) => Bytes::from(text.clone()),
                json => Bytes::from(json.to_string()),
            },
            is_rebuilt: false,
        })
        .collect();
    let context = Context {
        tenant: "test".to_owned(),
        job: "job".to_owned(),
        cluster: String::new(),
        layout: Layout::Auto,
        layout_path: None,
        now: Timestamp::UNIX_EPOCH,
    };
    analyse(&documents, &rules(), &context)
}

/// Rule and message of each alert.
fn said(analysis: &Analysis) -> Vec<(&str, &str)> {
    let alerts = analysis.alerts.iter();
    alerts
        .map(|alert| {
            let message = alert.document["message"].as_str();
            (
                alert.rule.as_str(),
                message.expect("an alert has a message"),
            )
        })
        .collect()
}

#[test]
fn one_alert_is_made_of_a_request_at_its_first_stage_or_of_each_stage() {
    let analysis = analysed(&[
        event("a", "alice", "ResponseStarted"),
        event("a", "alice", "ResponseComplete"),
        event("a", "alice", "ResponseComplete"),
    ]);
    assert_eq!(
        said(&analysis),
        [
            ("test/each-stage", "ResponseStarted create"),
            ("test/request", "ResponseStarted create"),
            ("test/each-stage", "ResponseComplete create"),
        ]
    );
    assert_eq!(analysis.events, 3);
}

#[test]
fn every_exception_that_is_met_is_counted_and_makes_no_alert() {
    let analysis = analysed(&[
        event("a", "bot-carol", "ResponseComplete"),
        event("b", "bot-x", "ResponseComplete"),
    ]);
    let used = |name: &str| ("test/request".to_owned(), name.to_owned());
    assert_eq!(
        analysis.excepted,
        BTreeMap::from([(used("bots"), 2), (used("carol"), 1)])
    );
    let of_rule = |name| analysis.alerts.iter().filter(|a| a.rule == name).count();
    assert_eq!(
        (of_rule("test/request"), of_rule("test/each-stage")),
        (0, 2)
    );
}

#[test]
fn a_document_that_is_no_event_is_set_aside_and_its_page_goes_on() {
    let analysis = analysed(&[
        json!("{\"auditID\": "),
        json!({"some": "other document"}),
        event("a", "alice", "ResponseComplete"),
    ]);
    let ids: Vec<_> = analysis.quarantined.iter().map(|q| q.id.as_str()).collect();
    assert_eq!(ids, ["0", "1"]);
    assert_eq!(
        analysis.quarantined[1].rejection,
        Rejection::NotAnAuditEvent
    );
    assert_eq!((analysis.events, analysis.alerts.len()), (1, 2));
}

#[test]
fn the_events_of_a_list_are_analysed_one_by_one() {
    let items = [
        event("a", "alice", "ResponseComplete"),
        event("b", "bob", "ResponseComplete"),
    ];
    let list = json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": items});
    let analysis = analysed(&[list]);
    assert_eq!((analysis.events, analysis.alerts.len()), (2, 4));
}

#[test]
fn the_same_documents_give_the_same_analysis() {
    let documents = [
        event("a", "alice", "ResponseComplete"),
        event("b", "bot-x", "Panic"),
    ];
    assert_eq!(analysed(&documents), analysed(&documents));
}
