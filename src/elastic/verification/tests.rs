use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{
    detect::alert::fixture::an_alert,
    pipeline::ports::{FaultReason, Remedy},
};

const INDEX: &str = "alerts-2026.11.23";

fn alert(rule_uid: &str, match_hash: &str) -> AddressedAlert {
    AddressedAlert::new(
        INDEX.to_owned(),
        Arc::new(Alert {
            id: "a".to_owned(),
            fingerprint: "f1".to_owned(),
            rule_uid: rule_uid.to_owned(),
            match_hash: match_hash.to_owned(),
            ..an_alert()
        }),
    )
}

fn answer(doc: &Value) -> Vec<u8> {
    json!({"docs": [doc]}).to_string().into_bytes()
}

fn found(source: Value) -> Value {
    json!({"_index": INDEX, "_id": "a", "found": true, "_source": source})
}

/// What a stored document makes of an alert of the rule "u1" that looks for "m1".
fn outcome(doc: &Value) -> Outcome {
    let alert = alert("u1", "m1");
    let mut outcomes = outcomes(&[&alert], &answer(doc)).expect("the answer fits");
    outcomes.remove(0)
}

#[test]
fn a_stored_document_is_the_same_alert_or_another_one() {
    let origin = |fingerprint: &str, uid: &str, hash: &str| {
        found(json!({"k8scop": {
            "fingerprint": fingerprint, "rule": {"uid": uid, "match_hash": hash},
        }}))
    };
    let rows = [
        (origin("f1", "u1", "m1"), Outcome::Duplicate),
        // The rule was edited.
        (origin("f1", "u1", "m2"), Outcome::Duplicate),
        // The rule was deleted and made again.
        (origin("f1", "u2", "m1"), Outcome::Duplicate),
        // Another rule took its name.
        (origin("f1", "u2", "m2"), Outcome::Taken),
        (origin("f2", "u1", "m1"), Outcome::Taken),
        (
            found(json!({"k8scop": {"fingerprint": "f1"}})),
            Outcome::Duplicate,
        ),
        (
            found(json!({"k8scop": {"fingerprint": ["f1"]}})),
            Outcome::Taken,
        ),
        (found(json!({})), Outcome::Taken),
        (found(json!({"k8scop": "f1"})), Outcome::Taken),
        // The index keeps no source.
        (
            json!({"_index": INDEX, "_id": "a", "found": true}),
            Outcome::Duplicate,
        ),
    ];
    for (doc, expected) in rows {
        assert_eq!(outcome(&doc), expected, "{doc}");
    }
}

#[test]
fn a_rule_from_a_file_is_not_told_from_the_one_of_a_cluster() {
    let stored = found(json!({"k8scop": {
        "fingerprint": "f1", "rule": {"uid": "u1", "match_hash": "m1"},
    }}));
    let from_file = alert("", "m2");
    let found = outcomes(&[&from_file], &answer(&stored));
    assert_eq!(found, Ok(vec![Outcome::Duplicate]));
}

#[test]
fn what_is_not_shown_is_sent_again() {
    let missing = json!({"type": "index_not_found_exception", "reason": "canary"});
    for doc in [
        json!({"_index": INDEX, "_id": "a", "found": false}),
        json!({"_index": INDEX, "_id": "a", "error": missing}),
    ] {
        let Outcome::Retry(fault) = outcome(&doc) else {
            panic!("{doc}");
        };
        assert!(!fault.message.contains("canary"));
        assert_eq!(fault.reason, FaultReason::ElasticsearchUnavailable);
    }
}

#[test]
fn an_answer_about_something_else_says_nothing() {
    let alert = alert("u1", "m1");
    let doc = json!({"_index": INDEX, "_id": "b", "found": true, "_source": {}});
    let fault = outcomes(&[&alert], &answer(&doc)).expect_err("it does not fit");
    assert_eq!(
        (fault.reason, fault.remedy),
        (FaultReason::ElasticsearchUnavailable, Remedy::Retry)
    );
}
