use serde_json::json;

use super::*;
use crate::{detect::definition::Severity, pipeline::test_support::a_fault};

fn item(page: u64, category: &str) -> Item {
    let alert = Alert {
        id: format!("{page}"),
        rule: "security/rule".to_owned(),
        category: category.to_owned(),
        severity: Severity::Low,
        time: None,
        source_time: None,
        fingerprint: "f".repeat(64),
        rule_uid: "11111111-2222-3333-4444-555555555555".to_owned(),
        match_hash: "0123456789abcdef".to_owned(),
        document: json!({}),
    };
    Item::new(page, "alerts".to_owned(), alert)
}

fn lanes(items: impl IntoIterator<Item = Item>) -> Lanes {
    let mut lanes = Lanes::default();
    items.into_iter().for_each(|item| lanes.push(item));
    lanes
}

fn ids(batch: &Batch) -> Vec<String> {
    let alerts = batch.alerts().into_iter();
    alerts.map(|addressed| addressed.alert.id.clone()).collect()
}

fn take(lanes: &mut Lanes, now: Instant) -> Batch {
    lanes.take(now).expect("something to send")
}

#[tokio::test(start_paused = true)]
async fn lanes_take_turns() {
    let now = Instant::now();
    let many = (0..1_200).map(|page| item(page, "Exec"));
    let mut lanes = lanes(many.chain([item(9_000, "Enum"), item(9_001, "Secrets")]));
    let order: Vec<(String, usize)> = std::iter::from_fn(|| lanes.take(now))
        .map(|batch| (batch.lane.to_string(), batch.items.len()))
        .collect();
    let expected = [
        ("Enum", 1),
        ("Exec", 500),
        ("Secrets", 1),
        ("Exec", 500),
        ("Exec", 200),
    ];
    assert_eq!(
        order,
        expected.map(|(lane, count)| (lane.to_owned(), count))
    );
    assert_eq!(lanes.queued(), 0);
}

#[tokio::test(start_paused = true)]
async fn only_what_was_not_taken_is_sent_again_and_first() {
    let now = Instant::now();
    let mut lanes = lanes((0..3).map(|page| item(page, "Exec")));
    let batch = take(&mut lanes, now);
    lanes.push(item(3, "Exec"));
    let fault = a_fault(FaultReason::TooManyRequests, Remedy::Retry);
    let outcomes = vec![Outcome::Created, Outcome::Retry(fault), Outcome::Duplicate];
    let settled = lanes.answered(batch, Ok(outcomes), now);
    assert_eq!(settled.acked, [(0, true), (2, false)]);
    assert!(lanes.take(now).is_none(), "the lane waits");
    let woken = lanes.wake().expect("it waits for a time");
    assert_eq!(ids(&take(&mut lanes, woken)), ["1", "3"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_another_length_says_nothing() {
    let now = Instant::now();
    let mut lanes = lanes((0..3).map(|page| item(page, "Exec")));
    let batch = take(&mut lanes, now);
    let settled = lanes.answered(batch, Ok(vec![Outcome::Created]), now);
    assert_eq!(
        (settled.acked, settled.retried, lanes.queued()),
        (vec![], 3, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_too_large_is_halved_down_to_the_alert_that_is_to_blame() {
    let now = Instant::now() + std::time::Duration::from_secs(3600);
    let mut lanes = lanes((0..500).map(|page| item(page, "Exec")));
    let mut sizes = Vec::new();
    loop {
        let batch = lanes
            .take(now + std::time::Duration::from_secs(3600))
            .expect("queued");
        sizes.push(batch.items.len());
        let fault = a_fault(FaultReason::SinkRejecting, Remedy::Shrink);
        if lanes.answered(batch, Err(fault), now).rejected == 1 {
            break;
        }
    }
    assert_eq!(sizes, [500, 250, 125, 62, 31, 15, 7, 3, 1]);
    assert_eq!(lanes.queued(), 500);
}

#[tokio::test(start_paused = true)]
async fn a_refused_alert_is_reduced_then_moved_out_of_the_way() {
    let now = Instant::now();
    let refuse = |reason| Outcome::Rejected(a_fault(reason, Remedy::Retry));
    let mut lanes = lanes([item(1, "Exec"), item(2, "Exec")]);
    let batch = take(&mut lanes, now);
    let outcomes = vec![refuse(FaultReason::SinkRejecting), Outcome::Created];
    lanes.answered(batch, Ok(outcomes), now);

    let reduced = take(&mut lanes, now);
    assert_eq!(
        reduced.alerts()[0].alert.document["k8scop"]["reduced"],
        true
    );
    let outcomes = vec![refuse(FaultReason::SinkRejecting)];
    let settled = lanes.answered(reduced, Ok(outcomes), now);
    let waiting: Vec<String> = settled
        .waiting
        .iter()
        .map(|(lane, _)| lane.to_string())
        .collect();
    assert_eq!(waiting, ["Exec (refused)"]);

    lanes.push(item(3, "Exec"));
    assert_eq!(ids(&take(&mut lanes, now)), ["3"]);
    let woken = lanes.wake().expect("the refused one waits");
    let again = take(&mut lanes, woken);
    assert_eq!(again.alerts()[0].alert.document, json!({}));
}
