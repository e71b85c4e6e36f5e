//! Documents that become searchable late, or change after they were read.

use jiff::SignedDuration;

use super::*;
use crate::pipeline::{ledger::Ledger, test_support::Call, window::Window};

/// A stream that has read everything up to now, from two days ago on.
async fn a_stream_at_work(server: &Server) -> (Plan, Operator) {
    let plan = Plan {
        range: Range::Streaming {
            start: at(-172_800),
        },
        ..a_plan()
    };
    let mut operator = Operator::start(server, std::slice::from_ref(&plan));
    operator
        .until(&plan, |progress| is_at(progress, at(0)))
        .await;
    (plan, operator)
}

fn is_at(progress: &Progress, time: jiff::Timestamp) -> bool {
    let done = progress.checkpoint.as_ref();
    done.is_some_and(|done| done.watermark >= time)
}

fn seconds_since(server: &Server, then: jiff::Timestamp) -> i64 {
    server.clock().duration_since(then).as_secs()
}

#[tokio::test(start_paused = true)]
async fn late_documents_are_alerted_the_sooner_the_less_late_they_are() {
    let server = Server::new();
    let (plan, mut operator) = a_stream_at_work(&server).await;
    let (minute, hour) = (60, 3600);
    let delays = [
        (10, 30),
        (10 * minute, 5 * minute),
        (3 * hour, hour),
        (23 * hour, hour),
    ];
    for (found, (late_by, within)) in (1..).zip(delays) {
        tokio::time::sleep(Duration::from_secs(47)).await;
        let visible = server.clock();
        server.add_event(visible - SignedDuration::from_secs(late_by), "create");
        let is_found = |progress: &Progress| progress.counts.alerts_created == found;
        operator.until(&plan, is_found).await;
        let took = seconds_since(&server, visible);
        assert!(
            took <= within + 5,
            "late by {late_by} s: found after {took} s"
        );
    }
    let committed = |progress: &Progress| {
        let done = progress.checkpoint.as_ref();
        done.is_some_and(|done| done.counts.alerts_created == 4)
    };
    let progress = operator.until(&plan, committed).await;
    let expected = Counts {
        alerts_late: 4,
        ..counts(4, 4)
    };
    assert_eq!(progress.counts, expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_later_than_a_day_is_not_looked_for() {
    let server = Server::new();
    let (plan, operator) = a_stream_at_work(&server).await;
    let caught_up = server.sweeps().len();
    server.add_event(at(-25 * 3600), "create");
    tokio::time::sleep(Duration::from_secs(4_000)).await;
    assert_eq!(server.alert_ids().len(), 0);
    let sweeps = server.sweeps().split_off(caught_up);
    let oldest = sweeps.iter().map(|span| span.start).min();
    assert!(oldest > Some(at(-25 * 3600 + 300)), "{oldest:?}");
    assert!(operator.checkpoint(&plan).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_repair_does_not_move_the_watermark_and_counts_each_document_once() {
    let server = Server::with_events(100);
    let (plan, mut operator) = a_stream_at_work(&server).await;
    server.add_event(at(-3600), "create");
    let is_found = |progress: &Progress| {
        let done = progress.checkpoint.as_ref();
        done.is_some_and(|done| done.counts.alerts_late == 1)
    };
    let before = operator.checkpoint(&plan).map(|done| done.watermark);
    let progress = operator.until(&plan, is_found).await;
    let expected = Counts {
        alerts_late: 1,
        ..counts(101, 101)
    };
    assert_eq!(progress.counts, expected);
    assert!(progress.checkpoint.map(|done| done.watermark) >= before);
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_overwritten_in_place_is_read_again() {
    let server = Server::with_events(10);
    server.add_event(at(-1800), "list");
    let (plan, mut operator) = a_stream_at_work(&server).await;
    assert_eq!(server.alert_ids().len(), 10);
    server.overwrite_event(10, "get");
    let is_found = |progress: &Progress| progress.counts.alerts_late == 1;
    let progress = operator.until(&plan, is_found).await;
    assert_eq!(progress.counts.alerts_created, 11);
    assert!(server.has_alerts_before(server.clock(), &["create", "get"]));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_again_that_did_not_change() {
    let server = Server::with_events(500);
    let (_, operator) = a_stream_at_work(&server).await;
    tokio::time::sleep(Duration::from_secs(4_000)).await;
    operator.shut_down().await;
    let windows = server.windows();
    let follow = |pair: &[Window]| pair[0].end == pair[1].start;
    assert!(windows.windows(2).all(follow));
    assert!(server.sweeps().len() > 130);
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_read_again_what_did_not_change() {
    let server = Server::with_events(500);
    let (mut plan, operator) = a_stream_at_work(&server).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    let reached = operator.checkpoint(&plan).expect("it has come far");
    operator.kill().await;
    let read = server.windows().len();
    server.add_event(at(-7200), "create");
    plan.resume = Some(reached.clone());
    let mut operator = Operator::start(&server, std::slice::from_ref(&plan));
    let is_found = |progress: &Progress| progress.counts.alerts_late == 1;
    operator.until(&plan, is_found).await;
    let again: Vec<_> = server.windows().split_off(read);
    let behind = again
        .iter()
        .filter(|window| window.start < reached.watermark);
    let hour = Window {
        start: at(-7200),
        end: at(-6900),
    };
    assert_eq!(behind.collect::<Vec<_>>(), [&hour]);
}

#[tokio::test(start_paused = true)]
async fn without_a_ledger_the_last_day_is_read_again() {
    let server = Server::with_events(500);
    let (mut plan, operator) = a_stream_at_work(&server).await;
    let reached = operator.checkpoint(&plan).expect("it has come far");
    operator.kill().await;
    let read = server.windows().len();
    plan.resume = Some(Checkpoint {
        ledger: Ledger::from_text("broken"),
        ..reached.clone()
    });
    let operator = Operator::start(&server, std::slice::from_ref(&plan));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let again = server.windows().split_off(read);
    let behind = again
        .iter()
        .filter(|window| window.start < reached.watermark);
    let starts: Vec<_> = behind.map(|window| window.start).collect();
    assert_eq!(starts, [at(-3600), at(-3300)]);
    assert_eq!(
        operator
            .checkpoint(&plan)
            .map(|done| done.counts.alerts_created),
        Some(500)
    );
}

#[tokio::test(start_paused = true)]
async fn a_kill_in_the_middle_of_a_repair_loses_nothing() {
    let server = Server::with_events(40);
    let (mut plan, mut operator) = a_stream_at_work(&server).await;
    for second in 0..25 {
        server.add_event(at(second - 3600), "create");
    }
    // One page of the repair goes through, the rest does not.
    let fault = a_fault(FaultReason::ElasticsearchUnavailable, Remedy::Retry);
    let mut pushes = 0;
    server.fate(move |call| {
        pushes += usize::from(call == Call::Push);
        (call == Call::Push && pushes > 1).then(|| Trouble::Fault(fault.clone()))
    });
    let stuck = |progress: &Progress| progress.counts.alerts_late > 0;
    operator.until(&plan, stuck).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    plan.resume = operator.checkpoint(&plan);
    operator.kill().await;
    assert!(server.alert_ids().len() < 65);
    server.no_more_trouble();
    let mut operator = Operator::start(&server, std::slice::from_ref(&plan));
    let settled = |progress: &Progress| {
        let done = progress.checkpoint.as_ref();
        done.is_some_and(|done| done.counts.events_read == 65)
    };
    operator.until(&plan, settled).await;
    assert_eq!(server.alert_ids().len(), 65);
}

#[tokio::test(start_paused = true)]
async fn repairs_get_through_faults_of_every_remedy() {
    for remedy in [
        Remedy::Retry,
        Remedy::Reopen,
        Remedy::Reconnect,
        Remedy::Shrink,
    ] {
        let server = Server::with_events(300);
        let (plan, mut operator) = a_stream_at_work(&server).await;
        for second in 0..300 {
            server.add_event(at(second - 3600), "get");
        }
        let fault = a_fault(FaultReason::ElasticsearchUnavailable, remedy);
        server.fate(every_third(60, move |_| {
            Some(Trouble::Fault(fault.clone()))
        }));
        let is_done = |progress: &Progress| {
            let done = progress.checkpoint.as_ref();
            done.is_some_and(|done| done.counts.events_read == 600)
        };
        let progress = operator.until(&plan, is_done).await;
        assert_eq!(server.alert_ids().len(), 600, "{remedy:?}");
        assert_eq!(progress.counts.alerts_late, 300, "{remedy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_holds_too_much_is_read_again_in_parts() {
    let server = Server::with_events(300);
    let (plan, mut operator) = a_stream_at_work(&server).await;
    let read = server.windows().len();
    server.add_event(at(-3600), "get");
    let fault = a_fault(FaultReason::TooManyRequests, Remedy::Shrink);
    let (mut last, mut is_repair, mut left) = (Call::Now, false, 2);
    // What is opened right after a census is a repair, and so is all until the next look.
    server.fate(move |call| {
        is_repair |= call == Call::Open && last == Call::Census;
        is_repair &= call != Call::Now;
        last = call;
        let strikes = is_repair && call == Call::Next && left > 0;
        left -= usize::from(strikes);
        strikes.then(|| Trouble::Fault(fault.clone()))
    });
    let is_done = |progress: &Progress| {
        let done = progress.checkpoint.as_ref();
        done.is_some_and(|done| done.counts.events_read == 301)
    };
    let progress = operator.until(&plan, is_done).await;
    assert_eq!(
        progress.counts,
        Counts {
            alerts_late: 1,
            ..counts(301, 301)
        }
    );
    let within = |window: &&Window| at(-3600) <= window.start && window.end <= at(-3300);
    let windows = server.windows().split_off(read);
    let parts: Vec<i64> = windows
        .iter()
        .filter(within)
        .map(|part| part.end.duration_since(part.start).as_secs())
        .collect();
    assert!(parts.len() >= 3 && parts[0] == 300, "{parts:?}");
}

#[tokio::test(start_paused = true)]
async fn reading_goes_on_while_much_is_repaired() {
    let server = Server::new();
    let (plan, mut operator) = a_stream_at_work(&server).await;
    for bucket in 0..250 {
        server.add_event(at(-300 * bucket - 1), "get");
    }
    let fault = a_fault(FaultReason::ElasticsearchUnavailable, Remedy::Retry);
    let mut pages = 0;
    server.fate(move |call| {
        pages += usize::from(call == Call::Next);
        (call == Call::Next && pages % 3 == 0).then(|| Trouble::Fault(fault.clone()))
    });
    let begun = |progress: &Progress| (15..100).contains(&progress.counts.alerts_late);
    operator.until(&plan, begun).await;
    let happened = server.clock();
    let is_read = |progress: &Progress| is_at(progress, happened);
    let progress = operator.until(&plan, is_read).await;
    let took = seconds_since(&server, happened);
    assert!(took <= 20, "{took} seconds");
    assert!(progress.counts.alerts_late < 200, "{:?}", progress.counts);
    operator
        .until(&plan, |progress| progress.counts.alerts_late == 250)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_static_range_is_complete_when_nothing_of_its_last_day_changes_any_more() {
    let server = Server::with_events(200);
    let late = server.clone();
    let fault = a_fault(FaultReason::ElasticsearchUnavailable, Remedy::Retry);
    let mut censuses = 0;
    // The first look at the range as a whole fails; a document appears before the next one.
    server.fate(move |call| {
        censuses += usize::from(call == Call::Census);
        (call == Call::Census && censuses == 2).then(|| {
            let late = late.clone();
            tokio::spawn(async move { late.add_event(at(-1800), "get") });
            Trouble::Fault(fault.clone())
        })
    });
    let mut operator = Operator::start(&server, &[a_plan()]);
    let progress = operator.until_complete(&a_plan()).await;
    assert_eq!(
        progress.counts,
        Counts {
            alerts_late: 1,
            ..counts(201, 201)
        }
    );
    assert_eq!(progress.checkpoint.map(|done| done.watermark), Some(at(0)));
}

#[tokio::test(start_paused = true)]
async fn documents_without_a_time_are_told() {
    let server = Server::new();
    server.add_without_time(7);
    let (plan, mut operator) = a_stream_at_work(&server).await;
    operator
        .until(&plan, |progress| progress.without_time == Some(7))
        .await;
    server.add_without_time(1);
    operator
        .until(&plan, |progress| progress.without_time == Some(8))
        .await;
    assert!(server.clock() <= at(2 * 3600));
}
