use serde::Deserialize;

use super::*;
use crate::detect::layout::Layout;

/// One line of the golden file, whose keys and ids were computed by another program.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Golden {
    name: String,
    tenant: String,
    rule: String,
    cluster: String,
    alert_per: AlertPer,
    index: String,
    id: String,
    position: usize,
    event: Value,
    event_key: String,
    alert_id: String,
}

/// The document of the case: its event, after others that a list holds before it.
fn document(golden: &Golden) -> Document {
    let mut items =
        vec![serde_json::json!({"auditID": "another", "requestURI": "/"}); golden.position];
    let mut event = golden.event.clone();
    event["kind"] = "Event".into();
    event["objectRef"] = serde_json::json!({"resource": "pods"});
    event["stage"] = match &golden.event["stage"] {
        Value::Null => "ResponseComplete".into(),
        stage => stage.clone(),
    };
    items.push(event);
    let list = serde_json::json!({"kind": "EventList", "items": items});
    Document {
        index: golden.index.clone(),
        id: golden.id.clone(),
        time: None,
        source: list.to_string().into(),
        is_rebuilt: false,
    }
}

#[test]
fn the_ids_of_version_1_never_change() {
    for line in include_str!("ids.v1.jsonl").lines() {
        let golden: Golden = serde_json::from_str(line).expect("the golden file is JSON lines");
        let document = document(&golden);
        let events = Event::read(&document, Layout::Raw).expect("the golden events are readable");
        let key = EventKey::new(
            &events[golden.position],
            &document,
            &golden.cluster,
            golden.alert_per,
        );
        assert_eq!(
            (key.to_hex(), key.alert_id(&golden.tenant, &golden.rule)),
            (golden.event_key, golden.alert_id),
            "{}",
            golden.name
        );
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnId {
    name: String,
    alert_id: String,
    rule_uid: String,
    own_id: String,
}

#[test]
fn the_own_ids_of_version_1_never_change() {
    for line in include_str!("own_ids.v1.jsonl").lines() {
        let golden: OwnId = serde_json::from_str(line).expect("the golden file is JSON lines");
        let own = own_id(&golden.alert_id, &golden.rule_uid);
        assert_eq!(own, golden.own_id, "{}", golden.name);
    }
}

#[test]
fn the_match_hash_follows_what_is_looked_for_and_not_what_is_said() {
    let definition = |title: &str, verb: &str| -> RuleDefinition {
        serde_json::from_value(serde_json::json!({
            "title": title,
            "severity": "Low",
            "selections": [{"name": "a", "all": [{"field": "verb", "equals": verb}]}],
        }))
        .expect("the definition is whole")
    };
    let hash = match_hash(&definition("A", "get"));
    assert_eq!(hash, match_hash(&definition("B", "get")));
    assert_ne!(hash, match_hash(&definition("A", "list")));
}
