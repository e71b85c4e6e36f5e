use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::local::{hostile, shown::Shown};

/// Gives a few bytes at a time.
struct Slow<'t>(&'t [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let gives = self.1.min(buffer.len()).min(self.0.len());
        self.0.read(&mut buffer[..gives])
    }
}

fn decode(text: &str, limit: usize, gives: usize) -> String {
    let mut decoded = String::new();
    let mut lists = Lists::with_limit(Slow(text.as_bytes(), gives), limit);
    lists
        .read_to_string(&mut decoded)
        .expect("memory can be read");
    decoded
}

fn values(text: &str) -> Vec<Value> {
    let shown = Shown::of(text);
    let documents = shown.documents.iter();
    documents
        .map(|(_, text)| serde_json::from_slice(text).expect("it is whole"))
        .collect()
}

#[test]
fn lists_are_known_by_their_beginning() {
    for head in [
        "{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"metadata\":{},\"items\":[{\"kind\"",
        "{\n  \"apiVersion\": \"v1\",\n  \"items\": [\n",
        " {\"records\":[",
        "{\"took\":1,\"hits\":{\"total\":{\"value\":1},\"hits\":[{",
        "{\"metadata\":{\"tags\":[\"a\"]},\"items\":[",
    ] {
        assert!(is_list(head.as_bytes()), "{head}");
    }
    for head in [
        "{\"kind\":\"Event\",\"user\":{\"groups\":[\"a\"]},\"requestObject\":{\"items\":[{",
        "{\"a\":\"\\\"items\\\":[\"",
        "[{\"items\":[",
        "{\"items\":{\"a\":[",
        "",
    ] {
        assert!(!is_list(head.as_bytes()), "{head}");
    }
}

#[test]
fn a_list_within_an_event_is_a_part_of_it() {
    let inner = vec![json!({"kind": "Event"}); 50];
    let event = json!({"kind": "Event", "responseObject": {"items": inner}});
    let text = format!("{{\"items\":[]}}\n{event}\n");
    assert_eq!(decode(&text, 100, 7), text);
}

#[test]
fn all_but_the_elements_of_a_large_list_is_blank() {
    let event = json!({"kind": "Event"});
    let list = json!({"items": vec![&event; 20], "kind": "List", "metadata": {"a": "]}"}});
    for text in [
        list.to_string(),
        serde_json::to_string_pretty(&list).expect("JSON"),
    ] {
        let decoded = decode(&format!("{text}\n{text}\n"), 100, 50);
        assert_eq!(values(&decoded), vec![event.clone(); 40], "{decoded}");
    }
}

proptest! {
    #[test]
    fn the_elements_of_large_lists_are_documents(
        lists in prop::collection::vec(prop::collection::vec(hostile::event(), 0..6), 1..4),
        limit in 1..4_000_usize,
        gives in 1..500_usize,
        shape in 0..4_u8,
    ) {
        let mut text = String::new();
        for events in &lists {
            let list = match shape {
                0 => json!({"kind": "EventList", "items": events}),
                1 => json!({"apiVersion": "v1", "items": events, "kind": "EventList", "z": {"[": "]}{"}}),
                2 => json!({"records": events}),
                _ => json!({"hits": {"hits": events, "total": 3}, "took": 1}),
            };
            let list = match gives % 2 {
                0 => list.to_string(),
                _ => serde_json::to_string_pretty(&list).expect("JSON"),
            };
            text += &format!("{list}\n");
        }
        let decoded = decode(&text, limit, gives);
        prop_assert_eq!(decoded.len(), text.len());
        let found = values(&decoded);
        let all: Vec<&Value> = found.iter().flat_map(|it| {
            let list = ["/items", "/records", "/hits/hits"].iter().find_map(|path| it.pointer(path)?.as_array());
            list.map_or_else(|| vec![it], |list| list.iter().collect())
        }).collect();
        prop_assert_eq!(all, lists.iter().flatten().collect::<Vec<_>>());
    }
}
