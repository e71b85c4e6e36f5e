use std::{sync::Arc, time::Duration};

use crate::pipeline::{
    plan::Plan,
    ports::{FaultReason, Remedy},
    progress::{Progress, State},
    test_support::*,
};

fn created(count: u64) -> impl Fn(&Progress) -> bool {
    move |progress| progress.counts.alerts_created == count
}

fn messages(server: &Server) -> Vec<String> {
    let alerts = server.alerts();
    let mut messages: Vec<String> = alerts
        .iter()
        .map(|alert| alert["message"].as_str().unwrap_or_default().to_owned())
        .collect();
    messages.sort();
    messages
}

#[tokio::test(start_paused = true)]
async fn a_rule_edit_reaches_the_next_page_without_a_restart() {
    let server = Server::new();
    let mut plan = a_stream();
    let mut operator = Operator::start(&server, std::slice::from_ref(&plan));
    server.add_event(at(-1), "create");
    operator.until(&plan, created(1)).await;
    plan.rules = Arc::new([a_rule_that_says("made", "create", "Tamper", "edited")]);
    operator.plans.send_replace([plan.clone()].into());
    operator
        .until(&plan, |progress| progress.rules_loaded == 1)
        .await;
    server.add_event(server.clock(), "create");
    operator.until(&plan, created(2)).await;
    assert_eq!(messages(&server), ["alice was there", "edited"]);
    assert_eq!(server.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_panics_begins_again_at_its_checkpoint_and_harms_no_other() {
    let server = Server::with_events(200);
    let mut other = a_stream();
    other.id.name = "other".to_owned();
    let mut pages = 0;
    server.fate(move |call| {
        pages += usize::from(call == Call::Next);
        (pages == 5 && call == Call::Next).then_some(Trouble::Panic)
    });
    let mut operator = Operator::start(&server, &[a_plan(), other.clone()]);
    let progress = operator.until_complete(&a_plan()).await;
    assert_eq!(progress.counts.events_read, 200);
    assert_eq!(server.alert_ids().len(), 200);
    let totals = operator.board.totals();
    let restarts: u64 = totals.values().map(|totals| totals.restarts).sum();
    assert_eq!(restarts, 1);
    let is_running = |progress: &Progress| progress.state == State::Running;
    operator.until(&other, is_running).await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_not_wanted_any_more_stops_within_two_seconds() {
    let server = Server::with_events(500);
    server.fail_at(
        &[Call::Push],
        FaultReason::ElasticsearchUnavailable,
        Remedy::Retry,
    );
    let mut operator = Operator::start(&server, &[a_plan()]);
    operator
        .until(&a_plan(), waits_for(FaultReason::ElasticsearchUnavailable))
        .await;
    operator.plans.send_replace(Arc::new([]));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(operator.published().is_empty());
    server.no_more_trouble();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(server.alert_ids().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn shutting_down_commits_what_is_acknowledged_and_goes_on_from_there() {
    let server = Server::with_events(3_000);
    let mut operator = Operator::start(&server, &[a_plan()]);
    let some = |progress: &Progress| progress.counts.alerts_created >= 500;
    operator.until(&a_plan(), some).await;
    let reader = operator.board.clone();
    let took = operator.shut_down().await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(server.open_views(), 0);
    let reached = reader
        .checkpoint(&a_plan())
        .expect("some windows were done");
    assert!(reached.watermark < at(0));
    assert!(server.has_alerts_before(reached.watermark, &["create"]));

    let resumed = Plan {
        resume: Some(reached.clone()),
        ..a_plan()
    };
    let before = server.windows().len();
    let mut operator = Operator::start(&server, &[resumed]);
    let progress = operator.until_complete(&a_plan()).await;
    assert_eq!(server.windows()[before].start, reached.watermark);
    assert_eq!(progress.counts.events_read, 3_000);
    assert_eq!(server.alert_ids().len(), 3_000);
}

#[tokio::test(start_paused = true)]
async fn shutting_down_does_not_wait_for_ever_for_a_sink_that_is_gone() {
    let server = Server::with_events(500);
    server.fail_at(&[Call::Push], FaultReason::SinkBlocked, Remedy::Retry);
    let mut operator = Operator::start(&server, &[a_plan()]);
    operator
        .until(&a_plan(), waits_for(FaultReason::SinkBlocked))
        .await;
    let took = operator.shut_down().await;
    assert!(took <= Duration::from_secs(23), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_changed_job_goes_on_from_its_newest_checkpoint() {
    let server = Server::new();
    let mut plan = a_stream();
    server.add_event(at(-1), "create");
    let mut operator = Operator::start(&server, std::slice::from_ref(&plan));
    operator.until(&plan, created(1)).await;
    let windows = server.windows().len();
    plan.sink.index = "elsewhere".to_owned();
    operator.plans.send_replace([plan.clone()].into());
    server.add_event(server.clock(), "create");
    operator.until(&plan, created(2)).await;
    let reread = server.windows()[windows..]
        .iter()
        .any(|window| window.start < at(-1));
    assert!(!reread, "{:?}", server.windows());
    let elsewhere = server
        .alert_ids()
        .iter()
        .filter(|id| id.starts_with("elsewhere"))
        .count();
    assert_eq!(elsewhere, 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_reads_something_else_now_does_not_inherit_the_checkpoint() {
    let server = Server::with_events(50);
    let mut plan = a_plan();
    let mut operator = Operator::start(&server, std::slice::from_ref(&plan));
    operator.until_complete(&plan).await;
    plan.source.index = "other-*".to_owned();
    operator.plans.send_replace([plan.clone()].into());
    let again = |progress: &Progress| progress.counts.alerts_duplicate == 50;
    operator.until(&plan, again).await;
}

#[tokio::test(start_paused = true)]
async fn a_completed_job_stays_complete() {
    let server = Server::with_events(50);
    let mut plan = a_plan();
    let mut operator = Operator::start(&server, std::slice::from_ref(&plan));
    operator.until_complete(&plan).await;
    let windows = server.windows().len();
    plan.rules = Arc::new([a_rule("made", "delete", "Tamper")]);
    plan.resume = operator.checkpoint(&plan);
    operator.plans.send_replace([plan.clone()].into());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(operator.published()[&plan.id].state, State::Complete);
    assert_eq!(server.windows().len(), windows);
}
