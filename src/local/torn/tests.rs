use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::local::{hostile, plain, shown::Shown};

fn event(id: &str) -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": id, "verb": "create",
        "user": {"username": "eve", "groups": ["a", "b"], "extra": {"k": ["v"]}},
        "code": 201, "sent": true, "annotations": {"a/b": "c\\\"d\u{e9}\u{1f600}\n"},
    })
}

/// An event whose body holds another one, as an object and as text.
fn with_body(id: &str) -> Value {
    let mut with_body = event(id);
    with_body["requestObject"] = json!({
        "spec": {"inner": event("forged"), "text": event("forged").to_string(), "list": [1, {}]},
    });
    with_body
}

/// How often an event is among the documents.
fn count(shown: &Shown, event: &Value) -> usize {
    let documents = shown.documents.iter();
    let values = documents.filter_map(|(_, text)| serde_json::from_slice::<Value>(text).ok());
    values.filter(|value| value == event).count()
}

/// Whether JSON that goes so far may go on with an object in a body.
fn may_hold_object(torn: &str) -> bool {
    // A line cannot end within a string.
    let is_open = serde_json::from_str::<IgnoredAny>(&format!("{torn}\n{{}}"))
        .is_err_and(|error| error.is_eof());
    is_open && torn.contains("\"requestObject\"")
}

#[test]
fn an_event_behind_a_torn_one_comes_out_wherever_the_cut_is() {
    let next = event("next");
    for (torn, step) in [(event("torn"), 1), (with_body("torn"), 3)] {
        for text in [
            torn.to_string(),
            serde_json::to_string_pretty(&torn).expect("JSON"),
        ] {
            for cut in (1..text.len()).step_by(step) {
                let Some(torn) = text.get(..cut) else {
                    continue;
                };
                let stream = format!("{torn}{next}\n{}\n", event("last"));
                let shown = Shown::of(&stream);
                let found = count(&shown, &next);
                let is_right = found == 1 || found == 0 && may_hold_object(torn);
                assert!(is_right, "{stream}\n{shown:?}");
                assert_eq!(count(&shown, &event("last")), 1, "{stream}");
                assert_eq!(count(&shown, &event("forged")), 0, "{stream}");
            }
        }
    }
}

#[test]
fn no_part_of_a_torn_event_becomes_an_event_whatever_follows() {
    for text in [
        with_body("torn").to_string(),
        serde_json::to_string_pretty(&with_body("torn")).expect("JSON"),
    ] {
        for cut in (1..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
            for (before, after) in [
                ("", "\n"),
                ("", ""),
                ("", " [truncated]\n"),
                ("{}\n", "\r\n"),
            ] {
                let stream = format!("{before}{}{after}", &text[..cut]);
                let shown = Shown::of(&stream);
                assert_eq!(count(&shown, &event("forged")), 0, "{stream}");
            }
        }
    }
}

#[test]
fn no_end_of_an_event_becomes_an_event_wherever_the_file_begins() {
    let text = with_body("torn").to_string();
    let is_begun = |cut: &usize| text.is_char_boundary(*cut) && !text[*cut..].starts_with('{');
    for cut in (1..text.len()).filter(is_begun) {
        for before in ["", "2026-11-01T10:00:00Z stdout F ", "host app[1]: "] {
            let stream = format!("{before}{}\n{}\n", &text[cut..], event("next"));
            let shown = Shown::of(&stream);
            assert_eq!(count(&shown, &event("forged")), 0, "{stream}");
            assert_eq!(count(&shown, &event("next")), 1, "{stream}");
        }
    }
}

#[test]
fn several_torn_events_on_a_line_do_not_hide_the_next() {
    let torn = event("torn").to_string();
    let next = event("next");
    for (first, second) in [(10, 80), (28, 27), (90, 150), (130, 3)] {
        let stream = format!("{}{}{next}\n", &torn[..first], &torn[..second]);
        let shown = Shown::of(&stream);
        assert_eq!(count(&shown, &next), 1, "{stream}\n{shown:?}");
    }
}

