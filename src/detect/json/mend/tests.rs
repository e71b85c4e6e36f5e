use proptest::prelude::*;
use serde_json::{Value, json, value::RawValue};

use super::super::{DEPTH_LIMIT, parse};

/// Texts that are valid JSON, or nearly.
fn text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        r#"-?[0-9]{1,3}(\.[0-9]{1,2})?([eE][+-]?[0-9]{1,4})?"#,
        r#""([a-z\[\]{}:,]|\\(u[dD][89a-fA-F][0-9a-f]{2}|u00e9|[\\"/bn])){0,6}""#,
        Just("null".to_owned()),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let member = (r#"[a-c]|\\u[dD][89a-f]00"#, inner.clone())
            .prop_map(|(name, value)| format!(r#""{name}":{value}"#));
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(|all| format!("[{}]", all.join(","))),
            proptest::collection::vec(member, 0..4)
                .prop_map(|all| format!("{{ {} }}", all.join(" , "))),
        ]
    })
}

fn nested(depth: usize, inner: &str) -> String {
    format!("{}{inner}{}", "[".repeat(depth), "]".repeat(depth))
}

proptest! {
    #[test]
    fn whatever_is_valid_json_is_read(text in text(), depth in 0_usize..100) {
        let text = nested(depth, &text);
        let is_valid = serde_json::from_str::<&RawValue>(&text).is_ok();
        prop_assert_eq!(parse(text.as_bytes()).is_ok(), is_valid, "{}", text);
    }

    #[test]
    fn what_the_parser_reads_is_not_changed(text in text()) {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            let mended: Value = serde_json::from_str(&super::mend(&text)).expect("it is valid");
            prop_assert_eq!(mended, value);
        }
    }

    #[test]
    fn halves_of_pairs_are_replaced_as_in_any_text_of_sixteen_bit_units(
        units in proptest::collection::vec(prop_oneof![0xd7f0_u16..0xe010, any::<u16>()], 0..8),
    ) {
        let escapes: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
        let read = parse(format!("\"{escapes}\"").as_bytes()).expect("it is valid");
        prop_assert_eq!(read, Value::from(String::from_utf16_lossy(&units)));
    }
}

#[test]
fn numbers_beyond_double_precision_are_read_as_text() {
    let read = parse(br#"{"a": [1e999, -2E+400, 1e-999, 1e308]}"#).expect("it is valid");
    assert_eq!(read, json!({"a": ["1e999", "-2E+400", 0.0, 1e308]}));
}

#[test]
fn bytes_that_are_not_utf_8_are_read_as_the_replacement_character() {
    let read = parse(b"{\"a\": \"b\xff\xfe\"}").expect("the rest is valid");
    assert_eq!(read, json!({"a": "b\u{fffd}\u{fffd}"}));
}

#[test]
fn what_is_deeper_than_the_limit_is_read_as_null() {
    let inner = r#"{"a":["]",{"b":"}"}]}"#;
    let read = parse(nested(DEPTH_LIMIT, inner).as_bytes()).expect("it is valid");
    assert_eq!(read.to_string(), nested(DEPTH_LIMIT, "null"));
    let hostile = format!("{{\"a\":{},\"b\":1}}", nested(100_000, ""));
    let read = parse(hostile.as_bytes()).expect("it is valid");
    assert_eq!(read["b"], 1);
}

#[test]
fn what_is_not_json_stays_refused() {
    for broken in [
        r#"{"a":"\ud80"}"#,
        r#"{"a":"\udcgg"}"#,
        r#"["\ud800"#,
        "[1e999",
        "[01e999]",
        &nested(100, "1 2"),
        &"[".repeat(100_000),
    ] {
        assert!(parse(broken.as_bytes()).is_err(), "{broken:.20}");
    }
}
