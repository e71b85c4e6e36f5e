//! Files and streams as log collectors leave them: whatever stands around an event, it is found.

use std::fs;

use serde_json::{Value, json};

use super::{Ran, run, run_with};

/// An `exec` into a pod, which the built-in rules find.
fn exec(id: u32) -> Value {
    json!({
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "RequestResponse",
        "auditID": format!("a-{id}"),
        "stage": "ResponseComplete",
        "verb": "get",
        "requestURI": "/api/v1/namespaces/shop/pods/web-0/exec?command=id&container=web",
        "user": {"username": "alice", "groups": ["dev"]},
        "sourceIPs": ["203.0.113.9"],
        "objectRef": {"resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web-0"},
        "responseStatus": {"code": 101},
        "annotations": {"authorization.k8s.io/decision": "allow"},
        "requestReceivedTimestamp": "2026-11-23T07:00:00.123456Z",
    })
}

fn scan(input: &[u8]) -> Ran {
    run_with(&["scan", "-o", "json", "-"], input)
}

/// The ids of the events that are alerted.
fn alerted(ran: &Ran) -> Vec<String> {
    let documents = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    documents
        .map(|alert: Value| {
            let id = alert.pointer("/kubernetes/audit/auditID").expect("an id");
            id.as_str().expect("text").to_owned()
        })
        .collect()
}

fn utf_16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

/// The parts of a line as a container runtime writes them.
fn cri(text: &str, size: usize) -> String {
    let parts: Vec<_> = text.as_bytes().chunks(size).collect();
    let last = parts.len() - 1;
    let lines = parts.iter().enumerate().map(|(at, part)| {
        let tag = if at == last { "F" } else { "P" };
        let part = str::from_utf8(part).expect("ASCII");
        format!("2026-11-01T10:00:01.123456789Z stdout {tag} {part}\n")
    });
    lines.collect()
}

fn docker(text: &str, size: usize) -> String {
    let text = format!("{text}\n");
    let parts = text.as_bytes().chunks(size);
    parts
        .map(|part| {
            let part = str::from_utf8(part).expect("ASCII");
            format!(
                "{}\n",
                json!({"log": part, "stream": "stdout", "time": "2026-11-01T10:00:01Z"})
            )
        })
        .collect()
}

#[test]
fn events_are_found_in_the_log_of_any_collector() {
    let (one, two) = (exec(1).to_string(), exec(2).to_string());
    let prefixed = |prefix: &str| format!("{prefix}{one}\n{prefix}{two}\n").into_bytes();
    let klog = "2026-11-01T10:00:01Z stderr F I1101 10:00:01.1 1 trace.go:1] \"Trace\" {x: 1}\n";
    let text = format!("\u{feff}{one}\r\n{two}\r\n");
    let inputs: Vec<(&str, Vec<u8>)> = vec![
        (
            "CRI",
            format!("{}{klog}{}", cri(&one, 9_999), cri(&two, 9_999)).into(),
        ),
        (
            "CRI in parts",
            format!("{}{klog}{}", cri(&one, 100), cri(&two, 77)).into(),
        ),
        (
            "CRI behind klog",
            format!("{klog}{}{}", cri(&one, 9_999), cri(&two, 100)).into(),
        ),
        (
            "Docker",
            format!("{}{}", docker(&one, 9_999), docker(&two, 9_999)).into(),
        ),
        (
            "Docker in parts",
            format!("{}{}", docker(&one, 100), docker(&two, 77)).into(),
        ),
        (
            "syslog",
            prefixed("<134>Nov  1 10:00:01 host apiserver[1]: "),
        ),
        (
            "syslog 5424",
            prefixed("<134>1 2026-11-01T10:00:01Z host apiserver - - - "),
        ),
        (
            "octets",
            format!("9 <134>1 - h a - - - {one}9 <134>1 - h a - - - {two}").into(),
        ),
        (
            "journald",
            prefixed("Nov 01 10:00:01 host kube-apiserver[1]: "),
        ),
        (
            "kubectl logs --prefix",
            prefixed("[pod/kube-apiserver-a/kube-apiserver] "),
        ),
        (
            "kubectl logs --timestamps",
            prefixed("2026-11-01T10:00:01.1Z "),
        ),
        ("PowerShell", utf_16(&text, u16::to_le_bytes)),
        ("UTF-16 BE", utf_16(&text, u16::to_be_bytes)),
        ("UTF-8 with a mark", text.into()),
        ("copytruncate", prefixed(&"\0".repeat(300_000))),
        ("RFC 7464", prefixed("\u{1e}")),
        (
            "list",
            json!({"kind": "EventList", "items": [exec(1), exec(2)]})
                .to_string()
                .into(),
        ),
        (
            "list in lines",
            format!("{{\"items\":[\n{one},\n{two}\n]}}\n").into(),
        ),
    ];
    for (name, input) in inputs {
        let ran = scan(&input);
        assert_eq!(alerted(&ran), ["a-1", "a-2"], "{name}: {}", ran.err);
        assert!(!ran.err.contains("rejected"), "{name}: {}", ran.err);
    }
}

