//! What the built-in rules say of requests to a real apiserver, word for word, and of which
//! requests they say nothing.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use k8scop::detect::alert::Alert;
use k8scop_testbed::ControlPlane;
use reqwest::{Certificate, Client, Method, header::USER_AGENT};
use serde_json::{Value, json};

use crate::{
    pack,
    support::{cluster::Kubectl, eventually},
};

const CLUSTER: &str = include_str!("truth/cluster.yaml");

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
        world
    }

    /// Makes a request that the log can be cut at, and returns its path.
    async fn mark(&self) -> String {
        static MARKS: AtomicUsize = AtomicUsize::new(0);
        let path = format!("/mark-{}-", MARKS.fetch_add(1, Ordering::Relaxed));
        let unknown = self.admin.run(&["get", "--raw", &path], None).await;
        unknown.expect_err("there is no such path");
        path
    }

    /// The alerts about what was logged from a mark on.
    async fn alerts(&self, from: String) -> Vec<Alert> {
        let to = self.mark().await;
        let logged = || async {
            let log = fs::read_to_string(self.cluster.audit_log()).ok()?;
            let lines: Vec<_> = log.lines().collect();
            let is_at = |mark: &str| lines.iter().position(|line| line.contains(mark));
            Some(lines[is_at(&from)? + 1..is_at(&to)?].join("\n"))
        };
        let log = eventually("the requests are logged", Duration::from_secs(10), logged).await;
        pack::alerts(&log)
    }

    /// The alerts about one command of kubectl. Some fail, as they are to.
    async fn said(&self, who: &Kubectl, step: &Step) -> Vec<Alert> {
        let from = self.mark().await;
        let words: Vec<_> = step.0.split(' ').collect();
        let ran = tokio::time::timeout(Duration::from_secs(10), who.run(&words, step.1));
        ran.await.ok();
        self.alerts(from).await
    }

    /// Sends a request with a token and a controller's user agent, and returns the answer.
    async fn send(&self, method: Method, path: &str, token: &str) -> String {
        let authority = Certificate::from_pem(self.cluster.ca_pem().as_bytes());
        let client = Client::builder()
            .no_proxy()
            .add_root_certificate(authority.expect("a certificate"))
            .build()
            .expect("a client can be made");
        let request = client
            .request(method, format!("{}{path}", self.cluster.url()))
            .bearer_auth(token.trim())
            .header(USER_AGENT, "kube-controller-manager/v1.36.3");
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

#[tokio::test]
async fn each_alert_says_what_happened_and_each_silence_is_meant() {
    let world = World::begin().await;
    mallory_tries_and_does(&world).await;
    the_administrator_tries_and_does(&world).await;
    both_identities_of_an_impersonation_stand_in_the_alert(&world).await;
    no_user_agent_hides_a_service_account(&world).await;
}

async fn says(world: &World, who: &Kubectl, step: Step, expected: &[&str]) {
    let said = world.said(who, &step).await;
    let said: Vec<_> = said.iter().map(text).collect();
    assert_eq!(said, expected, "{step:?}");
}

async fn mallory_tries_and_does(world: &World) {
    let refused = "Low denied: mallory: exec in truth/web-0, container app: id";
    let changed = "Low mallory: patch of daemonsets truth/agent with kubectl or a client that calls itself so";
    let steps: [(Step, &[&str]); 11] = [
        (
            ("create -f -", Some(BINDING)),
            &[
                "Medium denied: mallory: create of clusterrolebindings -/door, cluster-admin for mallory",
            ],
        ),
        (
            ("exec web-0 -n truth -- id", None),
            &[
                "Informational mallory: get of pod truth/web-0 (as kubectl get pod web-0 --namespace truth)",
                refused,
                refused,
            ],
        ),
        (
            ("create -n restricted -f -", Some(PRIVILEGED)),
            &[
                "Medium denied: mallory: create of pods restricted/root with privileged container main",
            ],
        ),
        (("get secret gone -n truth", None), &[]),
        (
            ("create -n truth --dry-run=server -f -", Some(PRIVILEGED)),
            &[],
        ),
        (
            ("patch secret db -n truth --dry-run=server -p {}", None),
            &[
                "Medium mallory: get of secret truth/db",
                "Low dry run: mallory: patch of secret truth/db",
            ],
        ),
        (
            ("rollout restart daemonset agent -n truth", None),
            &[changed],
        ),
        (("label daemonset agent -n truth team=a", None), &[changed]),
        (
            (
                "set image daemonset/agent main=registry.example/other:1 -n truth",
                None,
            ),
            &[
                "High mallory: patch of daemonsets truth/agent with privileged container main",
                changed,
            ],
        ),
        (
            (
                r#"patch deployment web -n level-request --type=json -p [{"op":"add","path":"/spec/template/spec/containers/0/securityContext","value":{"privileged":true}}]"#,
                None,
            ),
            &[
                "High mallory: patch of deployments level-request/web with privileged container -",
                "Low mallory: patch of deployments level-request/web with kubectl or a client that calls itself so",
            ],
        ),
        (
            (
                "get secret db -n truth --as=bob --as-group=system:masters",
                None,
            ),
            &["Medium bob: get of secret truth/db"],
        ),
    ];
    for (step, expected) in steps {
        says(world, &world.mallory, step, expected).await;
    }
}

async fn the_administrator_tries_and_does(world: &World) {
    let changed = "Low admin: patch of clusterrolebindings -/tool with kubectl or a client that calls itself so";
    let steps: [(Step, &[&str]); 3] = [
        (("create --dry-run=server -f -", Some(BINDING)), &[]),
        (("label clusterrolebinding tool team=a", None), &[changed]),
        (
            (
                r#"patch clusterrolebinding tool --type=json -p [{"op":"add","path":"/subjects/-","value":{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"eve"}}]"#,
                None,
            ),
            &[
                "High admin: patch of clusterrolebindings -/tool, cluster-admin for eve",
                changed,
            ],
        ),
    ];
    for (step, expected) in steps {
        says(world, &world.admin, step, expected).await;
    }
}

async fn both_identities_of_an_impersonation_stand_in_the_alert(world: &World) {
    let step = (
        "get secret db -n truth --as=bob --as-group=system:masters",
        None,
    );
    let said = world.said(&world.mallory, &step).await;
    let [alert] = said.as_slice() else {
        panic!("one request is one alert: {said:?}");
    };
    let user = &alert.document["user"];
    assert_eq!(user["name"], "mallory");
    assert_eq!(user["effective"]["name"], "bob");
    let groups = user["effective"]["roles"].to_string();
    assert!(groups.contains("system:masters"), "{user}");
}

async fn no_user_agent_hides_a_service_account(world: &World) {
    let create = ["create", "token", "tool", "-n", "kube-system"];
    let token = world.admin.ok(&create).await;
    let from = world.mark().await;
    for path in ["/api/v1/secrets", "/api/v1/pods?resourceVersion=0"] {
        world.send(Method::GET, path, &token).await;
    }
    let path = "/api/v1/namespaces/truth/secrets?dryRun=All";
    let answer = world.send(Method::DELETE, path, &token).await;
    let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
    let shown = answer.pointer("/items/0/data/password");
    assert_eq!(
        shown,
        Some(&json!("Y29ycmVjdC1ob3JzZQ==")),
        "the dry run gives the secret away"
    );
    let said: Vec<_> = world.alerts(from).await.iter().map(text).collect();
    let tool = "system:serviceaccount:kube-system:tool";
    assert_eq!(
        said,
        [
            format!("Medium {tool}: list of secrets: /api/v1/secrets"),
            format!(
                "Low {tool}: list of pods in all namespaces (as kubectl get pods --all-namespaces)"
            ),
            format!("Medium {tool}: deletecollection of secrets: /api/v1/namespaces/truth/secrets"),
        ]
    );
}

/// Nine kinds of request, twenty requests: each looks around, reads, changes or runs something.
const REQUESTS: [(&str, Step); 20] = [
    ("enum-namespace", ("get pods -n truth", None)),
    (
        "enum-namespace",
        ("get pods -n truth -l app=web -o yaml", None),
    ),
    ("enum-namespace", ("get deployments -n truth", None)),
    ("describe-pod", ("get pod web-0 -n truth", None)),
    ("describe-pod", ("get pod web-0 -n truth -o yaml", None)),
    ("describe-pod", ("describe pod web-0 -n truth", None)),
    (
        "describe-pod",
        (
            "get pods -n truth --field-selector metadata.name=web-0",
            None,
        ),
    ),
    ("enum-all-namespaces", ("get pods --all-namespaces", None)),
    ("enum-all-namespaces", ("get services -A -o wide", None)),
    ("enum-cluster-scope", ("get nodes", None)),
    ("enum-cluster-scope", ("get namespaces", None)),
    ("enum-rbac", ("get clusterrolebindings", None)),
    ("enum-permissions", ("auth can-i --list -n truth", None)),
    ("tamper-kubectl", ("apply -f -", Some(CONFIG_MAP))),
    (
        "tamper-kubectl",
        ("annotate pod web-0 -n truth seen=yes", None),
    ),
    ("secrets-list", ("get secrets -n truth", None)),
    ("secrets-list", ("get secrets --all-namespaces", None)),
    ("secret-read", ("get secret db -n truth -o yaml", None)),
    ("pod-exec", ("exec web-0 -n truth -- cat /etc/passwd", None)),
    ("pod-exec", ("exec web-0 -n truth -c app -- sh -c id", None)),
];

#[tokio::test]
async fn each_of_twenty_requests_is_alerted() {
    let world = World::begin().await;
    for (rule, step) in &REQUESTS {
        let said = world.said(&world.admin, step).await;
        let rules: Vec<_> = said.iter().map(|alert| alert.rule.as_str()).collect();
        assert!(
            rules.contains(&&*format!("k8scop/{rule}")),
            "{step:?}: {rules:?}"
        );
    }
}
