use serde_json::{Value, json};

use super::*;

fn rewrite(mut rewriter: impl Rewrite, text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for line in text.lines() {
        rewriter.line(line.as_bytes(), &mut out);
        out.push(b'\n');
    }
    rewriter.end(&mut out);
    let text = String::from_utf8(out).expect("it is text");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn parts_of_cri_lines_are_joined_for_each_stream() {
    let log = "\
2026-11-01T10:00:01.1Z stdout P {\"a\":\"x
2026-11-01T10:00:01.1Z stderr P I1101 10:0
2026-11-01T10:00:01.1Z stdout P y\",
2026-11-01T10:00:01.1Z stderr F 0:00 x
2026-11-01T10:00:01.1+01:00 stdout F:tag \"b\":1}
2026-11-01T10:00:01.1Z stdout F {\"c\":1}
no line of a container
2026-11-01T10:00:01.1Z stdout P {\"d\":";
    assert_eq!(
        rewrite(Cri::default(), log),
        [
            "",
            "",
            "",
            "stderr",
            "{\"a\":\"xy\",\"b\":1}",
            "{\"c\":1}",
            "no line of a container",
            "",
            "{\"d\":",
        ]
    );
}

#[test]
fn audit_events_on_standard_error_are_kept() {
    let event = "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\"}";
    let log = format!("2026-11-01T10:00:01Z stderr F {event}");
    assert_eq!(rewrite(Cri::default(), &log), [event]);
}

#[test]
fn the_end_of_a_line_that_began_in_another_file_is_no_list() {
    let log = "2026-11-01T10:00:01Z stdout F [{\"kind\":\"Event\"}]}}\n2026-11-01T10:00:01Z stdout F [{}]";
    assert_eq!(
        rewrite(Cri::default(), log),
        [":[{\"kind\":\"Event\"}]}}", "[{}]"]
    );
    let log = "2026-11-01T10:00:01Z stdout F {\"kind\":\"Event\"},\"a\":1}\n2026-11-01T10:00:01Z stdout F {}";
    assert_eq!(
        rewrite(Cri::default(), log),
        [":{\"kind\":\"Event\"},\"a\":1}", "{}"]
    );
}

/// Lines as Docker writes them of a text, which is cut into such parts.
fn docker(text: &str, size: usize, stream: &str) -> String {
    let parts = text.as_bytes().chunks(size);
    parts
        .map(|part| {
            let part = str::from_utf8(part).expect("ASCII");
            format!(
                "{}\n",
                json!({"log": part, "stream": stream, "time": "2026-11-01T10:00:01Z"})
            )
        })
        .collect()
}

#[test]
fn parts_of_dockers_lines_are_joined() {
    let event = json!({"kind": "Event", "text": "\"\\\u{7f}".repeat(40)});
    let log = format!(
        "{}{}",
        docker(&format!("{event}\n"), 50, "stdout"),
        docker("{\"a\":1}\n", 50, "stdout")
    );
    let lines = rewrite(Docker::default(), &log);
    assert_eq!(lines.len(), log.lines().count());
    let logs: Vec<String> = lines
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| {
            serde_json::from_str::<Value>(line).expect("JSON")["log"]
                .as_str()
                .expect("text")
                .to_owned()
        })
        .collect();
    assert_eq!(logs, [format!("{event}\n"), "{\"a\":1}\n".to_owned()]);
}

#[test]
fn parts_that_never_end_take_no_whole_line_along() {
    let log = format!(
        "{}{}",
        docker("{\"kind\":\"Event\",", 50, "stdout"),
        docker("{\"a\":1}\n", 50, "stdout")
    );
    let lines = rewrite(Docker::default(), &log);
    assert_eq!(lines[0], "");
    assert!(
        lines[1].starts_with("{\"log\":\"{\\\"kind\\\":\\\"Event\\\",\"}{\"log\":"),
        "{lines:?}"
    );
}

#[test]
fn whole_lines_without_an_end_are_not_joined() {
    let log = "{\"stream\":\"stdout\",\"log\":\"{\\\"a\\\":1}\"}\n{\"log\": \"{}\", \"stream\": \"stdout\"}";
    assert_eq!(
        rewrite(Docker::default(), log),
        log.lines().collect::<Vec<_>>()
    );
}
