//! The commands of the README, run as they stand there.

use std::{env, fs, os::unix::fs::symlink, path::Path, process::Stdio, time::Duration};

use jiff::Timestamp;
use k8scop_testbed::{ControlPlane, Flavor, Tool, shared_search_server};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::{cluster::Kubectl, eventually, search::Search, signal};

const README: &str = include_str!("../../README.md");

/// The lines of the block of commands below a mark.
fn block(mark: &str) -> Vec<&'static str> {
    let (_, rest) = README.split_once(mark).expect("the README has the mark");
    let (_, rest) = rest.split_once("```sh\n").expect("a block follows");
    let (block, _) = rest.split_once("```").expect("the block ends");
    block.lines().collect()
}

/// A search path on which kubectl is the testbed's, and `cargo run --release --` the program that
/// is under test.
async fn search_path() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let kubectl = k8scop_testbed::tool(Tool::Kubectl)
        .await
        .expect("kubectl is built");
    symlink(kubectl, folder.path().join("kubectl")).expect("a link can be made");
    let program = env!("CARGO_BIN_EXE_k8scop");
    let cargo = format!("#!/bin/sh\nshift 3\nexec {program} \"$@\"\n");
    let script = folder.path().join("cargo");
    fs::write(&script, cargo).expect("a script can be written");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&script, executable).expect("a script can be made executable");
    folder
}

fn shell(command: &str, search_path: &Path) -> Command {
    let path = env::var("PATH").expect("there is a search path");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("exec {command}")])
        .env("PATH", format!("{}:{path}", search_path.display()))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    shell
}

#[tokio::test]
async fn the_first_command_prints_the_alerts_of_the_example() {
    let path = search_path().await;
    let [command] = block("## Try it")[..] else {
        panic!("it is one command")
    };
    let ran = || async { shell(command, path.path()).output().await.expect("it runs") };
    let (first, second) = (ran().await, ran().await);
    assert!(first.status.success());
    assert_eq!(first.stdout, second.stdout, "two runs print the same");
    let table = String::from_utf8(first.stdout).expect("a table is text");
    assert_eq!(
        table.lines().count(),
        1 + 158,
        "a heading, and a line an alert"
    );
    let summary = String::from_utf8(first.stderr).expect("words are text");
    assert!(summary.ends_with(
        "312 events, 158 alerts of 17 rules (4 high, 8 medium, 104 low, 42 informational)\n"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_commands_lead_from_nothing_to_the_first_alert() {
    let path = search_path().await;
    let cluster = ControlPlane::start().await.expect("the apiserver starts");
    let server = shared_search_server(Flavor::Elasticsearch9).await;
    let search = Search::new(server.expect("Elasticsearch starts").url());
    let commands = block("<!-- test: cluster -->");
    let [apply @ .., run] = &commands[..] else {
        panic!("there are commands")
    };
    assert_eq!(apply.len(), 4);
    for command in apply {
        let applied = shell(command, path.path())
            .env("KUBECONFIG", cluster.kubeconfig())
            .output()
            .await
            .expect("the command runs");
        let error = String::from_utf8_lossy(&applied.stderr);
        assert!(applied.status.success(), "{command}: {error}");
    }
    let mut operator = shell(run, path.path())
        .env("KUBECONFIG", cluster.kubeconfig())
        .env("ELASTICSEARCH_URL", search.url())
        .spawn()
        .expect("the operator starts");

    search
        .index(
            "logstash-readme",
            &[(None, secrets_listed(Timestamp::now()))],
        )
        .await;
    let alerts = eventually("the first alert", Duration::from_secs(60), || async {
        let alerts = search.alerts("k8scop-alerts-").await;
        (!alerts.is_empty()).then_some(alerts)
    })
    .await;
    assert_eq!(alerts[0]["_source"]["rule"]["name"], "k8scop/secrets-list");

    let look = block("Now do something worth an alert")[0];
    let words: Vec<_> = look.split(' ').skip(1).collect();
    let admin = Kubectl::new(cluster.kubeconfig()).await;
    eventually(
        "kubectl tells the truth",
        Duration::from_secs(30),
        || async {
            let listed = admin.ok(&words).await;
            let rules = listed
                .lines()
                .filter(|line| line.contains("k8scoprule") && line.contains("True"));
            let follows = listed
                .lines()
                .any(|line| line.contains("analysisjob") && line.contains("True"));
            (rules.count() == 18 && follows).then_some(())
        },
    )
    .await;
    signal(&operator, "INT").await;
    assert!(operator.wait().await.expect("it ends").success());
}

fn secrets_listed(time: Timestamp) -> serde_json::Value {
    json!({
        "@timestamp": format!("{time:.3}"), "kind": "Event", "apiVersion": "audit.k8s.io/v1",
        "auditID": "2c6d0f3e-6a55-4a27-9d0c-0a1f0f6f4f11", "stage": "ResponseComplete",
        "verb": "list", "requestURI": "/api/v1/secrets?limit=500",
        "user": {"username": "mallory", "groups": ["system:authenticated"]},
        "sourceIPs": ["192.0.2.7"], "userAgent": "kubectl/v1.36.3",
        "objectRef": {"resource": "secrets", "apiVersion": "v1"},
        "responseStatus": {"code": 200},
        "annotations": {"authorization.k8s.io/decision": "allow"},
        "requestReceivedTimestamp": format!("{time:.6}"), "stageTimestamp": format!("{time:.6}"),
    })
}
