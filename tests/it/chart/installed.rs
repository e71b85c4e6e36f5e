//! The chart in a real apiserver. It has one of its own, because definitions belong to the whole
//! cluster.

use k8scop_testbed::ControlPlane;
use serde_json::{Value, json};

use super::helm::{CHART, Helm, objects};
use crate::support::{
    cluster::Kubectl,
    definitions::{DEFINITIONS, established},
};

/// A namespace that admits restricted pods only.
const NAMESPACE: &str = r#"
apiVersion: v1
kind: Namespace
metadata:
  name: k8scop
  labels: {pod-security.kubernetes.io/enforce: restricted}
"#;

/// An empty cluster, Helm and kubectl as its administrator.
async fn cluster() -> (ControlPlane, Helm, Kubectl) {
    let cluster = ControlPlane::start().await.expect("the apiserver starts");
    let helm = Helm::with(cluster.kubeconfig());
    let kubectl = Kubectl::new(cluster.kubeconfig()).await;
    kubectl.apply(NAMESPACE).await;
    (cluster, helm, kubectl)
}

async fn install(helm: &Helm, kubectl: &Kubectl, more: &[&str]) {
    let install = ["install", "k8scop", CHART, "--namespace", "k8scop"];
    helm.run(&[&install, more].concat())
        .await
        .expect("the chart is installed");
    established(kubectl).await;
}

async fn uninstall(helm: &Helm) {
    helm.run(&["uninstall", "k8scop", "--namespace", "k8scop"])
        .await
        .expect("it is uninstalled");
}

/// The definitions that stay, by name: they are there, and nobody has asked for their deletion.
/// When an apiserver is done with one that goes is its own affair: after a fault of its finalizer
/// that may take five minutes.
async fn staying(kubectl: &Kubectl) -> Vec<String> {
    let stored = kubectl.ok(&["get", "crd", "-o", "json"]).await;
    let stored: Value = serde_json::from_str(&stored).expect("kubectl prints JSON");
    let definitions = stored["items"].as_array().expect("a list has items");
    definitions
        .iter()
        .map(|definition| &definition["metadata"])
        .filter(|metadata| metadata["deletionTimestamp"].is_null())
        .map(|metadata| metadata["name"].as_str().expect("it has a name").to_owned())
        .collect()
}

/// The pod that the Deployment would make.
async fn pod(kubectl: &Kubectl) -> Value {
    let deployment = kubectl.get("k8scop", "deployment", "k8scop").await;
    let mut pod = deployment.expect("the Deployment is there")["spec"]["template"].take();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"] = json!({"name": "k8scop", "namespace": "k8scop"});
    pod
}

async fn try_to_create(kubectl: &Kubectl, object: &Value) -> Result<String, String> {
    kubectl
        .run(
            &["create", "--dry-run=server", "-f", "-"],
            Some(&object.to_string()),
        )
        .await
}

#[tokio::test]
async fn the_chart_installs_what_an_operator_needs() {
    let (_cluster, helm, kubectl) = cluster().await;
    let secret = "elasticsearch.url=https://es:9200,elasticsearch.existingSecret=es";
    install(&helm, &kubectl, &["--set", secret]).await;

    let restricted = pod(&kubectl).await;
    try_to_create(&kubectl, &restricted)
        .await
        .expect("the restricted namespace admits the pod");
    let mut privileged = restricted;
    privileged["spec"]["containers"][0]["securityContext"]["privileged"] = json!(true);
    try_to_create(&kubectl, &privileged)
        .await
        .expect_err("the namespace is restricted");

    let operator = "--as=system:serviceaccount:k8scop:k8scop";
    for (right, granted) in [
        ("list k8scoprules.k8scop.io --all-namespaces", true),
        (
            "patch analysisjobs.k8scop.io --subresource=status --all-namespaces",
            true,
        ),
        ("patch analysisjobs.k8scop.io --all-namespaces", false),
        (
            "update leases.coordination.k8s.io/k8scop --namespace=k8scop",
            true,
        ),
        (
            "update leases.coordination.k8s.io/other --namespace=k8scop",
            false,
        ),
        ("get leases.coordination.k8s.io --all-namespaces", false),
        ("get secrets --all-namespaces", false),
        ("get secrets --namespace=k8scop", false),
        ("get pods --all-namespaces", false),
    ] {
        let question: Vec<_> = ["auth", "can-i", operator]
            .into_iter()
            .chain(right.split(' '))
            .collect();
        assert_eq!(
            kubectl.run(&question, None).await.is_ok(),
            granted,
            "{right}"
        );
    }

    kubectl.ok(&["apply", "-k", "manifests/rules"]).await;
    kubectl
        .ok(&["apply", "--dry-run=server", "-f", "examples"])
        .await;

    uninstall(&helm).await;
    assert_eq!(staying(&kubectl).await, DEFINITIONS);
    assert!(
        kubectl
            .get("k8scop", "k8scoprule", "pod-exec")
            .await
            .is_some()
    );
    assert!(
        kubectl
            .get("k8scop", "deployment", "k8scop")
            .await
            .is_none()
    );
}

#[tokio::test]
async fn definitions_go_with_the_release_where_the_user_said_so() {
    let (_cluster, helm, kubectl) = cluster().await;
    install(&helm, &kubectl, &["--set", "crds.keep=false"]).await;
    assert_eq!(staying(&kubectl).await, DEFINITIONS);
    uninstall(&helm).await;
    assert_eq!(staying(&kubectl).await, [""; 0]);
}

#[tokio::test]
async fn the_base_installs_the_same_without_helm() {
    let (_cluster, _, kubectl) = cluster().await;
    kubectl.ok(&["apply", "-f", "crds"]).await;
    kubectl.ok(&["apply", "-k", "manifests/base"]).await;
    let pod = pod(&kubectl).await;
    try_to_create(&kubectl, &pod)
        .await
        .expect("the restricted namespace admits the pod");

    let stored = kubectl
        .ok(&["get", "clusterroles,clusterrolebindings", "-o", "name"])
        .await;
    let rendered = Helm::offline()
        .template(&["--set", "crds.install=false"])
        .await;
    for object in objects(&rendered.expect("the chart renders")) {
        let kind = object["kind"]
            .as_str()
            .expect("an object has a kind")
            .to_lowercase();
        if kind.starts_with("clusterrole") {
            let name = object["metadata"]["name"]
                .as_str()
                .expect("an object has a name");
            assert!(
                stored.contains(&format!("{kind}.rbac.authorization.k8s.io/{name}")),
                "{stored}"
            );
        }
    }
}
