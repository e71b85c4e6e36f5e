//! Documents that hold several events, or events of which the end is missing.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    document,
    places::{event, ids, values},
    read,
};
use crate::detect::{
    document::Rejection,
    event::Event,
    layout::{Layout, Place},
};

fn each(source: &str) -> (Vec<Event>, Vec<Rejection>) {
    Event::read_each(&document(source.to_owned()), Place::from(Layout::Auto))
}

#[test]
fn each_element_of_a_batch_counts_alone() {
    let (a, b) = (event("a"), event("b"));
    let text = |event: &Value| event.to_string();
    let bare = |id| {
        let mut event = event(id);
        for name in ["kind", "apiVersion"] {
            event.as_object_mut().map(|event| event.remove(name));
        }
        event
    };
    let odd = json!({"properties": {"log": "I1101 10:00:00 no event"}});
    let list = |items: Value| json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": items});
    for (document, rejected) in [
        (list(json!([a, b])), 0),
        (
            list(json!([bare("a"), null, bare("b"), 7, "x", {"kind": "Pod"}])),
            4,
        ),
        (json!({"items": [a, b]}), 0),
        (json!([a, b, []]), 1),
        (json!([text(&a), text(&b)]), 0),
        (
            json!({"records": [{"properties": {"log": text(&a)}}, odd, {"properties": {"log": text(&b)}}]}),
            1,
        ),
        (
            json!({"logEvents": [{"id": "1", "message": text(&a)}, {"id": "2", "message": text(&b)}]}),
            0,
        ),
        (
            json!({"hits": {"hits": [{"_id": "1", "_source": a}, {"_id": "2", "_source": {"kubernetes": {"audit": b}}}]}}),
            0,
        ),
        (
            json!({"hits": {"hits": [
                {"_id": "1", "fields": super::flat("kubernetes.audit.", &a)},
                {"_id": "2", "fields": super::flat("", &b)},
            ]}}),
            0,
        ),
        (
            json!({"events": [{"message": text(&a)}, {"message": "plain"}, {"message": text(&b)}]}),
            1,
        ),
        (json!({"message": json!([a, b]).to_string()}), 0),
        (json!({"message": format!("{a}\n{b}\n")}), 0),
        (json!({"message": format!("{a}\n{{\"torn\": \n{b}")}), 1),
        (json!({"message": format!("{a}\nI1101 klog\n{b}")}), 1),
        (json!({"log": list(json!([a, null, b])).to_string()}), 1),
    ] {
        let (events, rejections) = each(&document.to_string());
        assert_eq!(
            (events.len(), rejections.len()),
            (2, rejected),
            "{document}"
        );
        assert_eq!(ids(&document), ["a", "b"], "{document}");
        assert_eq!(
            events.iter().map(Event::position).collect::<Vec<_>>(),
            [0, 1]
        );
        assert!(!events.iter().any(Event::is_cut_off), "{document}");
    }
}

#[test]
fn a_list_beyond_eight_mebibytes_is_read() {
    let mut item = event("a");
    item["requestObject"]["data"] = "x".repeat(30_000).into();
    let list = json!({"kind": "EventList", "items": vec![item; 300]}).to_string();
    assert!(list.len() > 8 * 1024 * 1024 + 500_000);
    assert_eq!(each(&list).0.len(), 300);
}

#[test]
fn a_list_without_an_event_is_rejected_once_or_for_each_of_its_items() {
    let list = json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [null, 1]});
    assert_eq!(each(&list.to_string()).1.len(), 2);
    let other = json!({"records": [{"a": 1}, {"b": [1, 2]}], "tags": [], "text": "[]"});
    assert_eq!(each(&other.to_string()).1, [Rejection::NotAnAuditEvent]);
}

