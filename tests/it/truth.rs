//! What the built-in rules say of requests to a real apiserver, word for word, and of which
//! requests they say nothing.

use std::{fs, time::Duration};

use k8scop::detect::alert::Alert;
use k8scop_testbed::ControlPlane;
use reqwest::{Certificate, Client, Method, header::USER_AGENT};
use serde_json::{Value, json};

use crate::{
    pack,
    support::{cluster::Kubectl, eventually},
};

const CLUSTER: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: truth}
---
apiVersion: v1
kind: Namespace
metadata: {name: restricted, labels: {pod-security.kubernetes.io/enforce: baseline}}
---
apiVersion: v1
kind: Namespace
metadata: {name: level-request}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: tool, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: tool}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: tool, namespace: kube-system}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: mallory}
rules:
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterrolebindings]
  verbs: [create]
- apiGroups: ["", apps]
  resources: [configmaps, daemonsets, deployments, pods, secrets]
  verbs: [create, get, patch]
- apiGroups: [""]
  resources: [groups, users]
  verbs: [impersonate]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: mallory}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: mallory}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: mallory}]
---
apiVersion: v1
kind: Secret
metadata: {name: db, namespace: truth}
stringData: {password: correct-horse}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: truth, labels: {app: web}}
spec:
  containers: [{name: app, image: "registry.example/web:1"}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: truth}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      containers:
      - {name: main, image: "registry.example/agent:1", securityContext: {privileged: true}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: level-request}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: app, image: "registry.example/web:1"}]
"#;

const PRIVILEGED: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: root}
spec:
  containers: [{name: main, image: alpine, securityContext: {privileged: true}}]
"#;

const BINDING: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: door}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: mallory}]
"#;

const CONFIG_MAP: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: web.config, namespace: truth}
data: {currency: EUR}
"#;

/// An apiserver with a log of its own, so that all that is in it can be accounted for.
struct World {
    cluster: ControlPlane,
    admin: Kubectl,
    mallory: Kubectl,
}

impl World {
    async fn begin() -> Self {
        let cluster = ControlPlane::start().await.expect("the apiserver starts");
        let admin = Kubectl::new(cluster.kubeconfig()).await;
        let mallory = Kubectl::new(cluster.user_kubeconfig("mallory").expect("a user")).await;
        admin.apply(CLUSTER).await;
        let world = Self {
            cluster,
            admin,
            mallory,
        };
        let can = ["auth", "can-i", "get", "secrets", "-n", "truth"];
        let allowed = || async { world.mallory.run(&can, None).await.ok() };
        eventually("the rights are known", Duration::from_secs(10), allowed).await;
        world.mark("begin").await;
        world
    }

    /// Makes a request that the log can be cut at.
    async fn mark(&self, name: &str) {
        let absent = ["get", "--raw", &format!("/marks/{name}")];
        self.admin.run(&absent, None).await.expect_err("no such path");
    }

    /// The alerts about what was logged between two marks.
    async fn alerts(&self, from: &str, to: &str) -> Vec<Alert> {
        self.mark(to).await;
        let mark = |name: &str| format!("\"requestURI\":\"/marks/{name}\"");
        let (from, to) = (mark(from), mark(to));
        let logged = || async {
            let log = fs::read_to_string(self.cluster.audit_log()).ok()?;
            let (_, after) = log.split_once(&from)?;
            let (between, _) = after.split_once(&to)?;
            let lines: Vec<_> = between.lines().collect();
            // The first and the last line are the rests of the marks.
            Some(lines.get(1..lines.len() - 1)?.join("\n"))
        };
        let log = eventually("the requests are logged", Duration::from_secs(10), logged).await;
        pack::alerts(&log)
    }

    /// What the rules say of one command of kubectl.
    async fn said(&self, number: usize, who: &Kubectl, step: &Step) -> Vec<Alert> {
        let from = format!("from-{number}");
        self.mark(&from).await;
        let words: Vec<_> = step.0.split(' ').collect();
        let ran = who.run(&words, step.1);
        let ran = tokio::time::timeout(Duration::from_secs(10), ran).await;
        drop(ran);
        self.alerts(&from, &format!("to-{number}")).await
    }