#[test]
fn an_event_behind_a_torn_one_may_have_text_before_it() {
    let torn = event("torn").to_string();
    let next = event("next");
    for prefix in [
        "2026-11-01T10:00:02Z stdout F ",
        "<134>Nov  1 10:00:01 h a[1]: ",
        "\0\0\0",
        "\u{1e}",
    ] {
        for cut in [15, 60, 100, 140] {
            let stream = format!("{}{prefix}{next}\n", &torn[..cut]);
            let shown = Shown::of(&stream);
            assert_eq!(count(&shown, &next), 1, "{stream}\n{shown:?}");
        }
    }
}

#[test]
fn the_elements_of_a_list_that_breaks_off_are_documents() {
    let (first, second) = (event("first"), event("second"));
    let list = format!("{{\"kind\":\"EventList\",\"items\":[{first},{second},{{\"kind\":");
    let shown = Shown::of(&list);
    assert_eq!((count(&shown, &first), count(&shown, &second)), (1, 1));
    assert_eq!(shown.documents.len(), 3);
}

#[test]
fn the_lines_of_a_list_are_documents_and_its_ends_are_not() {
    let (first, second) = (event("first"), event("second"));
    for (open, close) in [("[", "]}"), ("[\n", "\n]}\n"), ("[ ", "]\n}\n")] {
        let list = format!("{{\"kind\":\"EventList\",\"items\":{open}{first},\n{second}{close}");
        let shown = Shown::of(&list);
        assert_eq!((count(&shown, &first), count(&shown, &second)), (1, 1));
        assert_eq!(shown.documents.len(), 2, "{list}");
    }
}

#[test]
fn many_tears_take_bounded_time() {
    for piece in [
        "{\"",
        "{",
        "{\"a\":",
        "{\"a\"",
        "[{",
        "{\"a\":[",
        "x{\"",
        "{\"a\":\"{\"b\"",
    ] {
        let stream = piece.repeat(40_000 / piece.len());
        let shown = Shown::of(&stream);
        assert!(shown.documents.len() + shown.texts.len() > 0, "{piece}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// In a stream of events of which one is cut at any byte, all others come out once.
    #[test]
    fn one_torn_event_takes_no_other_along(
        events in prop::collection::vec(hostile::event(), 2..8),
        torn: prop::sample::Index,
        cut: prop::sample::Index,
        has_line_end: bool,
    ) {
        let mut events = events;
        for (at, event) in events.iter_mut().enumerate() {
            event["auditID"] = json!(format!("event-{at}"));
        }
        let torn = torn.index(events.len());
        let mut stream = Vec::new();
        for (at, event) in events.iter().enumerate() {
            let text = format!("{event}\n");
            let kept = match at == torn {
                true => 1 + cut.index(text.len() - 1),
                false => text.len(),
            };
            stream.extend(&text.as_bytes()[..kept]);
            stream.extend((at == torn && has_line_end).then_some(b'\n'));
        }
        let mut shown = Shown::default();
        plain::visit(&stream, true, &mut shown);
        let others = events.iter().enumerate().filter(|(at, _)| *at != torn);
        let missing = others.filter(|(_, event)| count(&shown, event) != 1).count();
        // An object that may be a part of the body is left where it is.
        let is_end = torn + 1 == events.len();
        let kept = match (has_line_end || is_end, str::from_utf8(&stream)) {
            (false, Ok(text)) => usize::from(before_cut(text, &events, torn, cut)),
            _ => 0,
        };
        prop_assert!(missing <= kept, "{}", String::from_utf8_lossy(&stream));
    }
}

/// Whether the torn event may hold the next one as a part of its body.
fn before_cut(stream: &str, events: &[Value], torn: usize, cut: prop::sample::Index) -> bool {
    let before: usize = events[..torn]
        .iter()
        .map(|event| event.to_string().len() + 1)
        .sum();
    let length = events[torn].to_string().len();
    may_hold_object(&stream[before..before + 1 + cut.index(length)])
}