#[test]
fn an_event_that_is_cut_off_is_read_up_to_there() {
    let text = event("1").to_string();
    let cut = text.find("\"sourceIPs\"").expect("it has addresses");
    // Members are in the order of their names.
    let before = &text[..cut + 30];
    for document in [
        json!({"properties": {"log": before}}).to_string(),
        json!({"log": before, "stream": "stdout"}).to_string(),
        json!({"log": format!("{before}...[truncated]")}).to_string(),
        json!({"message": format!("2026-11-01T10:00:01Z stdout P {before}")}).to_string(),
        json!({"json": {"raw": before}}).to_string(),
        before.to_owned(),
        format!(r#"{{"kubernetes":{{"audit":{before}"#),
        {
            let wrapped = json!({"log": before}).to_string();
            wrapped[..wrapped.len() - 10].to_owned()
        },
    ] {
        let (events, rejections) = each(&document);
        assert_eq!((events.len(), rejections.len()), (1, 0), "{document}");
        assert!(events[0].is_cut_off(), "{document}");
        assert_eq!(
            values(&events[0], "objectRef.resource"),
            ["pods"],
            "{document}"
        );
        assert_eq!(
            values(&events[0], "podSpec.hostPID"),
            ["true"],
            "{document}"
        );
        assert_eq!(
            values(&events[0], "source.ip"),
            Vec::<String>::new(),
            "{document}"
        );
    }
}

#[test]
fn only_the_event_at_the_cut_is_cut_off() {
    let (a, b) = (event("a").to_string(), event("b").to_string());
    for text in [
        format!(r#"{{"kind":"EventList","items":[{a},{}"#, &b[..b.len() - 4]),
        format!("{a}\n{}", &b[..b.len() - 4]),
        format!("{}\n{a}", &b[..b.len() - 4]),
    ] {
        for document in [text.clone(), json!({"message": text}).to_string()] {
            let (events, rejections) = each(&document);
            assert_eq!((events.len(), rejections.len()), (2, 0), "{document}");
            for event in &events {
                assert_eq!(
                    event.is_cut_off(),
                    values(event, "auditID") == ["b"],
                    "{document}"
                );
            }
        }
    }
    let wrapped = format!(r#"{{"log":{a},"stream":"std"#);
    assert!(!each(&wrapped).0[0].is_cut_off());
}

proptest! {
    #[test]
    fn a_cut_at_any_byte_is_read_up_to_there_or_rejected_alone(cut in 0_usize..700, is_text: bool) {
        let text = event("1").to_string();
        let cut = cut.min(text.len() - 1);
        let source = match is_text {
            true => json!({"log": &text[..cut]}).to_string(),
            false => text[..cut].to_owned(),
        };
        let (events, rejections) = each(&source);
        prop_assert_eq!(events.len() + rejections.len(), 1);
        prop_assert!(events.iter().all(Event::is_cut_off));
        let has_object = text[..cut].contains(r#""resource":"pods""#);
        prop_assert!(!has_object || events.len() == 1, "{}", source);
    }

    #[test]
    fn a_torn_line_takes_no_other_along(cut in 1_usize..700) {
        let (torn, whole) = (event("torn").to_string(), event("whole").to_string());
        let text = format!("{}\n{whole}\n", &torn[..cut.min(torn.len() - 1)]);
        for source in [text.clone(), json!({"message": text}).to_string()] {
            let (events, rejections) = each(&source);
            prop_assert_eq!(events.len() + rejections.len(), 2, "{}", source);
            let last = events.last().expect("the whole one is there");
            prop_assert_eq!(values(last, "auditID"), ["whole"]);
            prop_assert!(!last.is_cut_off());
        }
    }
}

#[test]
fn a_hostile_text_is_bounded() {
    let nested = format!("{}x", "{\"a\":\n".repeat(5_000));
    let lines = "{\"a\":[\n".repeat(5_000);
    for text in [nested, lines] {
        assert!(each(&text).0.is_empty());
        assert!(read(&json!({"log": text}), Layout::Auto).is_err());
    }
}
