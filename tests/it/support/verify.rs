//! `k8scop verify` as the oracle of what a job must have written.

use std::process::Stdio;

use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command};

use super::{cluster::Kubectl, search::Search};

/// What `k8scop verify` found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub code: Option<i32>,
    /// The counts and the alerts of each bad kind; null where there was no verdict.
    pub account: Value,
    /// What it said.
    pub words: String,
}

impl Verdict {
    /// A count by its name, for example `missing`.
    pub fn count(&self, name: &str) -> u64 {
        self.account[name]
            .as_u64()
            .unwrap_or_else(|| panic!("no count {name}: {}{}", self.account, self.words))
    }

    /// Missing, duplicate and foreign.
    pub fn bad(&self) -> [u64; 3] {
        ["missing", "duplicate", "foreign"].map(|name| self.count(name))
    }

    /// Nothing is missing, doubled or foreign; gives the number of alerts.
    #[track_caller]
    pub fn assert_good(&self) -> u64 {
        assert_eq!(
            (self.code, self.bad()),
            (Some(0), [0, 0, 0]),
            "{}{}",
            self.words,
            self.account
        );
        assert_eq!(self.count("found"), self.count("expected"));
        self.count("expected")
    }
}

/// Runs `k8scop verify` with these arguments, and with manifests on its standard input where they
/// say `-f -` or `-R -`.
pub async fn verify(arguments: &[&str], manifests: &str) -> Verdict {
    let mut process = Command::new(env!("CARGO_BIN_EXE_k8scop"))
        .args(["verify", "-o", "json"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the command starts");
    let mut stdin = process.stdin.take().expect("it is piped");
    // A command that does not read its input closes it.
    let _ = stdin.write_all(manifests.as_bytes()).await;
    drop(stdin);
    let output = process.wait_with_output().await.expect("the command ends");
    Verdict {
        code: output.status.code(),
        account: serde_json::from_slice(&output.stdout).unwrap_or_default(),
        words: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Verifies a job of a cluster up to its watermark, with the rules of its namespace, on the server
/// that it works with. `more` are further arguments, for example `--cluster-name`.
pub async fn verify_job(
    kubectl: &Kubectl,
    search: &Search,
    namespace: &str,
    job: &str,
    more: &[&str],
) -> Verdict {
    let described = kubectl
        .get(namespace, "analysisjob", job)
        .await
        .expect("the job is there");
    let sink = described["spec"]["sink"]["index"].as_str();
    let sink = sink.unwrap_or("k8scop-alerts").replace("{category}", "*");
    search.refresh(&format!("{sink}-*")).await;
    let kinds = "analysisjobs,k8scoprules";
    let manifests = kubectl
        .ok(&["get", kinds, "-n", namespace, "-o", "yaml"])
        .await;
    let arguments = [&["-E", search.url(), "-f", "-", "--job", job], more].concat();
    verify(&arguments, &manifests).await
}
