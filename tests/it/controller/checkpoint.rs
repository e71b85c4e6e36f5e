//! The checkpoint in a status: others write there too, and sometimes nobody can.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8scop::pipeline::{
    plan::Plan,
    progress::{Checkpoint, Counts, Progress},
};
use k8scop_testbed::{ControlPlane, shared_control_plane};
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::time::{interval, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::{
    job, one_day,
    operator::{Operator, Site, client},
};
use crate::support::{cluster::condition, eventually};

const BEGIN: &str = "2026-10-01T00:00:00Z";

/// A pipeline that has come so many seconds far.
fn come(seconds: i64) -> Progress {
    let begin: Timestamp = BEGIN.parse().expect("a time");
    let counts = Counts {
        events_read: seconds.unsigned_abs(),
        ..Counts::default()
    };
    Progress {
        checkpoint: Some(Checkpoint {
            watermark: begin + SignedDuration::from_secs(seconds),
            counts,
            ..Checkpoint::default()
        }),
        counts,
        ..super::running()
    }
}

/// The jobs of a site, as an administrator.
async fn jobs(cluster: &ControlPlane, namespace: &str) -> Api<DynamicObject> {
    let resource = k8scop::controller::watch::Kind::Job.resource();
    let client = client(cluster.kubeconfig()).await;
    Api::namespaced_with(client, namespace, &resource)
}

/// Records every watermark that the status of a job holds.
fn watermarks(
    jobs: Api<DynamicObject>,
    name: &'static str,
) -> (
    tokio::sync::mpsc::UnboundedReceiver<String>,
    AbortOnDropHandle<()>,
) {
    use futures::StreamExt;
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let task = tokio::spawn(async move {
        let config = kube::runtime::watcher::Config::default();
        let mut events = kube::runtime::watcher(jobs, config).boxed();
        while let Some(event) = events.next().await {
            use kube::runtime::watcher::Event::{Apply, InitApply};
            if let Ok(Apply(object) | InitApply(object)) = event
                && object.metadata.name.as_deref() == Some(name)
                && let Some(watermark) = object.data["status"]["checkpoint"]["watermark"].as_str()
            {
                // The test may be over.
                let _ = sender.send(watermark.to_owned());
            }
        }
    });
    (receiver, AbortOnDropHandle::new(task))
}

/// A leader and the plan of a job.
async fn begun(site: &Site) -> (Operator, Plan) {
    let mut operator = Operator::elected(site, "a").await;
    site.apply(&job("prod", json!({"startTime": BEGIN}))).await;
    let plans = operator.plans_where(|plans| plans.len() == 1).await;
    (operator, plans[0].clone())
}

async fn stored(site: &Site, name: &str) -> Value {
    site.get("analysisjob", name).await["status"]["checkpoint"].clone()
}

#[tokio::test]
async fn the_apiserver_refuses_a_write_that_was_decided_on_an_old_version() {
    let cluster = shared_control_plane().await.expect("the apiserver starts");
    let site = Site::new("cp-cas").await;
    site.apply(&one_day("past")).await;
    let api = jobs(cluster, "cp-cas").await;
    let params = PatchParams::apply("somebody").force();
    let apply = async |version: &str, percent: i32| {
        let applied = json!({
            "apiVersion": "k8scop.io/v1alpha1", "kind": "AnalysisJob",
            "metadata": {"name": "past", "resourceVersion": version},
            "status": {"progressPercent": percent},
        });
        api.patch_status("past", &params, &Patch::Apply(&applied))
            .await
    };
    let old = site.get("analysisjob", "past").await["metadata"]["resourceVersion"].clone();
    let old = old.as_str().expect("it has a version");
    apply(old, 1).await.expect("the version is the latest");
    let refusal = apply(old, 2).await.expect_err("the version is old");
    assert!(
        matches!(&refusal, kube::Error::Api(status) if status.is_conflict()),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_checkpoint_that_was_set_back_is_put_right_and_told() {
    let site = Site::new("cp-tampered").await;
    let (operator, plan) = begun(&site).await;
    operator.report(&plan, come(600));
    site.wait("analysisjob/prod", "jsonpath={.status.eventsRead}=600")
        .await;
    let right = stored(&site, "prod").await;
    site.patch_status("prod", &json!({"checkpoint": {"watermark": BEGIN}}))
        .await;
    site.wait(
        "analysisjob/prod",
        "jsonpath={.status.checkpoint.watermark}=2026-10-01T00:10:00Z",
    )
    .await;
    assert_eq!(stored(&site, "prod").await, right);
    let forward = json!({"checkpoint": {"watermark": "2026-10-02T00:00:00Z"}});
    site.patch_status("prod", &forward).await;
    operator.report(&plan, come(601));
    site.wait(
        "analysisjob/prod",
        "jsonpath={.status.checkpoint.watermark}=2026-10-01T00:10:01Z",
    )
    .await;
    operator.stop().await;
    let told = site.events("prod").await;
    let is_it = |event: &String| event.starts_with("Warning CheckpointTampered: ");
    assert!(told.iter().any(is_it), "{told:?}");
}

#[tokio::test]
async fn somebody_who_writes_fifty_times_a_second_holds_up_no_checkpoint() {
    let cluster = shared_control_plane().await.expect("the apiserver starts");
    let site = Site::new("cp-busy").await;
    let (operator, plan) = begun(&site).await;
    let api = jobs(cluster, "cp-busy").await;
    let (mut seen, _watch) = watermarks(api.clone(), "prod");
    let patcher = AbortOnDropHandle::new(tokio::spawn(async move {
        let mut tick = interval(Duration::from_millis(20));
        for number in 0.. {
            tick.tick().await;
            let patch = json!({"status": {"progressPercent": number % 100}});
            let params = PatchParams::default();
            let _ = api
                .patch_status("prod", &params, &Patch::Merge(patch))
                .await;
        }
    }));
    for step in 1..=3 {
        operator.report(&plan, come(600 * step));
        let watermark = format!("2026-10-01T00:{}0:00Z", step);
        let limit = Duration::from_secs(25);
        let is_stored = async { while seen.recv().await.is_some_and(|it| it != watermark) {} };
        timeout(limit, is_stored).await.expect("it is stored");
    }
    drop(patcher);
    operator.stop().await;
}

#[tokio::test]
async fn two_who_lead_at_once_never_set_a_checkpoint_back() {
    let cluster = shared_control_plane().await.expect("the apiserver starts");
    let site = Site::new("cp-both").await;
    site.apply(&job("prod", json!({"startTime": BEGIN}))).await;
    let (mut seen, _watch) = watermarks(jobs(cluster, "cp-both").await, "prod");
    let mut both = [Operator::start(&site).await, Operator::start(&site).await];
    let mut plans = Vec::new();
    for operator in &mut both {
        plans.push(operator.plans_where(|plans| plans.len() == 1).await);
    }
    for step in 1..=12 {
        for (who, operator) in both.iter().enumerate() {
            // Each of them is sometimes ahead.
            let lead = if who == step % 2 { 30 } else { 0 };
            let far = i64::try_from(step * 60 + lead).expect("it is small");
            operator.report(&plans[who][0], come(far));
        }
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
    for operator in both {
        operator.stop().await;
    }
    let last = "2026-10-01T00:12:30Z";
    site.wait(
        "analysisjob/prod",
        &format!("jsonpath={{.status.checkpoint.watermark}}={last}"),
    )
    .await;
    let mut all = Vec::new();
    while let Ok(Some(watermark)) = timeout(Duration::from_secs(1), seen.recv()).await {
        all.push(watermark);
    }
    assert!(all.is_sorted() && all.len() > 1, "{all:?}");
}

#[tokio::test]
async fn without_the_right_to_statuses_the_jobs_go_on_and_it_is_told() {
    let site = Site::new("cp-rights").await;
    let (mut operator, plan) = begun(&site).await;
    operator.report(&plan, come(600));
    site.wait("analysisjob/prod", "jsonpath={.status.eventsRead}=600")
        .await;
    site.may_not_use("analysisjobs/status").await;
    let mut far = 600;
    let forbidden = |all: &[String]| all.iter().any(|it| it.starts_with("CheckpointForbidden: "));
    let told = eventually("it is told", Duration::from_secs(30), || {
        far += 60;
        operator.report(&plan, come(far));
        let obstacles = operator.obstacles_now();
        async move { forbidden(&obstacles).then_some(obstacles) }
    })
    .await;
    assert_eq!(told.len(), 1);
    assert_eq!(operator.plans_now().len(), 1);
    site.may_do_all_it_needs().await;
    operator.obstacles_where(|all| all.is_empty()).await;
    operator.report(&plan, come(36_000));
    operator.stop().await;
    assert_eq!(
        stored(&site, "prod").await["watermark"],
        "2026-10-01T10:00:00Z"
    );
}

#[tokio::test]
async fn definitions_that_are_older_than_the_operator_are_told_until_they_are_renewed() {
    let cluster = ControlPlane::start().await.expect("the apiserver starts");
    let site = Site::within(&cluster, "cp-old").await;
    let status = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties";
    let newer = ["checkpoint", "documentsRead", "undecided", "eventsCutOff"];
    let outdate = newer.map(|field| json!({"op": "remove", "path": format!("{status}/{field}")}));
    let outdate = json!(outdate).to_string();
    let definition = "crd/analysisjobs.k8scop.io";
    site.kubectl(&["patch", definition, "--type=json", "-p", &outdate])
        .await;
    let (operator, plan) = begun(&site).await;
    let mut far = 0;
    let mut reason_is = async |expected: &str| {
        eventually(expected, Duration::from_secs(60), || {
            far += 1;
            operator.report(&plan, come(far));
            async {
                let told = condition(&site.get("analysisjob", "prod").await, "Ready")?;
                (told.1 == expected).then_some(told)
            }
        })
        .await
    };
    let (status, _, message) = reason_is("CRDOutdated").await;
    assert_eq!(status, "False");
    assert!(message.contains("k8scop crds"), "{message}");
    crate::crds::establish(&cluster).await;
    reason_is("Streaming").await;
    assert_eq!(operator.plans_now().len(), 1);
}
