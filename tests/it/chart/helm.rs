//! Helm as a person runs it, from the root of the repository.

use std::path::PathBuf;

use k8scop_testbed::Tool;
use serde_json::Value;
use tokio::process::Command;

/// Where the chart is.
pub const CHART: &str = "charts/k8scop";

/// Rendering needs the version of a cluster, but no cluster.
const OLDEST: [&str; 2] = ["--kube-version", "1.30.0"];

/// Helm, with a kubeconfig or without.
pub struct Helm {
    kubeconfig: Option<PathBuf>,
}

impl Helm {
    /// Helm without a cluster.
    pub fn offline() -> Helm {
        Helm { kubeconfig: None }
    }

    /// Helm as the owner of the kubeconfig.
    pub fn with(kubeconfig: impl Into<PathBuf>) -> Helm {
        Helm {
            kubeconfig: Some(kubeconfig.into()),
        }
    }

    /// Its standard output, or its standard error where it fails.
    pub async fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let program = k8scop_testbed::tool(Tool::Helm)
            .await
            .expect("helm is built");
        let output = Command::new(program)
            .args(arguments)
            .env(
                "KUBECONFIG",
                self.kubeconfig.as_deref().unwrap_or("/dev/null".as_ref()),
            )
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .await
            .expect("helm runs");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }

    /// The text of all manifests of the release `k8scop` in the namespace `k8scop`.
    pub async fn template(&self, more: &[&str]) -> Result<String, String> {
        let release = ["template", "k8scop", CHART, "--namespace", "k8scop"];
        self.run(&[&release, &OLDEST[..], more].concat()).await
    }
}

/// The objects in the text of manifests.
pub fn objects(manifests: &str) -> Vec<Value> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(manifests).expect("manifests are YAML");
    objects
        .into_iter()
        .filter(|object| !object.is_null())
        .collect()
}

/// The one object of a kind and name.
pub fn object<'o>(objects: &'o [Value], kind: &str, name: &str) -> &'o Value {
    let is_it = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
    objects
        .iter()
        .find(is_it)
        .unwrap_or_else(|| panic!("there is no {kind} {name}"))
}
