//! The custom resource definitions in an apiserver.

use std::time::Duration;

use super::{cluster::Kubectl, eventually};

/// Their names, in order.
pub const DEFINITIONS: [&str; 2] = ["analysisjobs.k8scop.io", "k8scoprules.k8scop.io"];

/// Waits until the apiserver serves what they define.
pub async fn established(kubectl: &Kubectl) {
    let wait = ["wait", "--for=condition=Established", "--timeout=5s", "crd"];
    let wait = [&wait[..], &DEFINITIONS].concat();
    let limit = Duration::from_secs(30);
    eventually("the definitions are established", limit, || async {
        kubectl.run(&wait, None).await.ok()
    })
    .await;
}
