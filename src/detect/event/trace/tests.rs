use serde_json::{Value, json};

use super::*;
use crate::detect::{
    chance::Chance,
    event::spelling::spell,
    json::{text, walk},
};

const NAMES: [&str; 3] = ["a", "aa", "x_-$.9"];

fn trace(path: &[&str]) -> Option<Trace> {
    let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
    Trace::of(path.iter())
}

fn value(chance: &mut Chance, depth: usize) -> Value {
    let most = if depth == 0 { 7 } else { 16 };
    match chance.below(most) {
        0 => json!(null),
        1 => json!(chance.percent(50)),
        2 => json!(chance.below(1000)),
        3 => json!([-3.0, 1.5, 1e300, 123_456.0][chance.below(4)]),
        4 => json!(["", "\"a\":true", "ü\\", "\"aa\"", "a\nb"][chance.below(5)]),
        5 | 6 => json!(chance.one_of(&NAMES)),
        7 => (0..chance.below(4))
            .map(|_| value(chance, depth - 1))
            .collect(),
        _ => {
            let members = (0..chance.below(5)).map(|_| {
                (
                    (*chance.one_of(&NAMES)).to_owned(),
                    value(chance, depth - 1),
                )
            });
            Value::Object(members.collect())
        }
    }
}

#[test]
fn a_trace_shows_whatever_is_there() {
    let mut chance = Chance::new(7);
    let (mut shown, mut absent) = (0, 0);
    for _ in 0..30_000 {
        let body = json!({"top": value(&mut chance, 5)});
        let source = spell(&mut chance, &body);
        let names: Vec<&str> = (0..=chance.below(3))
            .map(|_| *chance.one_of(&NAMES))
            .collect();
        let mut seen = Vec::new();
        let has_more = trace(&names)
            .expect("the names are plain")
            .visit(&source, &mut |value| seen.push(value.to_owned()));
        let path: Vec<&str> = std::iter::once("top").chain(names).collect();
        walk(&body, &path, &mut |end| {
            let is_shown = text(end).is_some_and(|text| seen.contains(&text.into_owned()));
            assert!(has_more || is_shown, "{path:?} of {source}");
            shown += usize::from(!has_more);
        });
        absent += usize::from(!has_more && seen.is_empty());
    }
    assert!(shown > 500, "{shown} values show little");
    assert!(absent > 10_000, "{absent} bodies were told apart");
}

#[test]
fn a_trace_tells_what_has_to_be_read() {
    let seen = |path: &[&str], text: &str| {
        let mut seen = Vec::new();
        let more = trace(path)
            .expect("the names are plain")
            .visit(text, &mut |value| seen.push(value.to_owned()));
        (seen.join(" "), more)
    };
    let path = ["hostPath", "path"];
    for (text, expected) in [
        (r#"{"volumes":[{"emptyDir":{}}]}"#, ("", false)),
        (r#"{"path":"/"}"#, ("", false)),
        (r#"{"f:hostPath":{"path":"/"}}"#, ("", false)),
        (r#"{"note":"{\"hostPath\":{\"path\":\"/\"}}"}"#, ("", false)),
        (
            r#"{"hostPath":{"path" : "/etc"},"path":7}"#,
            ("/etc 7", false),
        ),
        (r#"{"hostPath":{"path":"","note":"\u003e"}}"#, ("", false)),
        (r#"{"hostPath":{"path":"\/"}}"#, ("", true)),
        (r#"{"hostPath":{"path":["/"]}}"#, ("", true)),
        (r#"{"hostPath":{"path":1.0}}"#, ("", true)),
        (r#"{"hostP\u0061th":{"path":"/"}}"#, ("", true)),
    ] {
        let (values, more) = expected;
        assert_eq!(seen(&path, text), (values.to_owned(), more), "{text}");
    }
}

#[test]
fn names_that_can_be_written_in_several_ways_have_no_trace() {
    assert!(trace(&[]).is_none());
    for name in ["kubernetes.io/os", "ü", "a\\b"] {
        assert!(trace(&["nodeSelector", name]).is_none(), "{name}");
    }
}
