//! Texts that stand in most audit logs, whatever the cluster: a rule entered under one of them would
//! be a candidate of many events. They only make the index fast; none has to be complete.

/// Whether a value of the event itself is common.
pub fn is_common_value(value: &str) -> bool {
    VALUES.contains(&value)
}

/// Whether a text is found within values that are common.
pub fn is_part_of_common_text(text: &[u8]) -> bool {
    let mut texts = TEXTS.iter().map(|common| common.as_bytes());
    texts.any(|common| memchr::memmem::find(common, text).is_some())
}

const VALUES: &[&str] = &[
    "Event",
    "audit.k8s.io/v1",
    "v1",
    "Metadata",
    "Request",
    "RequestResponse",
    "RequestReceived",
    "ResponseStarted",
    "ResponseComplete",
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "pods",
    "nodes",
    "services",
    "endpoints",
    "endpointslices",
    "configmaps",
    "secrets",
    "events",
    "leases",
    "namespaces",
    "deployments",
    "replicasets",
    "serviceaccounts",
    "subjectaccessreviews",
    "tokenreviews",
    "status",
    "default",
    "kube-system",
    "kube-node-lease",
    "apps",
    "coordination.k8s.io",
    "rbac.authorization.k8s.io",
    "authorization.k8s.io",
    "allow",
    "system:authenticated",
    "system:serviceaccounts",
    "system:serviceaccounts:kube-system",
    "system:nodes",
    "200",
    "201",
];

const TEXTS: &[&str] = &[
    "/api/v1/namespaces/kube-system/configmaps/",
    "/api/v1/namespaces/default/pods/",
    "/api/v1/namespaces/kube-system/secrets/",
    "/api/v1/nodes/",
    "/apis/apps/v1/namespaces/kube-system/deployments/",
    "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/",
    "/apis/rbac.authorization.k8s.io/v1/",
    "/status?fieldManager=",
    "?allowWatchBookmarks=true&resourceVersion=",
    "?limit=500&",
    "&timeoutSeconds=",
    "&watch=true",
    "system:serviceaccount:kube-system:",
    "system:kube-controller-manager",
    "system:node:",
    "kubelet/v1. (linux/amd64) kubernetes/",
    "kube-controller-manager/v1.",
    "kubectl/v1.",
];
