//! A controller under test, and the namespace it watches. The supervisor is the test itself.

use std::{path::PathBuf, sync::Arc, time::Duration};

use k8scop::{
    controller::{election::Office, health::Health, rights::RIGHTS, run::Controller},
    pipeline::{board::Published, plan::Plan, progress::Progress},
};
use k8scop_testbed::{ControlPlane, shared_control_plane};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{crds, support::cluster::Kubectl};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A namespace, its administrator, and the service account that the controller runs as.
pub struct Site {
    namespace: &'static str,
    kubectl: Kubectl,
    kubeconfig: PathBuf,
}

impl Site {
    /// A namespace of the shared cluster.
    pub async fn new(namespace: &'static str) -> Self {
        let shared = shared_control_plane().await.expect("the apiserver starts");
        Self::within(shared, namespace).await
    }

    /// A namespace of a cluster.
    pub async fn within(cluster: &ControlPlane, namespace: &'static str) -> Self {
        let kubectl = crds::establish(cluster).await;
        kubectl.ok(&["create", "namespace", namespace]).await;
        kubectl
            .ok(&["create", "serviceaccount", "k8scop", "-n", namespace])
            .await;
        let token = kubectl
            .ok(&["create", "token", "k8scop", "-n", namespace])
            .await;
        let kubeconfig = cluster
            .kubeconfig_with_token(namespace, token.trim())
            .expect("a kubeconfig can be written");
        let site = Self {
            namespace,
            kubectl,
            kubeconfig,
        };
        let account = format!("--serviceaccount={namespace}:k8scop");
        site.kubectl(&["create", "rolebinding", "k8scop", "--role=k8scop", &account])
            .await;
        site.may_do_all_it_needs().await;
        site
    }

    /// The account has exactly the rights that the controller says it needs.
    pub async fn may_do_all_it_needs(&self) {
        self.grant(|_| true).await;
    }

    /// The account has these rights but for one kind.
    pub async fn may_not_list(&self, resource: &str) {
        self.grant(|right| right != resource).await;
    }

    async fn grant(&self, granted: impl Fn(&str) -> bool) {
        let rules = RIGHTS.map(|right| {
            let resources: Vec<_> = right.resources.iter().filter(|r| granted(r)).collect();
            json!({"apiGroups": [right.group], "resources": resources, "verbs": right.verbs})
        });
        self.apply(&json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "k8scop"}, "rules": rules,
        }))
        .await;
    }

    pub async fn apply(&self, manifest: &Value) {
        let apply = ["apply", "-n", self.namespace, "-f", "-"];
        let applied = self.kubectl.run(&apply, Some(&manifest.to_string())).await;
        applied.unwrap_or_else(|error| panic!("{error}\n{manifest}"));
    }

    pub async fn kubectl(&self, arguments: &[&str]) -> String {
        self.kubectl
            .ok(&[arguments, &["-n", self.namespace]].concat())
            .await
    }

    pub async fn get(&self, kind: &str, name: &str) -> Value {
        let object = self.kubectl.get(self.namespace, kind, name).await;
        object.unwrap_or_else(|| panic!("{kind} {name} is there"))
    }

    /// Waits as users do: `kubectl wait`.
    pub async fn wait(&self, what: &str, until: &str) {
        let until = format!("--for={until}");
        self.kubectl(&["wait", what, &until, "--timeout=30s"]).await;
    }

    pub async fn ready(&self, what: &str) {
        self.wait(what, "condition=Ready").await;
    }

    /// What `kubectl get` prints, but for the age.
    pub async fn columns(&self, kind: &str) -> Vec<String> {
        let printed = self.kubectl(&["get", kind]).await;
        let lines = printed.lines().map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            words[..words.len() - 1].join(" ")
        });
        lines.collect()
    }

    /// The versions of all rules and jobs.
    pub async fn versions(&self) -> String {
        let columns = "-o=custom-columns=N:.metadata.name,V:.metadata.resourceVersion";
        self.kubectl(&["get", "k8scoprules,analysisjobs", columns])
            .await
    }

    /// The Kubernetes Events about an object, in their order.
    pub async fn events(&self, name: &str) -> Vec<String> {
        let events = self
            .kubectl(&["get", "events.events.k8s.io", "-o", "json"])
            .await;
        let events: Value = serde_json::from_str(&events).expect("kubectl prints JSON");
        let mut of_object: Vec<_> = events["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|event| event["regarding"]["name"] == name)
            .collect();
        of_object.sort_by_key(|event| event["eventTime"].to_string());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let tell = |event: &&Value| {
            let [kind, reason, note] = ["type", "reason", "note"].map(|field| text(&event[field]));
            format!("{kind} {reason}: {note}")
        };
        of_object.iter().map(tell).collect()
    }
}

/// A running controller.
pub struct Operator {
    plans: watch::Receiver<Arc<[Plan]>>,
    progress: watch::Sender<Published>,
    health: watch::Receiver<Health>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Operator {
    pub async fn start(site: &Site) -> Self {
        let kubeconfig = Kubeconfig::read_from(&site.kubeconfig).expect("a kubeconfig");
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .expect("the kubeconfig is right");
        let (plans, wanted) = watch::channel(Arc::from([]));
        let (progress, told) = watch::channel(Published::default());
        let (health, doing) = watch::channel(Health::default());
        let controller = Controller {
            client: Client::try_from(config).expect("a client"),
            namespaces: vec![site.namespace.to_owned()],
            instance: Some("k8scop-0".to_owned()),
            office: Office::unopposed(),
            plans,
            progress: told,
            health,
        };
        let stop = CancellationToken::new();
        Self {
            plans: wanted,
            progress,
            health: doing,
            task: tokio::spawn(controller.run(stop.clone())),
            stop,
        }
    }

    pub async fn stop(self) {
        self.stop.cancel();
        let ended = timeout(PATIENCE, self.task).await;
        ended
            .expect("the controller ends")
            .expect("and does not break");
    }

    /// Waits until the plans are as they should be.
    pub async fn plans_where(&mut self, right: impl Fn(&[Plan]) -> bool) -> Arc<[Plan]> {
        let plans = timeout(PATIENCE, self.plans.wait_for(|plans| right(plans))).await;
        let plans = plans.expect("the plans come").expect("the controller runs");
        Arc::clone(&plans)
    }

    pub fn plans_now(&self) -> Vec<Plan> {
        self.plans.borrow().to_vec()
    }

    /// Waits until what keeps the controller from being ready is as it should be.
    pub async fn obstacles_where(&mut self, right: impl Fn(&[String]) -> bool) -> Vec<String> {
        let told = |health: &Health| health.obstacles(Instant::now());
        let health = timeout(
            PATIENCE,
            self.health.wait_for(|health| right(&told(health))),
        )
        .await;
        let health = health
            .expect("the health comes")
            .expect("the controller runs");
        told(&health)
    }

    /// Tells how far a plan has come, as the supervisor does.
    pub fn report(&self, plan: &Plan, progress: Progress) {
        let all = [(plan.id.clone(), progress)].into();
        self.progress.send_replace(Arc::new(all));
    }
}