    /// Sends a request with a token and a user agent, and returns the answer.
    async fn send(&self, method: Method, path: &str, token: &str, agent: &str) -> String {
        let authority = Certificate::from_pem(self.cluster.ca_pem().as_bytes());
        let client = Client::builder()
            .no_proxy()
            .add_root_certificate(authority.expect("a certificate"))
            .build()
            .expect("a client can be made");
        let request = client
            .request(method, format!("{}{path}", self.cluster.url()))
            .bearer_auth(token.trim())
            .header(USER_AGENT, agent);
        let answer = request.send().await.expect("the apiserver answers");
        answer.text().await.expect("the answer is text")
    }
}

/// A command of kubectl, and what it reads from its standard input.
type Step = (&'static str, Option<&'static str>);

fn text(alert: &Alert) -> String {
    let message = alert.document["message"].as_str().unwrap_or_default();
    format!("{:?} {message}", alert.severity)
}

const PATCHED: &str = "with kubectl or a client that calls itself so";

#[tokio::test]
async fn each_alert_says_what_happened_and_each_silence_is_meant() {
    let world = World::begin().await;
    let pod = "Informational mallory: get of pod truth/web-0 (as kubectl get pod web-0 --namespace truth)";
    let refused = "Low denied: mallory: exec in truth/web-0, container app: id";
    let read = "Medium mallory: get of secret truth/db";
    let json_patch = r#"patch deployment web -n level-request --type=json -p [{"op":"add","path":"/spec/template/spec/containers/0/securityContext","value":{"privileged":true}}]"#;
    let patched = |what: &str| format!("Low mallory: patch of {what} {PATCHED}");
    let steps: Vec<(Step, Vec<String>)> = vec![
        (
            ("create -f -", Some(BINDING)),
            vec!["Medium denied: mallory: create of clusterrolebindings -/door, cluster-admin for mallory".into()],
        ),
        (
            ("exec web-0 -n truth -- id", None),
            vec![pod.into(), refused.into(), refused.into()],
        ),
        (
            ("create -n restricted -f -", Some(PRIVILEGED)),
            vec!["Medium denied: mallory: create of pods restricted/root with privileged container main".into()],
        ),
        (("get secret gone -n truth", None), vec![]),
        (("create -n truth --dry-run=server -f -", Some(PRIVILEGED)), vec![]),
        (("create -n truth --dry-run=server -f -", Some(CONFIG_MAP)), vec![]),
        (
            ("patch secret db -n truth --dry-run=server -p {}", None),
            vec![read.into(), "Low dry run: mallory: patch of secret truth/db".into()],
        ),
        (("rollout restart daemonset agent -n truth", None), vec![patched("daemonsets truth/agent")]),
        (("label daemonset agent -n truth team=a", None), vec![patched("daemonsets truth/agent")]),
        (
            ("set image daemonset/agent main=registry.example/other:1 -n truth", None),
            vec![
                "High mallory: patch of daemonsets truth/agent with privileged container main".into(),
                patched("daemonsets truth/agent"),
            ],
        ),
        (
            (json_patch, None),
            vec![
                "High mallory: patch of deployments level-request/web with privileged container -".into(),
                patched("deployments level-request/web"),
            ],
        ),
        (
            ("get secret db -n truth --as=bob --as-group=system:masters", None),
            vec!["Medium bob: get of secret truth/db".into()],
        ),
    ];
    for (number, (step, expected)) in steps.iter().enumerate() {
        let said = world.said(number, &world.mallory, step).await;
        let said: Vec<_> = said.iter().map(text).collect();
        assert_eq!(said, *expected, "{step:?}");
    }
}

