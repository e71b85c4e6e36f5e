//! `examples/audit.jsonl`: what the built-in rules find in it. `tests/record` recorded it.

use std::fs;

use k8scop::detect::{alert::Alert, definition::Severity};

use crate::pack;

fn example() -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/audit.jsonl");
    fs::read_to_string(file).expect("the example is there")
}

fn user(alert: &Alert) -> &str {
    alert.document["user"]["name"].as_str().unwrap_or_default()
}

#[test]
fn the_example_is_short_enough_to_read() {
    let log = example();
    assert!(
        (300..=600).contains(&log.lines().count()),
        "{} events",
        log.lines().count()
    );
    assert!(log.len() < 700 * 1024, "{} bytes", log.len());
}

#[test]
fn the_built_in_rules_tell_the_story_of_the_intruder() {
    let alerts = pack::alerts(&example());
    let intruder = |alert: &&Alert| ["mallory", "system:anonymous"].contains(&user(alert));
    let story: Vec<_> = alerts
        .iter()
        .filter(intruder)
        .map(|alert| format!("{:?} {}", alert.severity, text(alert)))
        .collect();
    insta::assert_snapshot!(story.join("\n"));
}

#[test]
fn ordinary_people_and_programs_make_no_alert_above_low() {
    let alerts = pack::alerts(&example());
    let ordinary = alerts
        .iter()
        .filter(|a| !["mallory", "system:anonymous"].contains(&user(a)));
    let loud: Vec<_> = ordinary
        .filter(|a| a.severity > Severity::Low)
        .map(text)
        .collect();
    assert_eq!(loud, [] as [&str; 0]);
}

fn text(alert: &Alert) -> &str {
    alert.document["message"].as_str().unwrap_or_default()
}
