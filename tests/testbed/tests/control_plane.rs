//! The control plane is real: it answers, remembers, keeps people out and writes its audit log.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use k8scop_testbed::{ControlPlane, Tool, shared_control_plane, tool};
use serde_json::Value;

/// Runs kubectl and gives what it printed, or else its complaint.
async fn kubectl(kubeconfig: &Path, command: &str) -> Result<String, String> {
    let output = Command::new(tool(Tool::Kubectl).await.expect("kubectl builds"))
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(command.split(' '))
        .output()
        .expect("kubectl runs");
    let text = |bytes| String::from_utf8(bytes).expect("kubectl speaks UTF-8");
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

/// Runs kubectl as the administrator, who may do everything.
async fn admin(control_plane: &ControlPlane, command: &str) -> String {
    let done = kubectl(control_plane.kubeconfig(), command).await;
    done.unwrap_or_else(|complaint| panic!("kubectl {command}: {complaint}"))
}

/// Makes a namespace that no other test and no earlier run has.
async fn new_namespace(control_plane: &ControlPlane, purpose: &str) -> String {
    let name = format!("{purpose}-{}", std::process::id());
    admin(control_plane, &format!("create namespace {name}")).await;
    name
}

#[tokio::test]
async fn the_control_plane_accepts_a_namespace_and_writes_its_audit_log() {
    let control_plane = shared_control_plane().await.expect("a control plane");

    let name = new_namespace(control_plane, "seen").await;

    let log = std::fs::read_to_string(control_plane.audit_log()).expect("an audit log");
    let event = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|event| event["requestObject"]["metadata"]["name"] == name.as_str())
        .expect("the creation is in the audit log");
    assert_eq!(event["verb"], "create");
    assert_eq!(event["user"]["username"], "admin");
    assert_eq!(event["stage"], "ResponseComplete");
    assert_eq!(event["level"], "RequestResponse");
}

#[tokio::test]
async fn a_user_may_do_nothing_until_a_role_says_so() {
    let control_plane = shared_control_plane().await.expect("a control plane");
    let namespace = new_namespace(control_plane, "alice").await;
    let alice = control_plane.user_kubeconfig("alice").expect("alice");
    let list = format!("get pods -n {namespace}");

    let complaint = kubectl(&alice, &list).await.expect_err("no right");
    assert!(
        complaint.contains("User \"alice\" cannot list resource"),
        "{complaint}"
    );

    let role = format!("create role reader -n {namespace} --verb=list --resource=pods");
    let binding = format!("create rolebinding alice -n {namespace} --role=reader --user=alice");
    admin(control_plane, &role).await;
    admin(control_plane, &binding).await;
    // The API server heeds new roles with a little delay.
    let began = Instant::now();
    while let Err(complaint) = kubectl(&alice, &list).await {
        assert!(began.elapsed() < Duration::from_secs(10), "{complaint}");
    }
}

#[tokio::test]
async fn a_service_account_gets_a_token_and_is_known_by_it() {
    let control_plane = shared_control_plane().await.expect("a control plane");
    let namespace = new_namespace(control_plane, "robot").await;

    admin(
        control_plane,
        &format!("create serviceaccount robot -n {namespace}"),
    )
    .await;
    let token = admin(control_plane, &format!("create token robot -n {namespace}")).await;

    let robot = control_plane
        .kubeconfig_with_token("robot", token.trim())
        .expect("a kubeconfig");
    let name = kubectl(&robot, "auth whoami").await.expect("it is known");
    assert!(
        name.contains(&format!("system:serviceaccount:{namespace}:robot")),
        "{name}"
    );
}

#[tokio::test]
async fn a_privileged_pod_is_admitted() {
    let control_plane = shared_control_plane().await.expect("a control plane");
    let namespace = new_namespace(control_plane, "pods").await;

    admin(
        control_plane,
        &format!("run intruder --image=none --privileged -n {namespace}"),
    )
    .await;
}

#[tokio::test]
async fn a_killed_api_server_comes_back_with_its_data() {
    let mut control_plane = ControlPlane::start().await.expect("a control plane");
    let namespace = new_namespace(&control_plane, "kept").await;
    let get = format!("get namespace {namespace}");

    control_plane
        .kill_apiserver()
        .await
        .expect("it is ours to kill");
    let complaint = kubectl(control_plane.kubeconfig(), &get)
        .await
        .expect_err("nobody there");
    assert!(complaint.contains("refused"), "{complaint}");

    control_plane
        .start_apiserver()
        .await
        .expect("it starts again");
    admin(&control_plane, &get).await;
}
