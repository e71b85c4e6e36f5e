//! The many ways to write one JSON value, for tests.

use serde_json::Value;

use crate::detect::chance::Chance;

/// Writes a value as usual, or with blanks, escapes, and repeated names whose last value counts,
/// here and there. The members of the value itself are always named as usual.
pub fn spell(chance: &mut Chance, value: &Value) -> String {
    if chance.percent(50) {
        return value.to_string();
    }
    let mut text = String::new();
    write(chance, &mut text, value, true);
    text
}

fn write(chance: &mut Chance, text: &mut String, value: &Value, is_root: bool) {
    match value {
        Value::Object(members) => {
            text.push('{');
            for (number, (name, value)) in members.iter().enumerate() {
                text.push_str(if number > 0 { "," } else { "" });
                if !is_root && chance.percent(1) {
                    text.push_str(&format!("{}:\"get\",", Value::from(name.as_str())));
                }
                blanks(chance, text);
                string(chance, text, name, !is_root);
                blanks(chance, text);
                text.push(':');
                blanks(chance, text);
                write(chance, text, value, false);
                blanks(chance, text);
            }
            text.push('}');
        }
        Value::Array(elements) => {
            text.push('[');
            for (number, element) in elements.iter().enumerate() {
                text.push_str(if number > 0 { "," } else { "" });
                write(chance, text, element, false);
                blanks(chance, text);
            }
            text.push(']');
        }
        Value::String(content) => string(chance, text, content, true),
        scalar => text.push_str(&scalar.to_string()),
    }
}

/// A string, in which some characters may be written as their codes.
fn string(chance: &mut Chance, text: &mut String, content: &str, may_be_odd: bool) {
    let codes = if may_be_odd && chance.percent(2) {
        30
    } else {
        0
    };
    text.push('"');
    for character in content.chars() {
        let usual = Value::from(character.to_string()).to_string();
        match u32::from(character) {
            code @ ..0xd800 if chance.percent(codes) => text.push_str(&format!("\\u{code:04x}")),
            _ => text.push_str(&usual[1..usual.len() - 1]),
        }
    }
    text.push('"');
}

fn blanks(chance: &mut Chance, text: &mut String) {
    if chance.percent(2) {
        text.push_str(chance.one_of::<&str>(&[" ", "\n", "\t\r", "  "]));
    }
}
