//! The whole product at work on real servers: rules are applied, a real apiserver's audit log is
//! shipped, alerts appear.

use std::time::Duration;

use jiff::Timestamp;
use k8scop_testbed::{Flavor, shared_search_server};
use serde_json::Value;

use crate::support::{
    cluster::{Kubectl, condition},
    eventually,
    installation::{Installation, installation},
    operator::Operator,
    search::Search,
    shipper::Shipper,
};

const SOON: Duration = Duration::from_secs(60);
const NAMESPACE: &str = "story";
const SINK: &str = "story-alerts";
const GOOD_PATTERN: &str = "/configmaps(/(?<map>[^/]+))?$";

fn rule(message: &str, pattern: &str) -> String {
    format!(
        r#"
apiVersion: k8scop.io/v1alpha1
kind: K8sCopRule
metadata: {{name: configmap-write, namespace: {NAMESPACE}}}
spec:
  title: ConfigMap written
  severity: Low
  category: Tamper
  selections:
  - name: write
    all:
    - {{field: objectRef.resource, equals: configmaps}}
    - {{field: verb, in: [create, update, patch]}}
    - {{field: objectRef.namespace, equals: {NAMESPACE}}}
    - {{field: request.path, matches: '{pattern}'}}
  message: "{message}"
"#
    )
}

fn job(name: &str, sink: &str, range: &str) -> String {
    format!(
        r#"
apiVersion: k8scop.io/v1alpha1
kind: AnalysisJob
metadata: {{name: {name}, namespace: {NAMESPACE}}}
spec:
  {range}
  source: {{index: "story-audit-*"}}
  sink: {{index: {sink}}}
"#
    )
}

struct Story {
    world: &'static Installation,
    search: Search,
    operator: Operator,
    begun: Timestamp,
    _shipper: Shipper,
}

impl Story {
    async fn begin() -> Story {
        let world = installation().await;
        let server = shared_search_server(Flavor::Elasticsearch9).await;
        let search = Search::new(server.expect("Elasticsearch starts").url());
        let begun = Timestamp::now();
        let log = world.control_plane.audit_log().to_owned();
        let shipper = Shipper::follow(log, search.clone(), "story-audit").await;
        let admin = &world.admin;
        admin.ok(&["create", "namespace", NAMESPACE]).await;
        for name in ["pod-exec", "secrets-list", "cluster-admin-binding"] {
            let file = format!("manifests/rules/{name}.yaml");
            admin.ok(&["apply", "-n", NAMESPACE, "-f", &file]).await;
        }
        admin
            .apply(&rule(
                "{user.username} wrote {objectRef.name}",
                GOOD_PATTERN,
            ))
            .await;
        admin
            .apply(&job(
                "watch",
                SINK,
                "mode: Streaming\n  fetchDelaySeconds: 1",
            ))
            .await;
        let scope = ["--watch-namespaces", NAMESPACE];
        let operator = Operator::start(&world.operator_kubeconfig, search.url(), &scope).await;
        let story = Story {
            world,
            search,
            operator,
            begun,
            _shipper: shipper,
        };
        story.says("analysisjob", "watch", "Ready", "True").await;
        story
    }

    fn admin(&self) -> &Kubectl {
        &self.world.admin
    }

    /// Waits until a condition has a status or a reason.
    async fn says(&self, kind: &str, name: &str, of: &str, word: &str) -> Value {
        eventually(&format!("{kind} {name}: {of} {word}"), SOON, || async {
            let object = self.admin().get(NAMESPACE, kind, name).await?;
            let generation = &object["metadata"]["generation"];
            let (status, reason, _) = condition(&object, of)?;
            (object["status"]["observedGeneration"] == *generation
                && (status == word || reason == word))
                .then_some(object)
        })
        .await
    }

    async fn alert(&self, message: &str) -> Value {
        eventually(&format!("an alert says: {message}"), SOON, || async {
            let alerts = self.search.alerts(SINK).await;
            alerts
                .into_iter()
                .find(|alert| alert["_source"]["message"] == message)
        })
        .await
    }

