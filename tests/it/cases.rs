//! Events of the kinds that alerts were once wrong about: what the built-in rules say of each, and
//! of which they say nothing. The files are written by hand.

use std::fs;

use crate::pack;

/// The alerts of a file: its line, and the severity, the rule and the words of the alert.
fn said(file: &str) -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/cases");
    let log = fs::read_to_string(format!("{folder}/{file}.jsonl")).expect("the file is there");
    let alerts = pack::alerts(&log).into_iter().map(|alert| {
        let line = alert.document["k8scop"]["source"]["id"].as_str();
        let message = alert.document["message"].as_str();
        let rule = alert.rule.trim_start_matches("k8scop/");
        format!(
            "{} {:?} {rule}: {}",
            line.unwrap_or_default(),
            alert.severity,
            message.unwrap_or_default()
        )
    });
    alerts.collect()
}

/// The control plane of distributions that run it in one program, and of Windows nodes: identities
/// decide, names of programs do not.
#[test]
fn no_program_name_makes_an_alert_about_the_control_plane() {
    assert_eq!(said("programs-of-distributions"), [] as [&str; 0]);
}

#[test]
fn kubectl_is_known_by_all_its_names() {
    assert_eq!(
        said("kubectl-by-other-names"),
        [
            "1 Low tamper-kubectl: mallory: patch of nodes -/worker-2 with kubectl or a client that calls itself so",
            "2 Low tamper-kubectl: mallory: patch of deployments shop/web with kubectl or a client that calls itself so",
            "3 Low tamper-kubectl: mallory: create of configmaps shop/flags with kubectl or a client that calls itself so",
            "4 Low tamper-kubectl: mallory: patch of configmaps shop/flags with kubectl or a client that calls itself so",
        ]
    );
}

/// Refused, failed, invalid, in a dry run: no such alert is High.
#[test]
fn what_did_not_happen_is_never_said_to_have_happened() {
    assert_eq!(
        said("what-did-not-happen"),
        [
            "1 Low pod-exec: denied: mallory: exec in shop/web-0, container app: sh",
            "2 Low pod-exec: failed: mallory: exec in shop/web-9, container app: sh",
            "3 Low pod-attach: denied: mallory: attach to shop/web-0, container app",
            "4 Low pod-port-forward: denied: mallory: port-forward to shop/db-0",
            "5 Medium cluster-admin-binding: denied: mallory: create of clusterrolebindings -/door, cluster-admin for mallory",
            "8 Medium privileged-pod: denied: mallory: create of pods restricted/root with privileged container main",
            "11 Medium secrets-refused: denied: mallory: get of secrets: /api/v1/namespaces/shop/secrets/db",
            "12 Low secret-read: dry run: mallory: patch of secret shop/db",
            "16 Low anonymous-access: denied: anonymous caller at 198.51.100.7: list of /api/v1/namespaces/shop/secrets",
            "16 Medium secrets-refused: denied: system:anonymous: list of secrets: /api/v1/namespaces/shop/secrets",
            "17 Informational enum-all-namespaces: denied: mallory: list of pods in all namespaces (as kubectl get pods --all-namespaces)",
        ]
    );
}

#[test]
fn a_patch_of_metadata_asks_for_no_privilege() {
    assert_eq!(said("metadata-only-patches"), [] as [&str; 0]);
}

#[test]
fn a_patch_of_a_privileged_container_or_of_subjects_is_seen() {
    assert_eq!(
        said("patches-of-what-matters"),
        [
            "1 High privileged-pod: mallory: patch of daemonsets kube-system/agent with privileged container main",
            "2 High privileged-pod: mallory: patch of daemonsets kube-system/agent with privileged container main",
            "3 High cluster-admin-binding: mallory: patch of clusterrolebindings -/admins, cluster-admin for mallory",
            "4 High cluster-admin-binding: mallory: patch of clusterrolebindings -/admins, cluster-admin for mallory",
        ]
    );
}

