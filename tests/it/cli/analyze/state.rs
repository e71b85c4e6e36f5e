//! `analyze --state`: what was interrupted goes on.

use std::{fs, path::PathBuf, process::Stdio};

use jiff::Timestamp;
use k8scop_testbed::{
    Flavor,
    faults::{Act, On, Proxy},
};
use serde_json::{Value, json};

use super::{Ran, Server, Words, secret_read};
use crate::support::{signal, verify::verify};

/// An analysis with a state, on a server that can fail.
struct Site {
    server: Server,
    proxy: Proxy,
    folder: tempfile::TempDir,
}

impl Site {
    async fn new(test: &str, events: usize) -> Site {
        let server = Server::with_events(Flavor::Elasticsearch9, test, events).await;
        let proxy = Proxy::before_search(server.search.url()).await;
        let proxy = proxy.expect("a proxy starts");
        Site {
            server: server.behind(&proxy),
            proxy,
            folder: tempfile::tempdir().expect("a folder can be made"),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("state.json")
    }

    fn state(&self) -> Value {
        let text = fs::read(self.file()).expect("the state is there");
        serde_json::from_slice(&text).expect("a state is JSON")
    }

    fn flags<'a>(&self, file: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&["--state", file], more].concat()
    }

    async fn ran(&self, more: &[&str]) -> Ran {
        let file = self.file();
        let file = file.to_str().expect("the path is text");
        self.server.ran(&self.flags(file, more)).await
    }

    /// Runs until it has said some words, then interrupts it.
    async fn interrupted(&self, more: &[&str], words: &str) -> (Option<i32>, String) {
        let file = self.file();
        let file = file.to_str().expect("the path is text");
        let mut process = self
            .server
            .analyze(&self.flags(file, more))
            .stdout(Stdio::null())
            .spawn()
            .expect("the command starts");
        let mut said = Words::of(&mut process);
        said.until(words).await;
        signal(&process, "INT").await;
        let said = said.rest().await;
        let status = process.wait().await.expect("it ends");
        (status.code(), said)
    }
}

const SPAN: [&str; 4] = ["-A", "static", "-e", "2019-2-1-0-30-0"];

#[tokio::test]
async fn an_interrupted_analysis_reads_only_the_rest() {
    let site = Site::new("state", 40).await;
    // The first window is read, in three or four searches: a count, and pages of two slices. The
    // second would take as many.
    site.proxy
        .rule(On::post("/_search").after(5), Act::unavailable());
    let (code, said) = site.interrupted(&SPAN, "waiting (").await;
    assert_eq!(code, Some(2), "{said}");
    let read = site.state()["checkpoint"]["counts"]["eventsRead"].clone();
    let read = read.as_u64().expect("a state has counts");
    assert!(0 < read && read < 30, "{read}");
    site.proxy.clear();

    let Ran { code, err, .. } = site.ran(&SPAN).await;
    assert_eq!(code, Some(0), "{err}");
    let rest = 30 - read;
    let counts = format!(
        "{rest} events read, {rest} alerts written, 0 there already, 0 documents rejected\n"
    );
    assert!(err.starts_with("going on at 2019-02-01T00:0"), "{err}");
    assert!(err.ends_with(&counts), "{err}");
    let flags = site.server.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    site.server
        .search
        .refresh(&format!("{}-*", site.server.alerts()))
        .await;
    let span = ["-e", "2019-2-1-0-30-0"];
    assert_eq!(
        verify(&[&flags, &span[..]].concat(), "")
            .await
            .assert_good(),
        30
    );
}

#[tokio::test]
async fn a_finished_analysis_says_so_and_asks_nothing() {
    let site = Site::new("finished", 3).await;
    // Without an end the span ends when the first run begins.
    let open = ["-A", "static"];
    assert_eq!(site.ran(&open).await.code, Some(0));
    let asked = site.proxy.journal().len();
    let Ran { code, out, err } = site.ran(&open).await;
    let words = "the state says that all of the span is analysed: nothing to do\n";
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "", words));
    assert_eq!(site.proxy.journal().len(), asked);

    let rules = [
        &open[..],
        &["--no-builtin", "-R", "manifests/rules/secret-read.yaml"],
    ]
    .concat();
    let Ran { code, err, .. } = site.ran(&rules).await;
    assert_eq!(code, Some(0), "{err}");
    assert!(err.starts_with("the rules have changed since"), "{err}");
    assert!(err.contains("\n3 events read"), "{err}");
}

