use std::io::BufReader;

use proptest::prelude::*;

use super::*;

/// The documents of a text as `line: text`, read by a reader that hands out few bytes at a time.
fn split(text: &str) -> Vec<String> {
    Documents::new(BufReader::with_capacity(3, text.as_bytes()), "audit.log")
        .map(|document| document.expect("memory can be read"))
        .map(|document| {
            let text = String::from_utf8_lossy(&document.source);
            format!("{}: {}", document.id, text.trim_end())
        })
        .collect()
}

#[test]
fn each_line_is_a_document() {
    assert_eq!(
        split("{\"a\":1}\n\n{\"b\":{}}"),
        ["1: {\"a\":1}", "3: {\"b\":{}}"]
    );
}

#[test]
fn a_document_may_span_lines() {
    assert_eq!(
        split("{\n  \"a\": [\n    {}\n  ]\n}\n{\"b\":1}\n"),
        ["1: {\n  \"a\": [\n    {}\n  ]\n}", "6: {\"b\":1}"]
    );
}

#[test]
fn the_elements_of_an_array_are_documents() {
    assert_eq!(
        split("[{\"a\":1},{\"b\":2}]\n"),
        ["1: {\"a\":1}", "1: {\"b\":2}"]
    );
    assert_eq!(
        split("[\n  {\"a\":1},\n  {\"b\":2}\n]\n"),
        ["2: {\"a\":1}", "3: {\"b\":2}"]
    );
}

#[test]
fn braces_and_quotes_within_strings_are_text() {
    assert_eq!(
        split(r#"{"a":"}\"{"}{"b":"\\"}"#),
        [r#"1: {"a":"}\"{"}"#, r#"1: {"b":"\\"}"#]
    );
}

#[test]
fn a_broken_document_spoils_nothing_but_itself() {
    assert_eq!(
        split(
            "{\"a\":\"cut off\n{\"b\":1}\n{\"c\":{\n{\"d\":1}\nno json \"at\" all\n{\"e\":1}\n{\"f\":"
        ),
        [
            "1: {\"a\":\"cut off",
            "2: {\"b\":1}",
            "3: {\"c\":{",
            "4: {\"d\":1}",
            "5: no json \"at\" all",
            "6: {\"e\":1}",
            "7: {\"f\":",
        ]
    );
}

#[test]
fn an_endless_document_takes_bounded_memory() {
    let text = format!("{{\"a\":\"{}\"}}\n{{\"b\":1}}\n", "x".repeat(KEPT));
    let documents: Vec<_> = Documents::new(text.as_bytes(), "audit.log")
        .map(|document| document.expect("memory can be read").source.len())
        .collect();
    assert_eq!(documents, [KEPT, "{\"b\":1}".len()]);
}

proptest! {
    #[test]
    fn every_json_object_is_found_whole(
        texts in prop::collection::vec(any::<(String, bool)>(), 0..8)
    ) {
        let values: Vec<_> =
            texts.iter().map(|(text, flag)| serde_json::json!({"t": [text], "f": {"g": flag}})).collect();
        for pretty in [false, true] {
            let stream: String = values.iter().map(|value| {
                let text = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
                text.expect("JSON") + "\n"
            }).collect();
            let found: Vec<serde_json::Value> = Documents::new(stream.as_bytes(), "x")
                .map(|document| serde_json::from_slice(&document.expect("memory").source).expect("whole"))
                .collect();
            prop_assert_eq!(&found, &values);
        }
    }
}
