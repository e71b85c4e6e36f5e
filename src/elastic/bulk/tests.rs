use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

use super::{super::request::Body, *};
use crate::detect::alert::{Alert, fixture::an_alert};

fn alert(id: &str) -> AddressedAlert {
    AddressedAlert::new(
        "alerts-2026.11.23".to_owned(),
        Arc::new(Alert {
            id: id.to_owned(),
            document: json!({"message": "two\nlines"}),
            ..an_alert()
        }),
    )
}

fn alerts<T: AsRef<str>>(ids: impl IntoIterator<Item = T>) -> Vec<AddressedAlert> {
    ids.into_iter().map(|id| alert(id.as_ref())).collect()
}

/// What becomes of one item, as a word, a reason and a remedy.
fn told(verdict: &Verdict) -> (&'static str, Option<(FaultReason, Remedy)>) {
    let why = |fault: &Fault| Some((fault.reason, fault.remedy));
    match verdict {
        Verdict::Conflict => ("conflict", None),
        Verdict::Known(Outcome::Created) => ("created", None),
        Verdict::Known(Outcome::Retry(fault)) => ("retry", why(fault)),
        Verdict::Known(Outcome::Rejected(fault)) => ("rejected", why(fault)),
        Verdict::Known(Outcome::Duplicate | Outcome::Taken) => {
            panic!("no answer to a write alone tells who holds an id")
        }
    }
}

fn item(id: &str, status: u16, error: Option<&str>) -> Value {
    let mut item = json!({"create": {"_index": "alerts-2026.11.23", "_id": id, "status": status}});
    if let Some(kind) = error {
        item["create"]["error"] = json!({"type": kind, "reason": "canary"});
    }
    item
}

fn answer(items: &[Value]) -> Vec<u8> {
    json!({"took": 1, "errors": false, "items": items})
        .to_string()
        .into_bytes()
}

#[test]
fn an_alert_is_two_lines() {
    let Body::Lines(lines) = request(&[alert("a1")]).body else {
        panic!("a bulk request is made of lines");
    };
    assert_eq!(
        lines,
        "{\"create\":{\"_id\":\"a1\",\"_index\":\"alerts-2026.11.23\"}}\n{\"message\":\"two\\nlines\"}\n"
    );
}

#[test]
fn each_item_has_an_outcome_of_its_own() {
    use FaultReason::*;
    let retry = |reason| ("retry", Some((reason, Remedy::Retry)));
    let rejected = ("rejected", Some((SinkRejecting, Remedy::Retry)));
    let reconnect = |reason| ("retry", Some((reason, Remedy::Reconnect)));
    let rows = [
        (201, None, ("created", None)),
        (
            409,
            Some("version_conflict_engine_exception"),
            ("conflict", None),
        ),
        (409, None, retry(ElasticsearchUnavailable)),
        (
            429,
            Some("es_rejected_execution_exception"),
            retry(TooManyRequests),
        ),
        (
            429,
            Some("circuit_breaking_exception"),
            retry(TooManyRequests),
        ),
        (
            503,
            Some("unavailable_shards_exception"),
            retry(ElasticsearchUnavailable),
        ),
        (500, Some("anything"), retry(ElasticsearchUnavailable)),
        (502, None, retry(ElasticsearchUnavailable)),
        (429, Some("cluster_block_exception"), retry(SinkBlocked)),
        (403, Some("cluster_block_exception"), retry(SinkBlocked)),
        (400, Some("index_closed_exception"), retry(SinkBlocked)),
        (400, Some("validation_exception"), retry(SinkBlocked)),
        (401, Some("security_exception"), reconnect(AuthFailed)),
        (403, Some("security_exception"), reconnect(Forbidden)),
        (404, Some("index_not_found_exception"), retry(IndexNotFound)),
        (400, Some("document_parsing_exception"), rejected),
        (400, Some("mapper_parsing_exception"), rejected),
        (400, Some("strict_dynamic_mapping_exception"), rejected),
        (400, Some("illegal_argument_exception"), retry(SinkBlocked)),
        (400, Some("script_exception"), retry(SinkBlocked)),
        (400, Some("invalid_index_name_exception"), rejected),
        (200, None, retry(ElasticsearchUnavailable)),
        (201, Some("anything"), retry(ElasticsearchUnavailable)),
        (400, None, retry(ElasticsearchUnavailable)),
    ];
    let ids: Vec<String> = (0..rows.len()).map(|row| format!("id{row}")).collect();
    let items: Vec<Value> = rows
        .iter()
        .zip(&ids)
        .map(|((status, error, _), id)| item(id, *status, *error))
        .collect();
    let found = verdicts(&alerts(&ids), &answer(&items)).expect("answer fits");
    for ((status, error, expected), outcome) in rows.iter().zip(&found) {
        assert_eq!(told(outcome), *expected, "{status} {error:?}");
    }
    assert!(!format!("{found:?}").contains("canary"));
}