#[test]
fn whoever_is_impersonated_is_named_and_never_excepted() {
    assert_eq!(
        said("impersonation"),
        [
            "1 Medium pod-exec: u-k7: exec in shop/web-0, container app: sh",
            "2 Medium secret-read: carol: get of secret shop/db",
            "3 Medium secrets-list: system:serviceaccount:kube-system:generic-garbage-collector: list of secrets: /api/v1/namespaces/shop/secrets",
            "4 High privileged-pod: bob: create of pods shop/root with privileged container main",
            "5 Medium secret-read: system:node:worker-2: get of secret shop/db",
        ]
    );
}

#[test]
fn json_patches_are_read_at_audit_level_request() {
    assert_eq!(
        said("json-patches"),
        [
            "1 High privileged-pod: mallory: patch of deployments shop/web with privileged container -",
            "2 Medium host-path: mallory: patch of daemonsets shop/logs with node path /",
            "3 High privileged-pod: mallory: patch of pods shop/web-0 with privileged container main",
            "4 High privileged-pod: mallory: patch of deployments shop/web with privileged container -",
            "5 High privileged-pod: mallory: patch of deployments shop/web with privileged container main",
            "6 High privileged-pod: mallory: patch of deployments shop/web with privileged container main",
            "7 Medium host-path: mallory: patch of daemonsets shop/logs with node path /run",
            "8 High privileged-pod: mallory: patch of cronjobs shop/nightly with privileged container main",
        ]
    );
}

/// Truncated by the apiserver, or cut off on the way.
#[test]
fn an_incomplete_event_of_a_write_is_an_alert_of_its_own() {
    assert_eq!(
        said("incomplete"),
        [
            "1 Medium audit-event-incomplete: mallory: create of pods shop/evil, whose audit event is incomplete (truncated)",
            "2 Medium audit-event-incomplete: mallory: create of clusterrolebindings -/door, whose audit event is incomplete (truncated)",
            "3 Medium audit-event-incomplete: mallory: update of rollouts shop/web, whose audit event is incomplete (truncated)",
            "4 Medium audit-event-incomplete: mallory: create of pods shop/evil, whose audit event is incomplete (truncated)",
            "5 Medium audit-event-incomplete: mallory: create of pods shop/evil, whose audit event is incomplete (cutOff)",
        ]
    );
}

#[test]
fn no_user_agent_hides_its_caller() {
    assert_eq!(
        said("forged-user-agents"),
        [
            "1 Medium secrets-list: system:serviceaccount:kube-system:tool: list of secrets: /api/v1/secrets",
            "2 Medium secrets-list: system:serviceaccount:kube-system:tool: list of secrets: /api/v1/secrets",
            "3 Low enum-all-namespaces: system:serviceaccount:kube-system:tool: list of pods in all namespaces (as kubectl get pods --all-namespaces)",
            "4 Low enum-all-namespaces: system:serviceaccount:kube-system:tool: watch of pods in all namespaces (as kubectl get pods --all-namespaces)",
            "5 Medium secret-read: system:serviceaccount:kube-system:tool: get of secret shop/db",
            "6 Low enum-rbac: system:serviceaccount:kube-system:tool: list of clusterroles, which say who may do what (as kubectl get clusterroles)",
            "7 Medium secrets-list: system:node:worker-2: list of secrets: /api/v1/secrets",
            "8 High privileged-pod: system:serviceaccount:kube-system:tool: create of pods kube-system/root with privileged container main",
            "9 High cluster-admin-binding: system:apiserver-tool: update of clusterrolebindings -/cluster-admin, cluster-admin for mallory",
        ]
    );
}

/// In either order of the stages.
#[test]
fn a_request_is_one_alert_by_its_decided_stage() {
    assert_eq!(
        said("stages"),
        [
            "2 Low pod-exec: denied: eve: exec in shop/web-0, container app: id",
            "3 Medium pod-exec: eve: exec in shop/web-0, container app: id",
            "6 Low pod-exec: failed: eve: exec in shop/web-0, container app: id",
        ]
    );
}
