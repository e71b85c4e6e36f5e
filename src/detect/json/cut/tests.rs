use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The part that was read, without marks.
fn read(text: &str) -> Option<Value> {
    let mut value = read_cut(text)?;
    assert!(take_marks(&mut value), "what is cut has a mark");
    Some(value)
}

#[test]
fn what_stands_before_the_cut_is_kept_and_a_scalar_at_the_cut_is_not() {
    for (text, expected) in [
        (r#"{"a":"b","c":"d"#, json!({"a": "b"})),
        (r#"{"a":"b","c":20"#, json!({"a": "b"})),
        (r#"{"a":"b","c":tru"#, json!({"a": "b"})),
        (r#"{"a":"b","c":-1.5e"#, json!({"a": "b"})),
        (r#"{"a":"b","c"#, json!({"a": "b"})),
        (r#"{"a":"b","#, json!({"a": "b"})),
        (
            r#"{"a":{"b":[1,{"c":2,"d":""#,
            json!({"a": {"b": [1, {"c": 2}]}}),
        ),
        (r#"{"a":"\u00"#, json!({})),
        (r#"[{"a":1},{"b":[2,3"#, json!([{"a": 1}, {"b": [2]}])),
    ] {
        assert_eq!(read(text), Some(expected), "{text}");
    }
}

#[test]
fn the_mark_of_whoever_cut_the_text_does_not_count() {
    for mark in [
        "...",
        "…",
        "...[truncated]",
        " [Truncated]",
        "<truncated 1234 bytes>",
        "... (truncated)",
        "[...]",
    ] {
        for before in [
            r#"{"a":"x...","b":"#,
            r#"{"a":"x...","b":"half"#,
            r#"{"a":"x...""#,
        ] {
            let text = format!("{before}{mark}");
            assert_eq!(read(&text), Some(json!({"a": "x..."})), "{text}");
        }
    }
}

#[test]
fn what_is_whole_or_no_json_is_not_cut() {
    for text in ["", "{}", "plain", r#"{"a":1} {"#, "\"a", "12"] {
        assert_eq!(read_cut(text), None, "{text}");
    }
}

#[test]
fn a_string_at_the_cut_may_be_asked_for() {
    for (text, expected) in [
        (r#"{"log":"{\"a\":\"b"#, r#"{"a":""#),
        (r#"{"log":"{\"a\":\"b\"#, r#"{"a":"b"#),
        (r#"{"log":"{\"a\":\"\u00e"#, r#"{"a":""#),
    ] {
        let mut value = read_cut_string(text).expect("it is cut");
        take_marks(&mut value);
        assert_eq!(value, json!({"log": expected}), "{text}");
    }
}

#[test]
fn what_a_caller_writes_before_the_cut_does_not_hide_it() {
    let deep = "[".repeat(100_000);
    for body in [r#"{"x":"\ud800","#, r#"{"x":1e999,"#, deep.as_str()] {
        let text = format!(r#"{{"verb":"patch","requestObject":{body}"#);
        let value = read(&text).unwrap_or_else(|| panic!("{:.60}", text));
        assert_eq!(value["verb"], "patch");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        r#"[a-z{}\[\]":,\\ é]{0,9}"#.prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec(("[a-z]{1,4}", inner), 0..5)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

/// True if a value is the other one with its end missing.
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part
            .iter()
            .all(|(name, value)| whole.get(name).is_some_and(|whole| is_part(value, whole))),
        (Value::Array(part), Value::Array(whole)) => {
            part.len() <= whole.len() && part.iter().zip(whole).all(|(a, b)| is_part(a, b))
        }
        (part, whole) => part == whole,
    }
}

proptest! {
    #[test]
    fn a_cut_at_any_byte_gives_a_part_of_the_whole(inner in value(), cut in 0_usize..400) {
        let whole = json!({"a": 1, "b": inner, "c": "end"});
        let text = whole.to_string();
        let cut = text.floor_char_boundary(cut.min(text.len() - 1));
        let read = read(&text[..cut]);
        prop_assert_eq!(read.is_some(), cut > 0, "{}", &text[..cut]);
        prop_assert!(read.is_none_or(|part| is_part(&part, &whole)), "{}", &text[..cut]);
    }

    #[test]
    fn no_text_makes_it_panic(text in r#"(\{|\}|\[|\]|"|:|,|\\|\\ud800|1e999|é|…|\.\.\.|tru|"a":){0,30}"#) {
        read_cut(&text);
        read_cut_string(&text);
    }
}
