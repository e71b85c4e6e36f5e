//! What must hold although the apiserver, the process or an object goes away.

use k8scop::pipeline::{
    plan::Plan,
    progress::{Counts, Progress, State},
};
use k8scop_testbed::ControlPlane;
use serde_json::json;

use super::{
    job, one_day,
    operator::{Operator, Site},
    pattern, rule, running,
};

#[tokio::test]
async fn an_outage_of_the_apiserver_stops_nothing_and_is_made_up_for() {
    let mut cluster = ControlPlane::start().await.expect("the apiserver starts");
    let site = Site::within(&cluster, "ctl-outage").await;
    let mut operator = Operator::start(&site).await;
    site.apply(&rule("exec", "get")).await;
    site.apply(&one_day("past")).await;
    let plans = operator
        .plans_where(|plans| pattern(plans) == Some("get"))
        .await;
    operator.report(&plans[0], running());
    site.ready("analysisjob/past").await;

    cluster.kill_apiserver().await.expect("it is killed");
    let unreachable = |obstacles: &[String]| obstacles.len() == 2;
    operator.obstacles_where(unreachable).await;
    assert_eq!(pattern(&operator.plans_now()), Some("get"));
    let done = Progress {
        state: State::Complete,
        ..running()
    };
    operator.report(&plans[0], done);
    operator.plans_where(<[Plan]>::is_empty).await;

    cluster.start_apiserver().await.expect("it starts again");
    site.wait("analysisjob/past", "condition=Complete").await;
    site.apply(&job("prod", json!({}))).await;
    operator
        .plans_where(|plans| pattern(plans) == Some("get"))
        .await;
    operator.stop().await;
}

#[tokio::test]
async fn the_last_progress_is_written_at_the_end() {
    let site = Site::new("ctl-end").await;
    let mut operator = Operator::start(&site).await;
    site.apply(&one_day("past")).await;
    let plans = operator.plans_where(|plans| plans.len() == 1).await;
    operator.report(&plans[0], running());
    site.ready("analysisjob/past").await;
    let counts = Counts {
        events_read: 2_000,
        ..running().counts
    };
    let further = Progress {
        counts,
        ..running()
    };
    operator.report(&plans[0], further);
    operator.stop().await;
    let status = &site.get("analysisjob", "past").await["status"];
    assert_eq!(status["eventsRead"], 2_000);
}

#[tokio::test]
async fn a_job_made_again_begins_anew() {
    let site = Site::new("ctl-again").await;
    let mut operator = Operator::start(&site).await;
    site.apply(&one_day("past")).await;
    let first = operator.plans_where(|plans| plans.len() == 1).await;
    operator.report(&first[0], running());
    site.ready("analysisjob/past").await;

    site.kubectl(&["delete", "analysisjob", "past"]).await;
    site.apply(&one_day("past")).await;
    let another = |plans: &[Plan]| matches!(plans, [plan] if plan.id != first[0].id);
    let second = operator.plans_where(another).await;
    assert_eq!(second[0].resume, None);
    site.wait("analysisjob/past", "condition=Reconciling").await;
    let status = &site.get("analysisjob", "past").await["status"];
    assert_eq!(
        (&status["eventsRead"], &status["checkpoint"]),
        (&json!(null), &json!(null))
    );
    operator.stop().await;
}