#[tokio::test]
async fn both_identities_of_an_impersonation_stand_in_the_alert() {
    let world = World::begin().await;
    let step = ("get secret db -n truth --as=bob --as-group=system:masters", None);
    let said = world.said(0, &world.mallory, &step).await;
    let [alert] = said.as_slice() else {
        panic!("one request is one alert: {said:?}");
    };
    let user = &alert.document["user"];
    assert_eq!(user["name"], "mallory");
    assert_eq!(user["effective"]["name"], "bob");
    assert!(user["effective"]["roles"].to_string().contains("system:masters"), "{user}");
}

#[tokio::test]
async fn no_user_agent_hides_a_service_account_and_no_dry_run_a_read() {
    let world = World::begin().await;
    let create = ["create", "token", "tool", "-n", "kube-system"];
    let token = world.admin.ok(&create).await;
    world.mark("tool").await;
    let controller = "kube-controller-manager/v1.36.3 (linux/amd64) kubernetes/e4ab2a8";
    for path in ["/api/v1/secrets", "/api/v1/pods?resourceVersion=0"] {
        world.send(Method::GET, path, &token, controller).await;
    }
    let path = "/api/v1/namespaces/truth/secrets?dryRun=All";
    let answer = world.send(Method::DELETE, path, &token, controller).await;
    let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
    let shown = answer.pointer("/items/0/data/password");
    assert_eq!(shown, Some(&json!("Y29ycmVjdC1ob3JzZQ==")), "the dry run gives the secret away");
    let said = world.alerts("tool", "end").await;
    let said: Vec<_> = said.iter().map(text).collect();
    let tool = "system:serviceaccount:kube-system:tool";
    assert_eq!(
        said,
        [
            format!("Medium {tool}: list of secrets: /api/v1/secrets"),
            format!("Low {tool}: list of pods in all namespaces (as kubectl get pods --all-namespaces)"),
            format!("Medium {tool}: deletecollection of secrets: /api/v1/namespaces/truth/secrets"),
        ]
    );
}

/// Nine kinds of request, twenty requests: each looks around, reads, changes or runs something.
const REQUESTS: [(&str, Step); 20] = [
    ("enum-namespace", ("get pods -n truth", None)),
    ("enum-namespace", ("get pods -n truth -l app=web -o yaml", None)),
    ("enum-namespace", ("get deployments -n truth", None)),
    ("describe-pod", ("get pod web-0 -n truth", None)),
    ("describe-pod", ("get pod web-0 -n truth -o yaml", None)),
    ("describe-pod", ("describe pod web-0 -n truth", None)),
    ("describe-pod", ("get pods -n truth --field-selector metadata.name=web-0", None)),
    ("enum-all-namespaces", ("get pods --all-namespaces", None)),
    ("enum-all-namespaces", ("get services -A -o wide", None)),
    ("enum-cluster-scope", ("get nodes", None)),
    ("enum-cluster-scope", ("get namespaces", None)),
    ("enum-rbac", ("get clusterrolebindings", None)),
    ("enum-permissions", ("auth can-i --list -n truth", None)),
    ("tamper-kubectl", ("apply -f -", Some(CONFIG_MAP))),
    ("tamper-kubectl", ("annotate pod web-0 -n truth seen=yes", None)),
    ("secrets-list", ("get secrets -n truth", None)),
    ("secrets-list", ("get secrets --all-namespaces", None)),
    ("secret-read", ("get secret db -n truth -o yaml", None)),
    ("pod-exec", ("exec web-0 -n truth -- cat /etc/passwd", None)),
    ("pod-exec", ("exec web-0 -n truth -c app -- sh -c id", None)),
];

#[tokio::test]
async fn each_of_twenty_requests_is_alerted() {
    let world = World::begin().await;
    for (number, (rule, step)) in REQUESTS.iter().enumerate() {
        let said = world.said(number, &world.admin, step).await;
        let rules: Vec<_> = said.iter().map(|alert| alert.rule.as_str()).collect();
        assert!(rules.contains(&&*format!("k8scop/{rule}")), "{step:?}: {rules:?}");
    }
}
