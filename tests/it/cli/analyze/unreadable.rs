//! `analyze` where there is little to read.

use k8scop_testbed::Flavor;
use serde_json::json;

use super::{Ran, Server};

const RULES: [&str; 3] = ["--no-builtin", "-R", "manifests/rules/secret-read.yaml"];
const SPAN: [&str; 2] = ["-e", "2019-2-1-0-30-0"];

impl Server {
    async fn analysed_static(&self) -> Ran {
        self.ran(&[&SPAN[..], &RULES, &["-A", "static"]].concat())
            .await
    }

    /// Adds lines of another log, and some without a time.
    async fn add_foreign(&self, lines: usize, without_time: usize) {
        let line = |minute: usize| {
            let time = format!("2019-02-01T00:{minute:02}:00Z");
            (
                Some(format!("line-{minute}")),
                json!({"@timestamp": time, "message": "GET /"}),
            )
        };
        let timeless = |_| (None, json!({"message": "GET /"}));
        let documents: Vec<_> = (0..lines)
            .map(line)
            .chain((0..without_time).map(timeless))
            .collect();
        let index = format!("{}-2019.02.01", self.prefix);
        self.search.index(&index, &documents).await;
    }
}

#[tokio::test]
async fn documents_without_a_single_event_are_an_error() {
    let server = Server::with_events(Flavor::Elasticsearch9, "foreign", 0).await;
    server.add_foreign(10, 2).await;
    let Ran { code, out, err } = server.analysed_static().await;
    assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    let first = format!("rejected: {}-2019.02.01/line-0: ", server.prefix);
    assert!(err.lines().any(|line| line.starts_with(&first)), "{err}");
    let timeless = "warning: 2 documents lack the field @timestamp and were not read; name their \
         time field with --timestamp-field\n";
    assert!(err.contains("\nrejected: 2 more\n"), "{err}");
    assert!(err.contains(timeless), "{err}");
    let last = err.lines().last().unwrap_or_default();
    let error = "error: none of 10 documents holds an audit event: ";
    assert!(last.starts_with(error), "{err}");
}

#[tokio::test]
async fn a_span_without_a_single_event_is_not_verified() {
    let server = Server::with_events(Flavor::Elasticsearch9, "unverified", 0).await;
    server.add_foreign(10, 0).await;
    let flags = server.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let verdict = crate::support::verify::verify(&[&flags[..], &SPAN, &RULES].concat(), "").await;
    assert_eq!(verdict.code, Some(2));
    let error = "error: none of 10 documents holds an audit event: ";
    assert!(verdict.words.contains(error), "{}", verdict.words);
}

#[tokio::test]
async fn some_events_among_other_documents_are_analysed_and_the_others_are_named() {
    let server = Server::with_events(Flavor::Elasticsearch9, "mixed", 3).await;
    server.add_foreign(10, 0).await;
    let Ran { code, err, .. } = server.analysed_static().await;
    assert_eq!(code, Some(0), "{err}");
    let counts = "3 events read, 3 alerts written, 0 there already, 10 documents rejected\n";
    assert!(err.ends_with(counts), "{err}");
}

#[tokio::test]
async fn an_index_is_read_by_its_exact_name() {
    let server = Server::with_events(Flavor::Elasticsearch9, "exact", 5).await;
    let other = format!("{}-2019.02.02", server.prefix);
    let event = (Some("9".to_owned()), super::secret_read(9));
    server.search.index(&other, &[event]).await;
    let flags: Vec<_> = server.flags();
    let flags: Vec<_> = flags
        .iter()
        .map(|flag| match flag {
            flag if flag == "-I" => "--index",
            flag if *flag == server.prefix => &other,
            flag => flag,
        })
        .collect();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_k8scop"));
    let ran = command
        .arg("analyze")
        .args(flags)
        .args(SPAN)
        .args(RULES)
        .args(["-A", "static"])
        .output()
        .await;
    let Ran { code, err, .. } = ran.expect("the command starts").into();
    assert_eq!(code, Some(0), "{err}");
    assert!(
        err.ends_with("1 events read, 1 alerts written, 0 there already, 0 documents rejected\n"),
        "{err}"
    );
}
