use serde_json::json;

use crate::local::shown::Shown;

/// The documents and the number of other lines of a text, where the event is written `@`.
fn show(text: &str) -> (Vec<String>, usize) {
    let event = json!({"kind": "Event", "auditID": "a", "requestURI": "/x{\"y\":}"}).to_string();
    let shown = Shown::of(&text.replace('@', &event));
    let documents = shown.documents.iter();
    let documents = documents
        .map(|(line, text)| {
            let text = String::from_utf8_lossy(text).replace(&event, "@");
            format!("{line}: {}", text.trim_end())
        })
        .collect();
    (documents, shown.texts.len())
}

#[test]
fn text_before_an_event_is_skipped() {
    for prefix in [
        "2026-11-01T10:00:01.1Z stdout F ",
        "<134>Nov  1 10:00:01 host apiserver[1]: ",
        "<134>1 2026-11-01T10:00:01Z host apiserver - - - ",
        "<134>1 2026-11-01T10:00:01Z host apiserver 1 ID47 [origin x=\"{y\"] \u{feff}",
        "317 <134>1 2026-11-01T10:00:01Z host apiserver - - - ",
        "Nov 01 10:00:01 host apiserver[1]: ",
        "[pod/kube-apiserver-a/kube-apiserver] ",
        "2026-11-01T10:00:01.1Z ",
        "audit {host=a}: ",
        "\0\0\0\0",
        "\u{1e}",
        "\u{feff}",
        "\t",
    ] {
        let (documents, _) = show(&format!("{prefix}@\n\n{prefix}@\r\n{prefix}@"));
        assert_eq!(documents, ["1: @", "3: @", "4: @"], "{prefix}");
    }
}

#[test]
fn events_need_no_line_of_their_own_behind_text() {
    let (documents, _) = show("41 <134>1 - h a - - - @41 <134>1 - h a - - - @");
    assert_eq!(documents, ["1: @", "1: @"]);
    assert_eq!(show("[@, null, \"odd\", 7, @]").0, ["1: @", "1: @"]);
}

#[test]
fn lines_of_other_logs_are_no_documents() {
    let lines = [
        "I1101 10:00:02.100000       1 trace.go:236] Trace[1]: \"Update\" (total time: 1ms):",
        "W1101 10:00:02.1 1 logging.go:59] [core] connect to {Addr: \"127.0.0.1:2379\", }. Err: x",
        "2026-11-01T10:00:02.1Z stderr F I1101 10:00:02.1 1 http.go:1] \"HTTP\" body={\"kind\":\"Status\"}",
        "level=info msg=started config={\"port\":1}",
        "plain text",
        "null",
    ];
    for line in lines {
        let (documents, texts) = show(&format!("@\n{line}\n@\n"));
        assert_eq!(
            (documents, texts),
            (vec!["1: @".into(), "3: @".into()], 1),
            "{line}"
        );
    }
}

#[test]
fn what_may_be_a_part_of_a_document_is_one() {
    for line in [
        "{\"kind\":\"Event\",\"auditID\":\"a\",",
        "\"code\":201}}",
        "xx\",\"requestObject\":@}",
        "\"x\":@",
        "2026-11-01T10:00:01.1Z stdout F {\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\"",
    ] {
        let (documents, texts) = show(&format!("{line}\n@\n"));
        assert_eq!((documents.len(), texts), (2, 0), "{line}: {documents:?}");
        assert_eq!(documents[1], "2: @");
        assert_ne!(documents[0], "1: @", "{line}");
    }
}

#[test]
fn a_nul_or_a_record_separator_ends_what_is_torn() {
    let torn = "{\"kind\":\"Event\",\"auditID\":\"a\",";
    for separator in ["\0\0\0\0", "\u{1e}", "\n\u{1e}"] {
        let (documents, _) = show(&format!("{torn}{separator}@\n"));
        assert_eq!(documents.len(), 2);
        assert!(documents[1].ends_with(": @"), "{documents:?}");
    }
}