    async fn config_map(&self, verb: &str, name: &str, more: &[&str]) {
        let arguments = [&[verb, "configmap", name, "-n", NAMESPACE], more].concat();
        self.admin().ok(&arguments).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_applied_to_a_cluster_turn_its_audit_log_into_alerts() {
    let story = Story::begin().await;
    calls_of_an_intruder_are_alerted(&story).await;
    an_edited_message_stands_in_the_next_alert(&story).await;
    a_broken_edit_keeps_detecting(&story).await;
    a_static_job_over_the_same_events_makes_no_new_document(&story).await;
    a_deleted_job_stops(&story).await;
    assert_eq!(story.search.doubled(SINK).await, Default::default());
    assert_eq!(story.operator.stop().await, 0);
}

async fn calls_of_an_intruder_are_alerted(story: &Story) {
    let admin = story.admin();
    story.config_map("create", "first", &[]).await;
    let exec = format!("/api/v1/namespaces/{NAMESPACE}/pods/web-0/exec?command=id&command=-u");
    admin
        .run(&["get", "--raw", &exec], None)
        .await
        .expect_err("there is no such pod");
    admin.ok(&["get", "secrets", "-n", NAMESPACE]).await;
    let binding = [
        "create",
        "clusterrolebinding",
        "story",
        "--clusterrole=cluster-admin",
    ];
    admin
        .ok(&[binding.as_slice(), &["--user=mallory"]].concat())
        .await;

    let alert = story.alert("admin wrote first").await;
    assert_the_documented_fields(&alert["_source"]);
    for rule in ["pod-exec", "secrets-list", "cluster-admin-binding"] {
        eventually(&format!("{rule} makes an alert"), SOON, || async {
            let name = format!("{NAMESPACE}/{rule}");
            let alerts = story.search.alerts(SINK).await;
            alerts
                .into_iter()
                .find(|alert| alert["_source"]["rule"]["name"] == name)
        })
        .await;
    }
}

fn assert_the_documented_fields(alert: &Value) {
    let documented = [
        ("/event/kind", "alert"),
        ("/event/module", "k8scop"),
        ("/event/dataset", "k8scop.alerts"),
        ("/event/action", "create"),
        ("/event/outcome", "success"),
        ("/rule/name", "story/configmap-write"),
        ("/k8scop/rule/title", "ConfigMap written"),
        ("/rule/category", "Tamper"),
        ("/user/name", "admin"),
        ("/source/ip", "127.0.0.1"),
        ("/orchestrator/type", "kubernetes"),
        ("/orchestrator/namespace", NAMESPACE),
        ("/orchestrator/resource/type", "configmaps"),
        ("/orchestrator/resource/name", "first"),
        ("/kubernetes/audit/verb", "create"),
        ("/k8scop/job", "watch"),
        ("/k8scop/severity", "low"),
    ];
    for (field, value) in documented {
        assert_eq!(
            alert.pointer(field).and_then(Value::as_str),
            Some(value),
            "{field}: {alert:#}"
        );
    }
    assert!(
        !alert.to_string().contains("requestObject"),
        "no bodies: {alert:#}"
    );
}

async fn an_edited_message_stands_in_the_next_alert(story: &Story) {
    let before = story
        .admin()
        .get(NAMESPACE, "k8scoprule", "configmap-write")
        .await;
    story
        .admin()
        .apply(&rule("edited: {map} by {user.username}", GOOD_PATTERN))
        .await;
    let revision = |rule: &Value| rule["status"]["revision"].clone();
    let old = revision(&before.expect("the rule is there"));
    let after = story
        .says("k8scoprule", "configmap-write", "Ready", "True")
        .await;
    assert_ne!(revision(&after), old);
    story.config_map("create", "second", &[]).await;
    story.config_map("label", "second", &["a=b"]).await;
    story.alert("edited: second by admin").await;
}

async fn a_broken_edit_keeps_detecting(story: &Story) {
    story.admin().apply(&rule("broken", "(")).await;
    let broken = story
        .says("k8scoprule", "configmap-write", "Ready", "PatternInvalid")
        .await;
    let (status, _, message) = condition(&broken, "Ready").expect("it has the condition");
    assert_eq!(status, "False");
    assert!(
        message.contains("spec.selections[0].all[3].matches"),
        "{message}"
    );
    story.config_map("create", "third", &[]).await;
    story.config_map("label", "third", &["a=b"]).await;
    story.alert("edited: third by admin").await;
}

async fn a_static_job_over_the_same_events_makes_no_new_document(story: &Story) {
    let end = Timestamp::now();
    eventually("the streaming job is past all that", SOON, || async {
        let job = story.admin().get(NAMESPACE, "analysisjob", "watch").await?;
        let watermark = job["status"]["checkpoint"]["watermark"].as_str()?;
        (watermark.parse::<Timestamp>().ok()? >= end).then_some(())
    })
    .await;
    let range = static_range(story.begun, end);
    story.admin().apply(&job("again", SINK, &range)).await;
    let done = story.says("analysisjob", "again", "Complete", "True").await;
    assert_eq!(done["status"]["alertsCreated"], 0, "{:#}", done["status"]);
    assert!(
        done["status"]["alertsDuplicate"].as_u64() >= Some(6),
        "{:#}",
        done["status"]
    );
}

async fn a_deleted_job_stops(story: &Story) {
    story
        .admin()
        .ok(&["delete", "analysisjob", "watch", "-n", NAMESPACE])
        .await;
    eventually(
        "the deleted job follows its source no more",
        SOON,
        || async {
            let metrics = story.operator.metrics().await;
            let follows = |line: &str| line.starts_with("k8scop_stream_lag_seconds{");
            (!metrics.lines().any(follows)).then_some(())
        },
    )
    .await;
    let start = Timestamp::now();
    story.config_map("create", "fourth", &[]).await;
    let range = static_range(start, Timestamp::now());
    story
        .admin()
        .apply(&job("later", "story-later", &range))
        .await;
    let done = story.says("analysisjob", "later", "Complete", "True").await;
    assert!(
        done["status"]["alertsCreated"].as_u64() >= Some(1),
        "{:#}",
        done["status"]
    );
    let late: Vec<_> = story
        .search
        .alerts(SINK)
        .await
        .into_iter()
        .filter(|alert| alert["_source"]["@timestamp"].as_str() >= Some(&start.to_string()))
        .collect();
    assert!(late.is_empty(), "{late:#?}");
}

fn static_range(start: Timestamp, end: Timestamp) -> String {
    format!("mode: Static\n  startTime: \"{start:.3}\"\n  endTime: \"{end:.3}\"")
}
