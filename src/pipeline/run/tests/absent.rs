//! Indices that a source leaves out for a while.

use jiff::SignedDuration;

use super::*;

/// A stream from two days ago, and what it leaves out.
fn a_long_stream() -> Plan {
    Plan {
        range: Range::Streaming {
            start: at(-172_800),
        },
        ..a_plan()
    }
}

fn is_caught_up(progress: &Progress) -> bool {
    let done = progress.checkpoint.as_ref();
    done.is_some_and(|done| done.watermark >= at(0))
}

/// Events of two days; those with odd numbers lie in an index that can break.
fn with_events_of_two_days() -> Server {
    let server = Server::new();
    for hour in -47..0 {
        server.add_event(at(hour * 3600), "create");
    }
    server
}

#[tokio::test(start_paused = true)]
async fn documents_of_an_index_that_is_back_are_alerted_at_once_however_old() {
    let server = with_events_of_two_days();
    server.break_index(true);
    let plan = a_long_stream();
    let mut operator = Operator::start(&server, std::slice::from_ref(&plan));
    let progress = operator.until(&plan, is_caught_up).await;
    assert_eq!(server.alert_ids().len(), 24);
    assert_eq!(progress.degraded_count, 1);
    assert_eq!(progress.degraded[0].index, "broken");
    // It goes on being left out for a while, and what is searchable is read in time.
    tokio::time::sleep(Duration::from_secs(7_000)).await;
    assert_eq!(server.alert_ids().len(), 24);
    let back = server.clock();
    server.break_index(false);
    let all = |progress: &Progress| progress.counts.alerts_created == 47;
    let progress = operator.until(&plan, all).await;
    assert_eq!(progress.degraded_count, 0);
    let took = server.clock().duration_since(back);
    assert!(took < SignedDuration::from_secs(120), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_index_that_breaks_and_is_back_loses_and_doubles_nothing() {
    let server = with_events_of_two_days();
    let plan = a_long_stream();
    let mut operator = Operator::start(&server, std::slice::from_ref(&plan));
    operator.until(&plan, is_caught_up).await;
    for _ in 0..3 {
        server.break_index(true);
        for _ in 0..10 {
            server.add_event(server.clock(), "create");
            tokio::time::sleep(Duration::from_secs(90)).await;
        }
        server.break_index(false);
        tokio::time::sleep(Duration::from_secs(700)).await;
    }
    let progress = operator.until(&plan, |_| true).await;
    assert_eq!(progress.counts.alerts_created, 77);
    assert_eq!(server.alert_ids().len(), 77);
    assert!(server.has_alerts_before(at(0), &["create"]));
}

#[tokio::test(start_paused = true)]
async fn a_static_range_ends_without_an_index_that_stays_broken_and_names_it() {
    let server = Server::with_events(100);
    server.break_index(true);
    let mut operator = Operator::start(&server, &[a_plan()]);
    let progress = operator.until_complete(&a_plan()).await;
    assert_eq!(progress.counts, counts(50, 50));
    assert_eq!((progress.degraded_count, progress.degraded.len()), (1, 1));
}
