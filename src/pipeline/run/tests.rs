mod absent;
mod late;
mod rules;

use std::time::Duration;

use super::*;
use crate::pipeline::{
    ports::{AddressedAlert, FaultReason, Outcome, Remedy},
    progress::{Counts, Progress, State},
    test_support::*,
};

fn counts(events_read: u64, alerts_created: u64) -> Counts {
    Counts {
        documents_read: events_read,
        events_read,
        alerts_created,
        alerts_duplicate: 0,
        quarantined: 0,
        ..Counts::default()
    }
}

/// A fate that lets every third call of some kind go wrong, for so many times.
fn every_third(
    times: usize,
    mut trouble: impl FnMut(Call) -> Option<Trouble> + Send + 'static,
) -> impl FnMut(Call) -> Option<Trouble> + Send + 'static {
    let (mut seen, mut left) = (0, times);
    move |call| {
        let trouble = trouble(call)?;
        seen += 1;
        (seen % 3 == 0 && left > 0).then(|| {
            left -= 1;
            trouble
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_static_job_ends_with_counts() {
    let server = Server::with_events(500);
    let mut operator = Operator::start(&server, &[a_plan()]);
    let progress = operator.until_complete(&a_plan()).await;
    assert_eq!(progress.counts, counts(500, 500));
    assert_eq!(progress.percent, Some(100));
    assert_eq!(progress.checkpoint.map(|done| done.watermark), Some(at(0)));
    assert_eq!(progress.matches["security/made"].count, 500);
    assert_eq!(progress.matches["security/made"].last, at(499 - 3600));
    assert_eq!(server.alert_ids().len(), 500);
    assert_eq!(server.open_views(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_static_job_waits_until_its_end_is_behind_the_safety_lag() {
    let server = Server::new();
    let plan = Plan {
        range: Range::Static {
            start: at(0),
            end: at(60),
        },
        ..a_plan()
    };
    let mut operator = Operator::start(&server, std::slice::from_ref(&plan));
    operator.until_complete(&plan).await;
    assert!(server.clock() >= at(65), "{}", server.clock());
}

#[tokio::test(start_paused = true)]
async fn static_and_streaming_make_the_same_alerts() {
    let (kept, streamed) = (Server::with_events(300), Server::with_events(300));
    let stream = Plan {
        range: Range::Streaming { start: at(-3600) },
        ..a_plan()
    };
    let mut one = Operator::start(&kept, &[a_plan()]);
    let mut other = Operator::start(&streamed, std::slice::from_ref(&stream));
    one.until_complete(&a_plan()).await;
    let all = |progress: &Progress| progress.counts.events_read == 300;
    other.until(&stream, all).await;
    other.shut_down().await;
    assert_eq!(kept.alert_ids(), streamed.alert_ids());
}

#[tokio::test(start_paused = true)]
async fn a_second_run_over_the_same_events_creates_nothing() {
    let server = Server::with_events(40);
    for expected in [
        counts(40, 40),
        Counts {
            alerts_duplicate: 40,
            ..counts(40, 0)
        },
    ] {
        let mut operator = Operator::start(&server, &[a_plan()]);
        let progress = operator.until_complete(&a_plan()).await;
        assert_eq!(progress.counts, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn faults_of_every_remedy_cost_no_alert_and_double_none() {
    for remedy in [
        Remedy::Retry,
        Remedy::Reopen,
        Remedy::Reconnect,
        Remedy::Shrink,
    ] {
        let server = Server::with_events(500);
        let fault = a_fault(FaultReason::ElasticsearchUnavailable, remedy);
        server.fate(every_third(30, move |_| {
            Some(Trouble::Fault(fault.clone()))
        }));
        let mut operator = Operator::start(&server, &[a_plan()]);
        let progress = operator.until_complete(&a_plan()).await;
        assert_eq!(progress.counts, counts(500, 500), "{remedy:?}");
        assert_eq!(server.alert_ids().len(), 500, "{remedy:?}");
        let reconnected = server.connections() > 1;
        assert_eq!(reconnected, remedy == Remedy::Reconnect, "{remedy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_doubles_nothing() {
    let server = Server::with_events(500);
    let fault = a_fault(FaultReason::ElasticsearchUnavailable, Remedy::Retry);
    server.fate(every_third(10, move |call| {
        (call == Call::Push).then(|| Trouble::AnswerLost(fault.clone()))
    }));
    let mut operator = Operator::start(&server, &[a_plan()]);
    let counts = operator.until_complete(&a_plan()).await.counts;
    assert_eq!(counts.alerts_created + counts.alerts_duplicate, 500);
    assert_eq!(server.alert_ids().len(), 500);
}

#[tokio::test(start_paused = true)]
async fn the_checkpoint_waits_for_an_alert_that_is_not_acknowledged() {
    let server = Server::with_events(500);
    server.refuse(refuse_one);
    fn refuse_one(addressed: &AddressedAlert) -> Option<Outcome> {
        let fault = a_fault(FaultReason::ElasticsearchUnavailable, Remedy::Retry);
        let is_it = addressed.alert.document["kubernetes"]["audit"]["auditID"] == "250";
        is_it.then_some(Outcome::Retry(fault))
    }
    let mut operator = Operator::start(&server, &[a_plan()]);
    let waits = waits_for(FaultReason::ElasticsearchUnavailable);
    operator.until(&a_plan(), waits).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    let reached = operator.checkpoint(&a_plan()).map(|done| done.watermark);
    assert!(
        reached.is_none_or(|reached| reached <= at(250 - 3600)),
        "{reached:?}"
    );
    assert_eq!(server.alert_ids().len(), 499);
    server.no_more_trouble();
    let progress = operator.until_complete(&a_plan()).await;
    assert_eq!(progress.counts, counts(500, 500));
}

#[tokio::test(start_paused = true)]
async fn a_category_that_is_refused_does_not_hold_up_another() {
    let server = Server::new();
    for second in 0..100 {
        server.add_event(
            at(second - 3600),
            if second % 2 == 0 { "create" } else { "get" },
        );
    }
    server.refuse(not_enum);
    fn not_enum(addressed: &AddressedAlert) -> Option<Outcome> {
        let fault = a_fault(FaultReason::SinkBlocked, Remedy::Retry);
        (addressed.alert.category == "Enum").then_some(Outcome::Retry(fault))
    }
    let mut operator = Operator::start(&server, &[a_plan()]);
    let waiting = operator
        .until(&a_plan(), waits_for(FaultReason::SinkBlocked))
        .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(waiting.checkpoint, None);
    assert_eq!(server.alert_ids().len(), 50);
    server.no_more_trouble();
    let done = operator.until_complete(&a_plan()).await;
    assert_eq!(done.counts, counts(100, 100));
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_is_refused_whole_is_written_reduced() {
    let server = Server::with_events(20);
    server.refuse(reduced_only);
    fn reduced_only(addressed: &AddressedAlert) -> Option<Outcome> {
        let fault = a_fault(FaultReason::SinkRejecting, Remedy::Retry);
        let is_reduced = addressed.alert.document["k8scop"]["reduced"] == true;
        (!is_reduced).then_some(Outcome::Rejected(fault))
    }
    let mut operator = Operator::start(&server, &[a_plan()]);
    let progress = operator.until_complete(&a_plan()).await;
    assert_eq!(progress.counts, counts(20, 20));
    assert!(
        server
            .alerts()
            .iter()
            .all(|alert| alert["k8scop"]["reduced"] == true)
    );
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_is_refused_even_reduced_is_quarantined() {
    let server = Server::with_events(20);
    server.refuse(quarantine_only);
    fn quarantine_only(addressed: &AddressedAlert) -> Option<Outcome> {
        let fault = a_fault(FaultReason::SinkRejecting, Remedy::Retry);
        (addressed.index != "alerts-quarantine").then_some(Outcome::Rejected(fault))
    }
    let mut operator = Operator::start(&server, &[a_plan()]);
    let progress = operator.until_complete(&a_plan()).await;
    assert_eq!(progress.counts, counts(20, 20));
    assert!(server.has_alerts_before(at(0), &["create"]));
    let totals = &operator.board.totals()["security/prod"];
    assert_eq!(
        (totals.alerts_quarantined, totals.alerts_rejected),
        (20, 40)
    );
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_is_refused_even_in_quarantine_is_kept_until_it_is_taken() {
    let server = Server::with_events(20);
    server.refuse(never);
    fn never(addressed: &AddressedAlert) -> Option<Outcome> {
        let fault = a_fault(FaultReason::SinkRejecting, Remedy::Retry);
        let is_it = addressed.alert.document["kubernetes"]["audit"]["auditID"] == "7";
        is_it.then_some(Outcome::Rejected(fault))
    }
    let mut operator = Operator::start(&server, &[a_plan()]);
    operator
        .until(&a_plan(), waits_for(FaultReason::SinkRejecting))
        .await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(server.alert_ids().len(), 19);
    assert_eq!(operator.checkpoint(&a_plan()), None);
    server.no_more_trouble();
    let progress = operator.until_complete(&a_plan()).await;
    assert_eq!(progress.counts, counts(20, 20));
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_shown_while_it_lasts_and_no_longer() {
    let server = Server::new();
    let mut operator = Operator::start(&server, &[a_stream()]);
    operator
        .until(&a_stream(), |progress| progress.state == State::Running)
        .await;
    server.fail_at(&Call::ALL, FaultReason::AuthFailed, Remedy::Reconnect);
    operator
        .until(&a_stream(), waits_for(FaultReason::AuthFailed))
        .await;
    server.no_more_trouble();
    operator
        .until(&a_stream(), |progress| progress.state == State::Running)
        .await;
    let totals = &operator.board.totals()["security/prod"];
    assert!(totals.faults[&FaultReason::AuthFailed] > 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_for_an_hour_is_not_besieged() {
    let server = Server::new();
    let reason = FaultReason::ElasticsearchUnavailable;
    server.fail_at(&Call::ALL, reason, Remedy::Retry);
    let operator = Operator::start(&server, &[a_stream()]);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let faults = &operator.board.totals()["security/prod"].faults;
    let asked = faults[&FaultReason::ElasticsearchUnavailable];
    assert!((60..=400).contains(&asked), "{asked} times");
}

#[tokio::test(start_paused = true)]
async fn documents_that_cannot_be_understood_are_counted_and_passed() {
    let server = Server::with_events(30);
    server.add_garbage(at(5 - 3600));
    let mut operator = Operator::start(&server, &[a_plan()]);
    let progress = operator.until_complete(&a_plan()).await;
    let expected = Counts {
        documents_read: 31,
        quarantined: 1,
        ..counts(30, 30)
    };
    assert_eq!(progress.counts, expected);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_passed_over_while_no_rule_is_loaded() {
    let server = Server::with_events(30);
    let mut plan = a_plan();
    let rules = std::mem::replace(&mut plan.rules, std::sync::Arc::new([]));
    let mut operator = Operator::start(&server, std::slice::from_ref(&plan));
    let waiting = operator.until(&plan, waits_for(FaultReason::NoRules)).await;
    assert_eq!(waiting.checkpoint, None);
    plan.rules = rules;
    operator.plans.send_replace([plan.clone()].into());
    let progress = operator.until_complete(&plan).await;
    assert_eq!(progress.counts, counts(30, 30));
}

#[tokio::test(start_paused = true)]
async fn a_year_of_nothing_takes_few_windows() {
    let server = Server::new();
    let plan = Plan {
        range: Range::Static {
            start: at(-365 * 86_400),
            end: at(-10),
        },
        ..a_plan()
    };
    let mut operator = Operator::start(&server, std::slice::from_ref(&plan));
    operator.until_complete(&plan).await;
    assert!(
        server.windows().len() < 30,
        "{} windows",
        server.windows().len()
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_is_alerted_within_seconds_of_becoming_readable() {
    let server = Server::new();
    let mut operator = Operator::start(&server, &[a_stream()]);
    operator
        .until(&a_stream(), |progress| progress.state == State::Running)
        .await;
    let happened = server.clock();
    server.add_event(happened, "create");
    operator
        .until(&a_stream(), |progress| progress.counts.alerts_created == 1)
        .await;
    let took = server.clock().duration_since(happened).as_secs();
    assert!(took <= 10, "{took} seconds");
}
