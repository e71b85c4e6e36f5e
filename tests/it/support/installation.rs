//! K8sCop as its chart installs it, in an apiserver of its own: the definitions belong to a
//! release of the chart there.

use std::path::PathBuf;

use k8scop_testbed::{ControlPlane, Tool};
use tokio::{process::Command, sync::OnceCell};

use super::{cluster::Kubectl, definitions::established};

/// The chart's release: CRDs, roles, and a service account to run the operator as.
pub struct Installation {
    pub control_plane: ControlPlane,
    /// kubectl as an administrator.
    pub admin: Kubectl,
    /// A kubeconfig with the chart's service account and nothing else.
    pub operator_kubeconfig: PathBuf,
}

/// Installs the chart once for all tests of the process.
pub async fn installation() -> &'static Installation {
    static INSTALLATION: OnceCell<Installation> = OnceCell::const_new();
    INSTALLATION.get_or_init(install).await
}

/// Installs the chart in a new apiserver.
pub async fn install() -> Installation {
    let control_plane = ControlPlane::start().await.expect("the apiserver starts");
    let admin = Kubectl::new(control_plane.kubeconfig()).await;
    let helm = k8scop_testbed::tool(Tool::Helm)
        .await
        .expect("helm is built");
    let output = Command::new(helm)
        .args(["upgrade", "--install", "k8scop", "charts/k8scop"])
        .args(["--namespace", "k8scop", "--create-namespace"])
        .args(["--set", "elasticsearch.url=http://127.0.0.1:9200"])
        .env("KUBECONFIG", control_plane.kubeconfig())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .await
        .expect("helm runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    established(&admin).await;
    let token = admin
        .ok(&["create", "token", "k8scop", "-n", "k8scop", "--duration=4h"])
        .await;
    let operator_kubeconfig = control_plane
        .kubeconfig_with_token("operator", token.trim())
        .expect("the kubeconfig can be written");
    Installation {
        control_plane,
        admin,
        operator_kubeconfig,
    }
}
