//! `run` as a process: its probes, its metrics, its end.

use std::{io::Write, time::Duration};

use k8scop_testbed::shared_control_plane;

use super::Ran;
use crate::{
    crds,
    support::{eventually, operator::Operator, signal},
};

/// No search server is asked for anything while there are no jobs.
const NO_SERVER: &str = "http://127.0.0.1:9";

#[tokio::test]
async fn without_rights_it_waits_and_says_which_are_missing() {
    let cluster = shared_control_plane().await.expect("the apiserver starts");
    crds::establish(cluster).await;
    let alice = cluster
        .user_kubeconfig("alice")
        .expect("a kubeconfig can be written");
    let operator = Operator::spawn(&alice, NO_SERVER, &[]).await;
    let words = eventually(
        "both refusals are told",
        Duration::from_secs(30),
        || async {
            let (status, words) = operator.get("/readyz").await?;
            (status == 503 && words.matches("forbidden").count() == 2).then_some(words)
        },
    )
    .await;
    for kind in ["k8scoprules", "analysisjobs"] {
        let line = words.lines().find(|line| line.starts_with(kind));
        assert!(line.is_some_and(|line| line.contains("alice")), "{words}");
    }
    assert_eq!(operator.get("/livez").await, Some((200, "ok\n".to_owned())));
    assert_eq!(operator.stop().await, 0);
}

#[tokio::test]
async fn once_its_lists_are_complete_it_is_ready_and_ends_at_a_signal() {
    let cluster = shared_control_plane().await.expect("the apiserver starts");
    crds::establish(cluster).await;
    let scope = [
        "--watch-namespaces",
        "nobody-is-here",
        "--log-format",
        "json",
    ];
    let operator = Operator::start(cluster.kubeconfig(), NO_SERVER, &scope).await;
    let metrics = operator.metrics().await;
    assert!(
        metrics.contains("\nk8scop_build_info{version=\""),
        "{metrics}"
    );
    assert!(
        metrics.contains("\nk8scop_rules{state=\"loaded\"} 0\n"),
        "{metrics}"
    );
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    for line in operator.log().lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("log lines are JSON");
        assert!(
            line["level"].is_string() && line["message"].is_string(),
            "{line}"
        );
    }
    assert_eq!(operator.stop().await, 0);
}

#[test]
fn flags_that_cannot_work_are_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let kubeconfig = folder.path().join("kubeconfig");
    let config = "apiVersion: v1\nkind: Config\ncurrent-context: x\n\
        clusters: [{name: x, cluster: {server: 'http://127.0.0.1:9'}}]\n\
        contexts: [{name: x, context: {cluster: x, user: x}}]\nusers: [{name: x, user: {}}]\n";
    std::fs::write(&kubeconfig, config).expect("a file can be written");
    let cases = [
        (
            &["--listen", "192.0.2.1:1"][..],
            "cannot listen on 192.0.2.1:1; choose another",
        ),
        (&["--allowed-origins", "ftp://es"], "--allowed-origins: "),
        (
            &["--elasticsearch", "https://u:p@es"],
            "must not contain credentials",
        ),
        (
            &[
                "--elasticsearch",
                "es:9200",
                "--elasticsearch-api-key-file",
                "no/such",
            ],
            "cannot read no/such: No such file",
        ),
    ];
    for (flags, words) in cases {
        let output = super::command(&[&["run"], flags].concat())
            .env("KUBECONFIG", &kubeconfig)
            .env("K8SCOP_LISTEN", "127.0.0.1:0")
            .output();
        let Ran { code, err, .. } = output.expect("the command starts").into();
        assert!(
            code == Some(2) && err.contains("error: ") && err.contains(words),
            "{err}"
        );
    }
}

#[tokio::test]
async fn a_reader_of_logs_that_stopped_reading_stops_nothing() {
    let cluster = shared_control_plane().await.expect("the apiserver starts");
    crds::establish(cluster).await;
    let (_unread, full) = full_pipe();
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .to_string();
    let args = ["run", "--elasticsearch", NO_SERVER, "--listen", &address];
    let command = super::command(&[&args[..], &["--watch-namespaces", "nobody-reads"]].concat());
    let mut operator = tokio::process::Command::from(command)
        .env("KUBECONFIG", cluster.kubeconfig())
        .stderr(full)
        .kill_on_drop(true)
        .spawn()
        .expect("the command starts");
    let url = format!("http://{address}/readyz");
    eventually("it is ready", Duration::from_secs(30), || async {
        let answer = reqwest::get(&url).await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
    signal(&operator, "TERM").await;
    let ended = tokio::time::timeout(Duration::from_secs(30), operator.wait()).await;
    let status = ended.expect("it ends").expect("it can be waited for");
    assert_eq!(status.code(), Some(0));
}

/// A pipe that takes nothing more, and its end for reading.
fn full_pipe() -> (std::io::PipeReader, std::io::PipeWriter) {
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    let mut filling = writer.try_clone().expect("its end can be cloned");
    // Blocks when the pipe is full, until the reader is gone.
    std::thread::spawn(move || while filling.write_all(&[b'\n'; 4096]).is_ok() {});
    (reader, writer)
}
