//! Bodies of requests and answers, with the members that real ones have.

use crate::chance::Chance;

/// A pod with one or two containers.
pub fn pod(chance: &mut Chance, name: &str, namespace: &str) -> String {
    let containers: Vec<_> = (0..1 + usize::from(chance.percent(30)))
        .map(|number| container(chance, number))
        .collect();
    format!(
        r#"{{"kind":"Pod","apiVersion":"v1","metadata":{},"spec":{{"containers":[{}],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"default","nodeName":"worker-{}","securityContext":{{}},"schedulerName":"default-scheduler"}},"status":{{"phase":"Running","hostIP":"10.0.0.{}","qosClass":"Burstable"}}}}"#,
        metadata(chance, name, namespace),
        containers.join(","),
        chance.below(200),
        chance.below(256),
    )
}

/// A pod of an intruder.
pub fn evil_pod(number: usize) -> String {
    format!(
        r#"{{"kind":"Pod","apiVersion":"v1","metadata":{{"name":"intruder-{number}"}},"spec":{{"containers":[{{"name":"a","image":"evil{number}.example/tool:latest"}}]}}}}"#
    )
}

/// The lease of a node.
pub fn lease(chance: &mut Chance, name: &str) -> String {
    format!(
        r#"{{"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{},"spec":{{"holderIdentity":"{name}","leaseDurationSeconds":40,"renewTime":"2026-11-01T10:00:00.{:06}Z"}}}}"#,
        metadata(chance, name, "kube-node-lease"),
        chance.below(1_000_000),
    )
}

/// What a kubelet tells of a pod.
pub fn status_patch(chance: &mut Chance) -> String {
    format!(
        r#"{{"metadata":{{"uid":"{:08x}-3a2e-4a53-9a55-0123456789ab"}},"status":{{"$setElementOrder/conditions":[{{"type":"Ready"}},{{"type":"ContainersReady"}}],"conditions":[{{"lastTransitionTime":"2026-11-01T10:00:00Z","message":null,"reason":null,"status":"True","type":"Ready"}}],"containerStatuses":[{{"containerID":"containerd://9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","image":"registry.example/shop/web:1.7","ready":true,"restartCount":{},"state":{{"running":{{"startedAt":"2026-11-01T09:59:58Z"}}}}}}]}}}}"#,
        chance.below(1 << 32),
        chance.below(20),
    )
}

/// A binding of a role to a service account.
pub fn role_binding(chance: &mut Chance, name: &str, namespace: &str) -> String {
    format!(
        r#"{{"kind":"RoleBinding","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{},"subjects":[{{"kind":"ServiceAccount","name":"reader","namespace":"{namespace}"}}],"roleRef":{{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"reader"}}}}"#,
        metadata(chance, name, namespace),
    )
}

fn metadata(chance: &mut Chance, name: &str, namespace: &str) -> String {
    format!(
        r#"{{"name":"{name}","namespace":"{namespace}","uid":"{:08x}-3a2e-4a53-9a55-0123456789ab","resourceVersion":"{}","creationTimestamp":"2026-11-01T09:00:00Z","labels":{{"app":"shop","tier":"front"}},"annotations":{{"checksum/config":"9f86d081884c7d659a2feaa0c55ad015","note":"managed by \"shop\""}},"managedFields":[{{"manager":"controller","operation":"Update","apiVersion":"v1","time":"2026-11-01T09:00:00Z","fieldsType":"FieldsV1","fieldsV1":{{"f:metadata":{{"f:labels":{{".":{{}},"f:app":{{}},"f:tier":{{}}}}}}}}}}]}}"#,
        chance.below(1 << 32),
        chance.below(9_000_000),
    )
}

fn container(chance: &mut Chance, number: usize) -> String {
    format!(
        r#"{{"name":"app-{number}","image":"registry.example/shop/web:1.{}","args":["--verbose","--filter=a\u003eb"],"ports":[{{"containerPort":8080,"protocol":"TCP"}}],"env":[{{"name":"LEVEL","value":"info"}},{{"name":"REGION","value":"eu"}}],"resources":{{"limits":{{"memory":"256Mi"}},"requests":{{"cpu":"100m","memory":"128Mi"}}}},"volumeMounts":[{{"name":"kube-api-access","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}}],"imagePullPolicy":"IfNotPresent","securityContext":{{"privileged":false,"runAsNonRoot":true}}}}"#,
        chance.below(100),
    )
}
