//! The quick reader never differs from the general one, whatever holds the event, and whatever else
//! the document holds.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{random, random_rules, spell};
use crate::detect::{
    chance::Chance,
    document::Document,
    event::Event,
    layout::{KNOWN_PLACES, Layout, LayoutPath, Place},
    rule::{Match, Outcome},
    ruleset::{Matcher, RuleSet, Sight},
};

/// An event that is mostly one.
fn event(chance: &mut Chance) -> Value {
    let mut event = random::event(chance);
    if chance.percent(90) {
        event["auditID"] = "1".into();
    }
    if chance.percent(50) {
        event["kind"] = "Event".into();
        event["apiVersion"] = chance.one_of(&["audit.k8s.io/v1", "v1"]).to_owned().into();
    }
    event
}

/// Content of a place at which an event is looked for.
fn content(chance: &mut Chance) -> Value {
    match chance.below(12) {
        0 => json!({}),
        1 => "plain".into(),
        2 => json!([event(chance)]),
        3 => json!({"kind": "EventList", "items": [event(chance)]}),
        4 => json!({"level": "info", "file": {"path": "a"}}),
        5 => json!({"log": event(chance)}),
        6 => json!({"auditID": "2", "user_username": "a", "requestObject": event(chance)}),
        7..=8 => {
            let event = event(chance);
            spell(chance, &event).into()
        }
        _ => event(chance),
    }
}

fn put(document: &mut Map<String, Value>, path: &[&str], value: Value) {
    let [first, rest @ ..] = path else { return };
    if rest.is_empty() {
        document.insert((*first).to_owned(), value);
        return;
    }
    let child = document.entry(*first).or_insert_with(|| json!({}));
    if let Value::Object(child) = child {
        put(child, rest, value);
    }
}

fn flat(prefix: &str, value: &Value, document: &mut Map<String, Value>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let name = format!("{prefix}{name}");
        match value {
            Value::Object(_) => flat(&format!("{name}."), value, document),
            scalar if name.len() % 2 == 0 => drop(document.insert(name, json!([scalar]))),
            scalar => drop(document.insert(name, scalar.clone())),
        }
    }
}

/// A document with something at one place, and often at another.
fn document(chance: &mut Chance) -> Value {
    let mut document = Map::new();
    document.insert("@timestamp".to_owned(), "2026-11-01T00:00:00Z".into());
    for _ in 0..1 + chance.below(2) {
        let content = content(chance);
        match chance.below(18) {
            0 => match event(chance) {
                Value::Object(event) => document.extend(event),
                _ => unreachable!("an event is an object"),
            },
            1 | 7 => flat("kubernetes.audit.", &event(chance), &mut document),
            2 => flat("", &event(chance), &mut document),
            3 => put(&mut document, &["data", "event"], content),
            4 => put(&mut document, &["kubernetes.audit"], content),
            5 => put(&mut document, &["user_agent"], json!({"original": "a"})),
            6 => put(&mut document, &["theObjectRef"], json!("a")),
            _ => put(
                &mut document,
                chance.one_of::<&[&str]>(&KNOWN_PLACES),
                content,
            ),
        }
    }
    Value::Object(document)
}

/// Compares both readers; whether the quick one read the document.
fn compare(rules: &RuleSet, matcher: &mut Matcher<'_>, text: &str, place: Place<'_>) -> bool {
    let Some(sight) = matcher.look(text, place) else {
        return false;
    };
    let document = Document {
        index: String::new(),
        id: String::new(),
        time: None,
        source: Bytes::from(text.to_owned()),
        is_rebuilt: false,
    };
    let (events, rejections) = Event::read_each(&document, place);
    assert_eq!((events.len(), rejections.len()), (1, 0), "{place:?} {text}");
    assert!(!events[0].is_cut_off(), "{text}");
    let is_alert = |found: &Match<'_>| matches!(found.outcome, Outcome::Alert(_));
    let scanned = rules.matches_by_full_scan(&events[0]);
    let (alerts, quiet): (Vec<_>, Vec<_>) = scanned.into_iter().partition(is_alert);
    match sight {
        Sight::Loud => {
            // Exceptions about elements are left to the event itself.
            let about_elements = |found: &Match<'_>| {
                let mut exceptions = found.rule.exceptions().iter();
                exceptions.any(|exception| exception.list().is_some())
            };
            let is_loud = !alerts.is_empty() || quiet.iter().any(about_elements);
            assert!(is_loud, "{place:?} {text}");
        }
        Sight::Quiet(found) => {
            assert_eq!(alerts, [], "{place:?} {text}");
            assert_eq!(found, quiet, "{place:?} {text}");
        }
    }
    true
}

#[test]
fn a_look_at_a_document_equals_its_general_reading_in_every_layout() {
    let rules = RuleSet::new(random_rules(&mut Chance::new(7), 40));
    let mut matcher = Matcher::new(&rules);
    let layouts = [
        Layout::Auto,
        Layout::Raw,
        Layout::Elastic,
        Layout::Dotted,
        Layout::Wrapped,
    ];
    let paths: Vec<LayoutPath> = ["kubernetes.audit", "message", "data.event", "json"]
        .iter()
        .map(|path| path.parse().expect("a path"))
        .collect();
    let mut looked = [0; 6];
    for seed in 0..6_000 {
        let mut chance = Chance::new(seed);
        let document = document(&mut chance);
        let text = spell(&mut chance, &document);
        for (number, layout) in layouts.into_iter().enumerate() {
            let is_read = compare(&rules, &mut matcher, &text, layout.into());
            looked[number] += usize::from(is_read);
        }
        for path in &paths {
            let place = Place {
                layout: Layout::Auto,
                path: Some(path),
            };
            looked[5] += usize::from(compare(&rules, &mut matcher, &text, place));
        }
    }
    let [auto, raw, elastic, dotted, wrapped, _] = looked;
    let least = [auto / 10, raw, elastic, dotted, wrapped].into_iter().min();
    assert!(least > Some(20), "{looked:?} show little");
}
