//! A controller under test, and the namespace it watches. The supervisor is the test itself.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use k8scop::{
    controller::{
        election::{Election, Office},
        health::Health,
        lease::Standing,
        rights::{LEASE_RIGHTS, RIGHTS},
        run::Controller,
    },
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
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    crds,
    support::{self, cluster::Kubectl},
};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30 * support::PATIENCE as u64);

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

    /// The account has these rights but for one resource.
    pub async fn may_not_use(&self, resource: &str) {
        self.grant(|right| right != resource).await;
    }

    async fn grant(&self, granted: impl Fn(&str) -> bool) {
        let all = RIGHTS.iter().chain(&LEASE_RIGHTS);
        let rules = all.filter_map(|right| {
            let resources: Vec<_> = right.resources.iter().filter(|r| granted(r)).collect();
            let rule =
                json!({"apiGroups": [right.group], "resources": resources, "verbs": right.verbs});
            (!resources.is_empty()).then_some(rule)
        });
        let rules: Vec<_> = rules.collect();
        self.apply(&json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "k8scop"}, "rules": rules,
        }))
        .await;
    }

    /// A client with the account's rights.
    pub async fn client(&self) -> Client {
        client(&self.kubeconfig).await
    }

    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Changes a status as somebody with the right to does.
    pub async fn patch_status(&self, job: &str, patch: &Value) {
        let patch = json!({"status": patch}).to_string();
        let merge = ["--subresource=status", "--type=merge", "-p", &patch];
        let what = ["patch", "analysisjob", job];
        self.kubectl(&[&what[..], &merge].concat()).await;
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
        let timeout = format!("--timeout={}s", PATIENCE.as_secs());
        self.kubectl(&["wait", what, &until, &timeout]).await;
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

/// A client with a kubeconfig.
pub async fn client(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .expect("the kubeconfig is right");
    Client::try_from(config).expect("a client")
}

/// A running controller.
pub struct Operator {
    plans: watch::Receiver<Arc<[Plan]>>,
    progress: watch::Sender<Published>,
    health: watch::Receiver<Health>,
    standing: watch::Receiver<Standing>,
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Operator {
    /// One that needs no election.
    pub async fn start(site: &Site) -> Self {
        let client = site.client().await;
        Self::with(site, client, None, Office::unopposed())
    }

    /// One that takes part in the election of its namespace.
    pub async fn elected(site: &Site, pod: &str) -> Self {
        let client = site.client().await;
        let (election, office) = Election::new(client.clone(), site.namespace, "k8scop", Some(pod));
        Self::with(site, client, Some(election), office)
    }

    fn with(site: &Site, client: Client, election: Option<Election>, office: Office) -> Self {
        let (plans, wanted) = watch::channel(Arc::from([]));
        let (progress, told) = watch::channel(Published::default());
        let (health, doing) = watch::channel(Health::default());
        let standing = office.standing.clone();
        let controller = Controller {
            client,
            namespaces: vec![site.namespace.to_owned()],
            instance: Some("k8scop-0".to_owned()),
            office,
            plans,
            progress: told,
            health,
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let work = async move {
            let committed = CancellationToken::new();
            let electing = async {
                if let Some(election) = election {
                    election.run(committed.clone()).await;
                }
            };
            let controlling = async {
                controller.run(stopped).await;
                committed.cancel();
            };
            tokio::join!(electing, controlling);
        };
        Self {
            plans: wanted,
            progress,
            health: doing,
            standing,
            task: AbortOnDropHandle::new(tokio::spawn(work)),
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

    /// Waits until it stands as it should.
    pub async fn stands_where(&mut self, right: impl Fn(&Standing) -> bool) -> Standing {
        let standing = timeout(PATIENCE, self.standing.wait_for(|now| right(now))).await;
        let standing = standing.expect("it comes to that");
        standing.expect("the election goes on").clone()
    }

    /// Waits until the plans are as they should be.
    pub async fn plans_where(&mut self, right: impl Fn(&[Plan]) -> bool) -> Arc<[Plan]> {
        let plans = timeout(PATIENCE, self.plans.wait_for(|plans| right(plans))).await;
        let plans = plans.expect("the plans come").expect("the controller runs");
        Arc::clone(&plans)
    }

    pub fn standing_now(&self) -> Standing {
        self.standing.borrow().clone()
    }

    pub fn obstacles_now(&self) -> Vec<String> {
        self.health.borrow().obstacles(Instant::now())
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