#[test]
fn an_illegal_argument_is_told_apart_by_its_reason() {
    let rejected = [
        (
            "Document contains at least one immense term in field=\"canary\"",
            true,
        ),
        ("Limit of total fields [1000] has been exceeded", true),
        (
            "mapper [canary] cannot be changed from type [long] to [text]",
            true,
        ),
        ("pipeline with id [canary] does not exist", false),
        ("no write index is defined for alias [canary]", false),
    ];
    for (reason, expected) in rejected {
        let mut item = item("a", 400, Some("illegal_argument_exception"));
        item["create"]["error"]["reason"] = json!(reason);
        let found = verdicts(&alerts(["a"]), &answer(&[item])).expect("answer fits");
        let is_rejected = matches!(found[0], Verdict::Known(Outcome::Rejected(_)));
        assert_eq!(is_rejected, expected, "{reason}");
        assert!(!format!("{found:?}").contains("canary"), "{found:?}");
    }
}

#[test]
fn an_answer_that_does_not_fit_says_nothing() {
    let created = |id| item(id, 201, None);
    let bodies = [
        answer(&[created("a")]),
        answer(&[created("a"), created("b"), created("c")]),
        answer(&[created("b"), created("a")]),
        answer(&[created("a"), json!({"index": {"_id": "b", "status": 201}})]),
        answer(&[created("a"), json!({"create": {"status": 201}})]),
        answer(&[created("a"), json!({"create": {"_id": "b", "status": 201}})]),
        b"<html>502</html>".to_vec(),
        b"{\"took\":1,\"errors\":false}".to_vec(),
        answer(&[created("a"), created("b")])[..40].to_vec(),
    ];
    for body in bodies {
        let found = verdicts(&alerts(["a", "b"]), &body);
        let why = found.map_err(|fault| (fault.reason, fault.remedy));
        assert_eq!(
            why,
            Err((FaultReason::ElasticsearchUnavailable, Remedy::Retry))
        );
    }
}

#[test]
fn an_alert_that_was_led_to_another_index_is_neither_written_nor_known() {
    let conflict = Some("version_conflict_engine_exception");
    for (status, error) in [(201, None), (409, conflict)] {
        let mut item = item("a", status, error);
        item["create"]["_index"] = json!(".ds-alerts-2026.11.23-000001");
        let found = verdicts(&alerts(["a"]), &answer(&[item])).expect("answer fits");
        let expected = Some((FaultReason::SinkNotDeterministic, Remedy::Reconnect));
        assert_eq!(told(&found[0]), ("retry", expected));
    }
}

proptest! {
    #[test]
    fn only_an_item_that_says_201_is_created(
        items in proptest::collection::vec(
            (0..4_u8, 0..=999_u16, proptest::option::of("[a-z_]{1,30}")), 0..6),
    ) {
        let ids = ["id0", "id1", "id2"];
        let body: Vec<Value> = items
            .iter()
            .map(|(id, status, error)| item(&format!("id{id}"), *status, error.as_deref()))
            .collect();
        if let Ok(found) = verdicts(&alerts(ids), &answer(&body)) {
            prop_assert_eq!(found.len(), ids.len());
            for (verdict, (_, status, error)) in found.iter().zip(&items) {
                let created = *verdict == Verdict::Known(Outcome::Created);
                prop_assert_eq!(created, *status == 201 && error.is_none());
            }
        }
    }

    #[test]
    fn no_answer_makes_the_reader_panic(body in any::<Vec<u8>>()) {
        prop_assert!(verdicts(&alerts(["a"]), &body).is_err());
    }
}