#[tokio::test]
async fn streaming_goes_on_where_it_was_stopped() {
    let site = Site::new("state-stream", 3).await;
    let follow = ["-A", "streaming", "-d", "1"];
    let (code, said) = site.interrupted(&follow, "3 alerts written").await;
    assert_eq!(code, Some(0), "{said}");

    let mut event = secret_read(0);
    event["@timestamp"] = json!(Timestamp::now().to_string());
    event["requestReceivedTimestamp"] = event["@timestamp"].clone();
    let index = format!("{}-now", site.server.prefix);
    site.server.search.index(&index, &[(None, event)]).await;
    let (code, said) = site.interrupted(&follow, "1 alerts written").await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("going on at "), "{said}");
    assert!(
        said.contains("\n1 events read, 1 alerts written, 0 there already"),
        "{said}"
    );
}

#[tokio::test]
async fn one_run_at_a_time_uses_a_state() {
    let site = Site::new("locked", 1).await;
    let file = site.file();
    let file = file.to_str().expect("the path is text");
    let follow = ["-A", "streaming", "-d", "1"];
    let mut process = site.server.analyze(&site.flags(file, &follow));
    let mut process = process.spawn().expect("the command starts");
    let mut said = Words::of(&mut process);
    said.until("1 alerts written").await;
    let Ran { code, err, .. } = site.ran(&follow).await;
    let words = format!("error: {file} is used by another analysis that runs now\n");
    assert_eq!((code, err), (Some(2), words));
    process.kill().await.expect("it can be killed");
    let (code, said) = site.interrupted(&follow, "events read").await;
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test]
async fn what_is_no_state_of_this_analysis_is_refused() {
    let site = Site::new("refused-state", 1).await;
    assert_eq!(site.ran(&SPAN).await.code, Some(0));
    let kept = site.state();
    let others = [
        (
            &["--timestamp-field", "stageTimestamp"][..],
            "--timestamp-field was '@timestamp', not 'stageTimestamp'",
        ),
        (
            &["-e", "2019-2-1-0-40-0"],
            "--end was '2019-02-01T00:30:00Z', not '2019-02-01T00:40:00Z'",
        ),
        (&["--filter", "verb=get"], "--filter was '', not 'verb=get'"),
    ];
    for (flags, difference) in others {
        let span = match flags[0] {
            "-e" => &SPAN[..2],
            _ => &SPAN[..],
        };
        let Ran { code, err, .. } = site.ran(&[span, flags].concat()).await;
        let words =
            format!(" is the state of another analysis ({difference}): name another file\n");
        assert!(code == Some(2) && err.ends_with(&words), "{err}");
        assert_eq!(site.state(), kept);
    }
    let broken = [
        (
            "hello",
            "holds no state of an analysis: name another file, or remove it",
        ),
        ("{\"version\": 1}", "holds no state of an analysis: "),
        (
            "{\"version\": 99}",
            "has the form 99 of another version of k8scop",
        ),
    ];
    for (text, words) in broken {
        fs::write(site.file(), text).expect("a file can be written");
        let Ran { code, err, .. } = site.ran(&SPAN).await;
        assert!(code == Some(2) && err.contains(words), "{err}");
        assert_eq!(fs::read_to_string(site.file()).expect("it is there"), text);
    }
    let nowhere = ["--state", "no/such/folder/state.json"];
    let Ran { code, err, .. } = site.server.ran(&[&SPAN[..], &nowhere].concat()).await;
    let words = "error: cannot write the state no/such/folder/state.json";
    assert!(code == Some(2) && err.starts_with(words), "{err}");
}
