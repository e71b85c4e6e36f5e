//! Plays the story of `examples/audit.jsonl` on a real apiserver, and writes what it logged.

use std::{fmt::Debug, fs, path::PathBuf, time::Duration};

use futures::{StreamExt, TryStreamExt, future, stream};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        coordination::v1::Lease,
        core::v1::{Node, Pod, Secret, Service},
    },
};
use k8scop_testbed::ControlPlane;
use kube::{
    Api, Client, Config,
    api::ListParams,
    config::{KubeConfigOptions, Kubeconfig},
    runtime::watcher,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use cluster::Kubectl;
use script::Step;

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../it/support/cluster.rs"]
mod cluster;
mod script;

/// How often people do what they do every day.
const DAYS: usize = 3;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/audit.jsonl");

#[tokio::main]
async fn main() {
    let cluster = ControlPlane::start().await.expect("the apiserver starts");
    let admin = Kubectl::new(cluster.kubeconfig()).await;
    admin.apply(script::CLUSTER).await;
    run_pods(&admin, &["db-0"]).await;
    let exporter = exporter(&cluster, &admin).await;
    let alice = Kubectl::new(cluster.user_kubeconfig("alice").expect("a user")).await;
    let bob = Kubectl::new(cluster.user_kubeconfig("bob").expect("a user")).await;
    until_allowed(&alice, "get configmaps -n shop").await;
    let began = log(&cluster).len();

    let days = (script::ALICE.repeat(DAYS), script::BOB.repeat(DAYS));
    let ordinary = future::join(play(&alice, &days.0), play(&bob, &days.1));
    let story = future::join(ordinary, intrude(&cluster, &admin));
    tokio::select! {
        _ = story => {}
        () = export(exporter) => panic!("the exporter ended"),
        () = tokio::time::sleep(Duration::from_secs(180)) => panic!("the story does not end"),
    }

    write(&cluster, &log(&cluster)[began..]);
}

fn log(cluster: &ControlPlane) -> String {
    fs::read_to_string(cluster.audit_log()).expect("the apiserver logs")
}

/// Runs commands one after the other. Some fail, as they do in life: there is no node.
async fn play(kubectl: &Kubectl, steps: &[Step]) {
    for (command, input) in steps {
        let words: Vec<_> = command.split(' ').collect();
        let limited = tokio::time::timeout(Duration::from_secs(10), kubectl.run(&words, *input));
        limited.await.ok();
    }
}

/// Repeats a command until the apiserver has noticed the right to it.
async fn until_allowed(kubectl: &Kubectl, command: &str) {
    let words: Vec<_> = command.split(' ').collect();
    while kubectl.run(&words, None).await.is_err() {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// Does the part of the kubelet, for there is none.
async fn run_pods(admin: &Kubectl, pods: &[&str]) {
    for pod in pods {
        let patch = json!({"status": {"phase": "Running"}}).to_string();
        let arguments = [
            "patch",
            "pod",
            pod,
            "-n",
            "shop",
            "--subresource=status",
            "-p",
            &patch,
        ];
        while admin.run(&arguments, None).await.is_err() {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

async fn intrude(cluster: &ControlPlane, admin: &Kubectl) {
    let mallory = Kubectl::new(cluster.user_kubeconfig("mallory").expect("a user")).await;
    let nobody = client(cluster.user_kubeconfig("mallory").expect("a user"), false).await;
    play(&mallory, script::MALLORY_LOOKS_AROUND).await;
    nobody
        .apiserver_version()
        .await
        .expect("the version is open to all");
    list::<Secret>(&nobody)
        .await
        .expect_err("the door is closed");
    run_pods(admin, &["web-0"]).await;
    play(&mallory, script::MALLORY_BREAKS_IN).await;
    until_allowed(&mallory, script::MALLORY_HARVESTS).await;
    play(&mallory, script::MALLORY_STAYS).await;
    while list::<Pod>(&nobody).await.is_err() {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn list<K>(client: &Client) -> kube::Result<()>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    K: Clone + Debug + DeserializeOwned,
{
    Api::<K>::namespaced(client.clone(), "shop")
        .list(&ListParams::default())
        .await
        .map(drop)
}

/// A client with the token of a service account.
async fn exporter(cluster: &ControlPlane, admin: &Kubectl) -> Client {
    let token = admin
        .ok(&["create", "token", "exporter", "-n", "monitoring"])
        .await;
    let path = cluster.kubeconfig_with_token("exporter", token.trim());
    client(path.expect("a kubeconfig can be written"), true).await
}

/// A client of the cluster, with the credentials of the kubeconfig or without.
async fn client(kubeconfig: PathBuf, credentials: bool) -> Client {
    let mut kubeconfig = Kubeconfig::read_from(kubeconfig).expect("it was written");
    if !credentials {
        kubeconfig.auth_infos[0].auth_info = None;
    }
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    Client::try_from(config.expect("the kubeconfig is right")).expect("a client")
}

/// What programs in a cluster do all day: watch some kinds, and renew a lease.
async fn export(client: Client) {
    let pods = watcher(Api::<Pod>::all(client.clone()), watcher::Config::default());
    let nodes = watcher(Api::<Node>::all(client.clone()), watcher::Config::default());
    let services = watcher(
        Api::<Service>::all(client.clone()),
        watcher::Config::default(),
    );
    let watches = stream::select_all([
        pods.map_ok(drop).boxed(),
        nodes.map_ok(drop).boxed(),
        services.map_ok(drop).boxed(),
    ]);
    future::join(watches.for_each(|_| future::ready(())), renew(client)).await;
}

async fn renew(client: Client) {
    let leases: Api<Lease> = Api::namespaced(client, "monitoring");
    let mut lease = Lease::default();
    lease.metadata.name = Some("exporter".to_owned());
    leases
        .create(&Default::default(), &lease)
        .await
        .expect("a lease is made");
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut lease = leases.get("exporter").await.expect("the lease is there");
        let spec = lease.spec.get_or_insert_default();
        spec.lease_transitions = Some(spec.lease_transitions.unwrap_or_default() + 1);
        leases
            .replace("exporter", &Default::default(), &lease)
            .await
            .expect("it is mine");
    }
}

/// Writes the file, and nothing of this machine with it.
fn write(cluster: &ControlPlane, log: &str) {
    let lines: Vec<_> = log
        .lines()
        .map(|line| {
            let mut event: Value = serde_json::from_str(line).expect("an event is JSON");
            without_managed_fields(&mut event);
            event.to_string()
        })
        .collect();
    let text = lines.join("\n") + "\n";
    let folder = cluster
        .audit_log()
        .parent()
        .expect("a file is in a folder")
        .display();
    let host = fs::read_to_string("/etc/hostname").unwrap_or_default();
    for private in [folder.to_string(), format!("\"{}\"", host.trim())] {
        let leak = lines.iter().find(|line| line.contains(&private));
        assert_eq!(leak, None, "the log names this machine: {private}");
    }
    fs::write(FILE, text).expect("the example can be written");
}

/// As an audit policy with `omitManagedFields: true` leaves them out.
fn without_managed_fields(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("managedFields");
            fields.values_mut().for_each(without_managed_fields);
        }
        Value::Array(items) => items.iter_mut().for_each(without_managed_fields),
        _ => {}
    }
}
