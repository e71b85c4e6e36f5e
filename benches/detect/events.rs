//! Audit events as a busy cluster writes them: about 2 KB each, most of them of no interest.

use bytes::Bytes;
use k8scop::detect::document::Document;
use serde_json::{Value, json};

use crate::chance::Chance;

const USERS: [&str; 6] = [
    "alice",
    "bob",
    "system:kube-scheduler",
    "system:kube-controller-manager",
    "system:node:worker-3",
    "system:serviceaccount:monitoring:prometheus",
];
const AGENTS: [&str; 4] = [
    "kubectl/v1.36.3 (linux/amd64) kubernetes/5a1d9f3",
    "kube-controller-manager/v1.36.3 (linux/amd64) kubernetes/5a1d9f3/leader-election",
    "kubelet/v1.36.3 (linux/amd64) kubernetes/5a1d9f3",
    "prometheus/3.7.1",
];
pub const RESOURCES: [&str; 10] = [
    "pods",
    "deployments",
    "services",
    "endpoints",
    "secrets",
    "configmaps",
    "leases",
    "nodes",
    "clusterrolebindings",
    "events",
];
pub const VERBS: [&str; 6] = ["get", "list", "watch", "create", "update", "patch"];
pub const NAMESPACES: [&str; 5] = ["shop", "web", "kube-system", "monitoring", "payments"];

/// So many events, equal for equal seeds.
pub fn documents(count: usize, seed: u64) -> Vec<Document> {
    let mut chance = Chance::new(seed);
    (0..count)
        .map(|number| Document {
            index: "bench".to_owned(),
            id: number.to_string(),
            time: None,
            source: Bytes::from(event(&mut chance, number).to_string()),
        })
        .collect()
}

fn event(chance: &mut Chance, number: usize) -> Value {
    let resource = *chance.one_of(&RESOURCES);
    let verb = *chance.one_of(&VERBS);
    let namespace = *chance.one_of(&NAMESPACES);
    let name = format!("{resource}-{}", chance.below(500));
    let user = *chance.one_of(&USERS);
    let uri = format!("/api/v1/namespaces/{namespace}/{resource}/{name}?timeout=30s&limit=500");
    let body = if verb == "get" || verb == "watch" {
        Value::Null
    } else {
        pod(chance, &name)
    };
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse",
        "auditID": format!("7f0c9a52-3a2e-4a53-9a55-{number:012}"),
        "stage": "ResponseComplete", "requestURI": uri, "verb": verb,
        "user": {"username": user, "uid": "0a1b2c3d-4e5f-6789-abcd-ef0123456789",
                 "groups": ["system:authenticated", "system:serviceaccounts"]},
        "sourceIPs": [format!("10.0.{}.{}", chance.below(256), chance.below(256))],
        "userAgent": chance.one_of(&AGENTS),
        "objectRef": {"resource": resource, "namespace": namespace, "name": name, "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestObject": body, "responseObject": pod(chance, "answer"),
        "requestReceivedTimestamp": "2026-11-01T10:00:00.123456Z",
        "stageTimestamp": "2026-11-01T10:00:00.125456Z",
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""},
    })
}

fn pod(chance: &mut Chance, name: &str) -> Value {
    let image = format!("registry.example/shop/{name}:1.{}", chance.below(100));
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": name, "labels": {"app": "shop", "tier": "front"},
                     "annotations": {"checksum/config": "9f86d081884c7d659a2feaa0c55ad015"}},
        "spec": {
            "containers": [{
                "name": "app", "image": image,
                "env": [{"name": "LEVEL", "value": "info"}, {"name": "REGION", "value": "eu"}],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
                "securityContext": {"privileged": false, "runAsNonRoot": true},
            }],
            "serviceAccountName": "default", "restartPolicy": "Always",
        },
    })
}
