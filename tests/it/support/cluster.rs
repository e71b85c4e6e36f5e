//! A real apiserver as a test uses it: through kubectl, as somebody.

use std::{path::PathBuf, process::Stdio};

use k8scop_testbed::Tool;
use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command};

/// Somebody with a kubeconfig.
#[derive(Clone)]
pub struct Kubectl {
    kubeconfig: PathBuf,
    program: PathBuf,
}

impl Kubectl {
    /// kubectl with the given kubeconfig.
    pub async fn new(kubeconfig: impl Into<PathBuf>) -> Kubectl {
        let program = k8scop_testbed::tool(Tool::Kubectl)
            .await
            .expect("kubectl is built");
        Kubectl {
            kubeconfig: kubeconfig.into(),
            program,
        }
    }

    /// Runs kubectl; its standard output, or its standard error where it fails.
    pub async fn run(&self, arguments: &[&str], input: Option<&str>) -> Result<String, String> {
        let mut child = Command::new(&self.program)
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl starts");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        stdin
            .write_all(input.unwrap_or_default().as_bytes())
            .await
            .expect("kubectl reads");
        drop(stdin);
        let output = child.wait_with_output().await.expect("kubectl ends");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }

    /// Runs kubectl where it must succeed.
    pub async fn ok(&self, arguments: &[&str]) -> String {
        match self.run(arguments, None).await {
            Ok(output) => output,
            Err(error) => panic!("kubectl {arguments:?}: {error}"),
        }
    }

    /// Applies a manifest where it must be accepted.
    pub async fn apply(&self, manifest: &str) {
        if let Err(error) = self.run(&["apply", "-f", "-"], Some(manifest)).await {
            panic!("{error}\n{manifest}");
        }
    }

    /// An object as JSON, or nothing where it is not there.
    pub async fn get(&self, namespace: &str, kind: &str, name: &str) -> Option<Value> {
        let output = self
            .run(&["get", "-n", namespace, kind, name, "-o", "json"], None)
            .await
            .ok()?;
        Some(serde_json::from_str(&output).expect("kubectl prints JSON"))
    }
}

/// The condition of an object, as `(status, reason, message)`.
pub fn condition(object: &Value, kind: &str) -> Option<(String, String, String)> {
    let condition = object["status"]["conditions"]
        .as_array()?
        .iter()
        .find(|condition| condition["type"] == kind)?;
    let text = |key: &str| condition[key].as_str().unwrap_or_default().to_owned();
    Some((text("status"), text("reason"), text("message")))
}
