//! K8sCop: the operator with the rights its chart gives, on a real apiserver.

use serde_json::{Value, json};

use crate::{
    events::{Pair, RULES},
    scenario::Scenario,
    server::Server,
    support::{
        cluster::condition,
        installation::{Installation, installation},
        operator::Operator,
    },
};

/// How far before the first event the job begins: further than any event is late.
const BEFORE: jiff::SignedDuration = jiff::SignedDuration::from_hours(2);

/// One operator, with a namespace of its own.
pub struct K8sCop {
    world: &'static Installation,
    namespace: String,
    server: Server,
    process: Option<Operator>,
}

impl K8sCop {
    /// Applies the rules and the job.
    pub async fn new(scenario: Scenario, server: Server) -> K8sCop {
        let world = installation().await;
        let namespace = format!("versus-{}", scenario.name);
        world.admin.ok(&["create", "namespace", &namespace]).await;
        for rule in &RULES {
            let predicates = rule
                .equals
                .iter()
                .map(|(field, value)| json!({"field": field, "equals": value}));
            let spec = json!({
                "title": rule.name, "severity": "Medium", "category": "Versus",
                "selections": [{"name": "is", "all": predicates.collect::<Vec<_>>()}],
            });
            let manifest = object("K8sCopRule", &namespace, rule.name, &spec);
            world.admin.apply(&manifest.to_string()).await;
        }
        let spec = json!({
            "mode": "Streaming", "fetchDelaySeconds": 5,
            "startTime": format!("{:.0}", jiff::Timestamp::now() - BEFORE),
            "source": {"index": format!("{}-*", scenario.source())},
            "sink": {"index": sink(&namespace)},
        });
        let manifest = object("AnalysisJob", &namespace, "all", &spec);
        world.admin.apply(&manifest.to_string()).await;
        K8sCop {
            world,
            namespace,
            server,
            process: None,
        }
    }

    pub async fn start(&mut self) {
        let scope = [
            "--watch-namespaces",
            &self.namespace,
            "--leader-elect=false",
        ];
        let kubeconfig = &self.world.operator_kubeconfig;
        self.process = Some(Operator::spawn(kubeconfig, self.server.url(), &scope).await);
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill().await;
        }
    }

    /// Whether the job follows its source.
    pub async fn is_ready(&self) -> bool {
        let job = self
            .world
            .admin
            .get(&self.namespace, "analysisjob", "all")
            .await;
        let ready = job.and_then(|job| condition(&job, "Ready"));
        ready.is_some_and(|(status, ..)| status == "True")
    }

    /// What stands in the sink; nothing while the server is away.
    pub async fn alerts(&self) -> Option<Vec<Pair>> {
        let fields = ["rule.name", "kubernetes.audit.auditID"];
        let documents = self
            .server
            .documents(&sink(&self.namespace), &fields)
            .await?;
        Some(documents.iter().map(|hit| pair(&hit["_source"])).collect())
    }
}

fn sink(namespace: &str) -> String {
    format!("{namespace}-alerts")
}

fn object(kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "k8scop.io/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": namespace}, "spec": spec,
    })
}

fn pair(alert: &Value) -> Pair {
    let text = |pointer| {
        alert
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let rule = text("/rule/name")
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    (rule, text("/kubernetes/audit/auditID").to_owned())
}
