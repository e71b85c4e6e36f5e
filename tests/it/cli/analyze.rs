//! `analyze` against real search servers.

use k8scop_testbed::Flavor;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStderr},
};

use super::{
    Ran,
    events::{Server, secret_read},
};
use crate::support::signal;

mod state;
mod unreadable;

const TABLE: &str = "\
RULE                 SEVERITY   ALERTS   LAST
k8scop/secret-read   Medium     30       2019-02-01T00:29:00Z
";

async fn analyses_a_span_once(flavor: Flavor) {
    let server = Server::with_events(flavor, "static", 40).await;
    let span = ["-e", "2019-2-1-0-30-0", "-A", "static"];

    let Ran { code, out, err } = server.ran(&span).await;
    assert_eq!((code, out.as_str()), (Some(0), TABLE), "{err}");
    let counts = "30 events read, 30 alerts written, 0 there already, 0 documents rejected\n";
    assert!(err.ends_with(counts), "{err}");
    assert_eq!(server.alerts_on("2019.02.01").await, 30);

    let Ran { code, err, .. } = server.ran(&span).await;
    assert_eq!(code, Some(0), "{err}");
    let counts = "30 events read, 0 alerts written, 30 there already, 0 documents rejected\n";
    assert!(err.ends_with(counts), "{err}");
    assert_eq!(server.alerts_on("2019.02.01").await, 30);
}

#[tokio::test]
async fn a_span_is_analysed_and_a_second_time_adds_nothing() {
    analyses_a_span_once(Flavor::Elasticsearch9).await;
}

#[tokio::test]
async fn opensearch_is_read_and_written_the_same() {
    analyses_a_span_once(Flavor::OpenSearch3).await;
}

/// The words of a running command.
struct Words {
    lines: BufReader<ChildStderr>,
    said: String,
}

impl Words {
    fn of(process: &mut Child) -> Words {
        let stderr = process.stderr.take().expect("it is piped");
        let lines = BufReader::new(stderr);
        let said = String::new();
        Words { lines, said }
    }

    async fn until(&mut self, words: &str) {
        while !self.said.contains(words) {
            let read = self.lines.read_line(&mut self.said).await;
            let read = read.expect("words are text");
            assert_ne!(read, 0, "it ended without \"{words}\": {}", self.said);
        }
    }

    async fn rest(mut self) -> String {
        let read = self.lines.read_to_string(&mut self.said).await;
        read.expect("words are text");
        self.said
    }
}

#[tokio::test]
async fn streaming_follows_until_it_is_told_to_stop() {
    let server = Server::with_events(Flavor::Elasticsearch9, "stream", 3).await;
    let follow = ["-A", "streaming", "-d", "1"];
    let mut process = server.analyze(&follow).spawn().expect("the command starts");
    let mut words = Words::of(&mut process);
    words.until("3 alerts written").await;
    signal(&process, "INT").await;
    let said = words.rest().await;
    let status = process.wait().await.expect("it ends");
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(server.alerts_on("2019.02.01").await, 3);
}

#[tokio::test]
async fn what_waiting_does_not_mend_ends_the_analysis() {
    let server = Server::with_events(Flavor::Elasticsearch9, "hopeless", 1).await;
    let wrong = ["-A", "static", "--timestamp-field", "no.such.field"];
    let Ran { code, out, err } = server.ran(&wrong).await;
    assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    let last = err.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("error: ") && last.ends_with("(TimestampFieldInvalid)"),
        "{err}"
    );
}

#[tokio::test]
async fn a_server_that_is_away_is_waited_for_until_a_signal() {
    let away = Server::away("away");
    let mut process = away
        .analyze(&["-A", "static"])
        .spawn()
        .expect("the command starts");
    let mut words = Words::of(&mut process);
    words.until("waiting (ElasticsearchUnavailable): ").await;
    signal(&process, "INT").await;
    let said = words.rest().await;
    let status = process.wait().await.expect("it ends");
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("\nerror: stopped at 0 %"), "{said}");
}
