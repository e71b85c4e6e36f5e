//! Bulk requests of which some items are refused.

use bytes::Bytes;
use serde_json::{Value, json};

use super::act::Items;

/// The parts of a bulk request: an action, and a document where it has one.
struct Part<'a> {
    lines: Vec<&'a [u8]>,
    kind: String,
    index: Value,
    id: Value,
}

/// A bulk request without the refused items, and how to answer for them.
pub(super) struct Divided {
    /// What is passed on; empty if every item is refused.
    pub(super) request: Bytes,
    /// The answers of the refused items, each with its place.
    refused: Vec<(usize, Value)>,
    replace: bool,
}

/// Takes the refused items out of a request, unless they are to be written all the same.
pub(super) fn divide(request: &Bytes, items: &Items) -> Divided {
    let parts = parts(request);
    let refused = parts
        .iter()
        .enumerate()
        .filter(|(number, _)| items.hit(*number))
        .map(|(number, part)| (number, refusal(part, items.status)))
        .collect();
    let kept = parts
        .iter()
        .enumerate()
        .filter(|(number, _)| items.done || !items.hit(*number));
    let mut passed_on = Vec::new();
    for line in kept.flat_map(|(_, part)| &part.lines) {
        passed_on.extend_from_slice(line);
        passed_on.push(b'\n');
    }
    Divided {
        request: Bytes::from(passed_on),
        refused,
        replace: items.done,
    }
}

impl Divided {
    /// The answer to the whole request, made from the server's answer to the rest of it.
    pub(super) fn complete(&self, answer: Option<&[u8]>) -> Option<Value> {
        let mut answer: Value = match answer {
            Some(answer) => serde_json::from_slice(answer).ok()?,
            None => json!({"took": 0, "items": []}),
        };
        let items = answer.get_mut("items")?.as_array_mut()?;
        for (number, refusal) in &self.refused {
            if self.replace {
                *items.get_mut(*number)? = refusal.clone();
            } else {
                items.insert((*number).min(items.len()), refusal.clone());
            }
        }
        if !self.refused.is_empty() {
            answer["errors"] = json!(true);
        }
        Some(answer)
    }
}

fn parts(request: &[u8]) -> Vec<Part<'_>> {
    let mut lines = request
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let mut parts = Vec::new();
    while let Some(line) = lines.next() {
        let action: Value = serde_json::from_slice(line).unwrap_or_default();
        let action = action.as_object().and_then(|action| action.iter().next());
        let Some((kind, target)) = action else {
            continue;
        };
        let document = if kind == "delete" { None } else { lines.next() };
        parts.push(Part {
            lines: [line].into_iter().chain(document).collect(),
            kind: kind.clone(),
            index: target["_index"].clone(),
            id: target["_id"].clone(),
        });
    }
    parts
}

/// The answer of one item as the servers word it.
fn refusal(part: &Part<'_>, status: u16) -> Value {
    let kind = match status {
        400 => "document_parsing_exception",
        403 => "security_exception",
        409 => "version_conflict_engine_exception",
        429 => "es_rejected_execution_exception",
        _ => "unavailable_shards_exception",
    };
    json!({ (&part.kind): {
        "_index": part.index, "_id": part.id, "status": status,
        "error": {"type": kind, "reason": "canary"},
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = concat!(
        r#"{"create":{"_index":"i","_id":"a"}}"#,
        "\n{\"n\":1}\n",
        r#"{"create":{"_index":"i","_id":"b"}}"#,
        "\n{\"n\":2}\n",
        r#"{"create":{"_index":"i","_id":"c"}}"#,
        "\n{\"n\":3}\n",
    );

    fn told(answer: &Value) -> Vec<(String, u64)> {
        let items = answer["items"].as_array().expect("there are items");
        let tell = |item: &Value| {
            let item = &item["create"];
            let id = item["_id"].as_str().expect("an id").to_owned();
            (id, item["status"].as_u64().expect("a status"))
        };
        items.iter().map(tell).collect()
    }

    fn created(ids: &[&str]) -> Vec<u8> {
        let items: Vec<_> = ids
            .iter()
            .map(|id| json!({"create": {"_index": "i", "_id": id, "status": 201}}))
            .collect();
        json!({"errors": false, "items": items}).to_string().into()
    }

    fn expected(rows: [(&str, u64); 3]) -> Vec<(String, u64)> {
        rows.map(|(id, status)| (id.to_owned(), status)).to_vec()
    }

    #[test]
    fn a_refused_item_does_not_reach_the_server_and_is_answered_in_its_place() {
        let divided = divide(&Bytes::from_static(REQUEST.as_bytes()), &Items::nth(1, 429));
        let passed_on = String::from_utf8_lossy(&divided.request).into_owned();
        assert!(!passed_on.contains("\"b\"") && passed_on.ends_with("{\"n\":3}\n"));
        let answer = divided.complete(Some(&created(&["a", "c"]))).expect("JSON");
        assert_eq!(
            told(&answer),
            expected([("a", 201), ("b", 429), ("c", 201)])
        );
        assert_eq!(answer["errors"], true);
    }

    #[test]
    fn an_item_can_be_written_although_it_is_answered_otherwise() {
        let items = Items::every(2, 503).although_done();
        let divided = divide(&Bytes::from_static(REQUEST.as_bytes()), &items);
        assert_eq!(divided.request, REQUEST);
        let answer = divided.complete(Some(&created(&["a", "b", "c"])));
        let answer = answer.expect("JSON");
        assert_eq!(
            told(&answer),
            expected([("a", 503), ("b", 201), ("c", 503)])
        );
    }

    #[test]
    fn nothing_is_left_to_pass_on_where_every_item_is_refused() {
        let divided = divide(
            &Bytes::from_static(REQUEST.as_bytes()),
            &Items::every(1, 400),
        );
        assert_eq!(divided.request, "");
        let answer = divided.complete(None).expect("JSON");
        assert_eq!(
            told(&answer),
            expected([("a", 400), ("b", 400), ("c", 400)])
        );
    }
}