#[test]
fn lists_of_any_size_are_read_element_by_element() {
    let mut events: Vec<_> = (0..278).map(exec).collect();
    for event in &mut events {
        event["requestObject"] = json!({"pad": "x".repeat(31_000)});
    }
    let list = json!({"apiVersion": "v1", "items": events, "kind": "List", "metadata": {}});
    let pretty = serde_json::to_string_pretty(&list).expect("JSON");
    for input in [
        list.to_string(),
        pretty,
        json!({"records": events}).to_string(),
        json!(events).to_string(),
    ] {
        assert!(input.len() > 8 * 1024 * 1024);
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        fs::write(file.path(), &input).expect("a file can be written");
        let ran = run(&["scan", "-o", "json", &file.path().to_string_lossy()]);
        assert_eq!(alerted(&ran).len(), 278);
        assert_eq!(ran.err, "278 events, 278 alerts of 1 rule (278 medium)\n");
    }
}

#[test]
fn a_torn_line_does_not_take_the_next_event_along() {
    let torn = exec(1).to_string();
    for cut in [3, 20, 90, 200, 400] {
        for glue in ["", "\n", "2026-11-01T10:00:01Z stdout F "] {
            let input = format!("{}{glue}{}\n{}\n", &torn[..cut], exec(2), exec(3));
            let alerted = alerted(&scan(input.as_bytes()));
            assert!(
                alerted.ends_with(&["a-2".into(), "a-3".into()]),
                "{input}: {alerted:?}"
            );
        }
    }
}

#[test]
fn an_event_written_into_a_body_is_no_event() {
    let mut event = exec(1);
    event["requestObject"] = json!({"spec": {"inner": exec(2), "text": exec(2).to_string()}});
    let text = event.to_string();
    let end = text.find(",\"text\"").expect("it has a text");
    for input in [
        text.clone(),
        format!("{}\n{}\n", &text[..end], exec(3)),
        text[end..].to_owned(),
    ] {
        let ran = scan(input.as_bytes());
        assert!(
            !alerted(&ran).contains(&"a-2".to_owned()),
            "{input}: {}",
            ran.out
        );
    }
}

#[test]
fn lines_of_other_text_are_counted_and_do_not_fail_a_gate() {
    let input = format!(
        "I1101 10:00:01.1 1 trace.go:1] x {{a: 1}}\nplain\n{}\n",
        exec(1)
    );
    let ran = run_with(&["scan", "--fail-on", "critical", "-"], input.as_bytes());
    assert_eq!(ran.code, Some(0));
    assert_eq!(
        ran.err,
        "1 event, 1 alert of 1 rule (1 medium), 2 lines of other text skipped\n"
    );
}

#[test]
fn a_gate_does_not_pass_over_what_was_not_read() {
    let input = format!("{}\n{{\"kind\": \n", exec(1));
    let ran = run_with(&["scan", "--fail-on", "high", "-"], input.as_bytes());
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(
        ran.err
            .ends_with("--fail-on cannot pass over what was not read\n"),
        "{}",
        ran.err
    );
    let found = run_with(&["scan", "--fail-on", "medium", "-"], input.as_bytes());
    assert_eq!(found.code, Some(1));
    let no_gate = run_with(&["scan", "-"], input.as_bytes());
    assert_eq!(no_gate.code, Some(0));
}

#[test]
fn an_input_without_events_is_an_error() {
    for input in ["", "\n\n", "{}\n", "plain text\n", "[]"] {
        let ran = run_with(&["scan", "-"], input.as_bytes());
        assert_eq!(ran.code, Some(2), "{input}");
        assert!(
            ran.err.contains("the input holds no audit events"),
            "{}",
            ran.err
        );
    }
    assert_eq!(run(&["scan", "/dev/null"]).code, Some(2));
}
