//! Callers who write into a request what could keep its audit event from being read.

use std::{fs, time::Duration};

use k8scop::detect::{document::Document, event::Event, field::Field, layout::Layout};
use k8scop_testbed::shared_control_plane;
use serde_json::Value;

use crate::support::{cluster::Kubectl, eventually};

/// The apiserver accepts all of these, and its audit log repeats the body of a patch as it came.
fn patches() -> [String; 3] {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    [
        r#"{"data":{"half":"\ud800"}}"#.to_owned(),
        r#"{"metadata":{"annotations":{"halves":"\udc00\ud83d"}}}"#.to_owned(),
        format!(r#"{{"data":{{"deep":"x"}},"unknown":{deep}}}"#),
    ]
}

#[tokio::test]
async fn no_patch_that_the_apiserver_accepts_hides_its_event() {
    let cluster = shared_control_plane().await.expect("the apiserver starts");
    let kubectl = Kubectl::new(cluster.kubeconfig()).await;
    kubectl.ok(&["create", "configmap", "hidden"]).await;
    for patch in patches() {
        let merge = ["patch", "configmap", "hidden", "--type=merge", "-p", &patch];
        kubectl.ok(&merge).await;
    }
    let is_of_the_test = |line: &&str| {
        line.ends_with('}') && line.contains("/configmaps/hidden?fieldManager=kubectl-patch")
    };
    let logged = eventually(
        "the patches are logged",
        Duration::from_secs(30),
        || async {
            let log = fs::read_to_string(cluster.audit_log()).ok()?;
            let lines: Vec<String> = log
                .lines()
                .filter(is_of_the_test)
                .map(str::to_owned)
                .collect();
            (lines.len() == patches().len()).then_some(lines)
        },
    )
    .await;
    for line in logged {
        assert!(
            serde_json::from_str::<Value>(&line).is_err(),
            "the parser would do: {line}"
        );
        assert_eq!(verbs(&line), ["patch"], "{line}");
    }
}

fn verbs(line: &str) -> Vec<String> {
    let document = Document {
        index: "audit.log".to_owned(),
        id: "1".to_owned(),
        time: None,
        source: line.to_owned().into(),
        is_rebuilt: false,
    };
    let events = Event::read(&document, Layout::Auto).expect("it is an audit event");
    let verb = Field::parse("verb").expect("a known field");
    let values = events.iter().flat_map(|event| event.values(&verb));
    values.map(Into::into).collect()
}
