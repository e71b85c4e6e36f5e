use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    detect::alert::{Alert, fixture::an_alert},
    pipeline::test_support::a_fault,
};

fn item(page: u64, category: &str) -> Item {
    item_with(page, category, json!({}))
}

fn item_with(page: u64, category: &str, document: Value) -> Item {
    let alert = Alert {
        id: format!("{page}"),
        category: category.to_owned(),
        document,
        ..an_alert()
    };
    Item::new(page, &"alerts".into(), alert)
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
    assert_eq!(lanes.queued, 0);
}

#[tokio::test(start_paused = true)]
async fn only_what_was_not_taken_is_sent_again_and_first() {
    let now = Instant::now();
    let mut lanes = lanes((0..3).map(|page| item(page, "Exec")));
    let batch = take(&mut lanes, now);
    lanes.push(item(3, "Exec"));
    let fault = a_fault(FaultReason::ElasticsearchUnavailable, Remedy::Retry);
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
        (settled.acked, settled.retried, lanes.queued),
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
    assert_eq!(lanes.queued, 500);
}

fn refusal() -> Outcome {
    Outcome::Rejected(a_fault(FaultReason::SinkRejecting, Remedy::Retry))
}

#[tokio::test(start_paused = true)]
async fn a_refused_alert_is_reduced_then_quarantined_then_moved_out_of_the_way() {
    let now = Instant::now();
    let mut lanes = lanes([item(1, "Exec"), item(2, "Exec")]);
    let batch = take(&mut lanes, now);
    lanes.answered(batch, Ok(vec![refusal(), Outcome::Created]), now);

    let reduced = take(&mut lanes, now);
    let sent = reduced.alerts().remove(0);
    assert_eq!(sent.index, "alerts-undated");
    assert_eq!(sent.alert.document["k8scop"]["reduced"], true);
    lanes.answered(reduced, Ok(vec![refusal()]), now);

    let record = take(&mut lanes, now);
    let sent = record.alerts().remove(0);
    assert_eq!(sent.index, "alerts-quarantine");
    assert_eq!(sent.alert.document["k8scop"]["quarantine"]["alert"], "{}");
    let settled = lanes.answered(record, Ok(vec![refusal()]), now);
    let waiting: Vec<String> = settled
        .waiting
        .iter()
        .map(|(lane, _)| lane.to_string())
        .collect();
    assert_eq!(
        (waiting, settled.rejected),
        (vec!["Exec (refused)".to_owned()], 1)
    );

    lanes.push(item(3, "Exec"));
    assert_eq!(ids(&take(&mut lanes, now)), ["3"]);
    let woken = lanes.wake().expect("the refused one waits");
    let again = take(&mut lanes, woken);
    assert_eq!(again.alerts()[0].alert.document, json!({}));
    assert_eq!(again.alerts()[0].index, "alerts-undated");
}

#[tokio::test(start_paused = true)]
async fn an_alert_in_quarantine_is_acknowledged_and_counted() {
    let now = Instant::now();
    let mut lanes = lanes([item(1, "Exec"), item(2, "Exec")]);
    for _ in 0..2 {
        let batch = take(&mut lanes, now);
        lanes.answered(batch, Ok(vec![refusal(), refusal()]), now);
    }
    let records = take(&mut lanes, now);
    let outcomes = vec![Outcome::Created, Outcome::Duplicate];
    let settled = lanes.answered(records, Ok(outcomes), now);
    assert_eq!(settled.acked, [(1, true), (2, false)]);
    assert_eq!(settled.quarantined, 1);
}

#[tokio::test(start_paused = true)]
async fn an_alert_whose_id_is_taken_is_sent_at_once_under_its_own() {
    let now = Instant::now();
    let plain = item(1, "Exec");
    let own = plain.sent().alert.with_own_id();
    let mut lanes = lanes([plain]);
    let batch = take(&mut lanes, now);
    let settled = lanes.answered(batch, Ok(vec![Outcome::Taken]), now);
    assert_eq!((settled.taken, settled.acked), (1, vec![]));
    let again = take(&mut lanes, now);
    assert_eq!(ids(&again), [own.id]);
    let settled = lanes.answered(again, Ok(vec![Outcome::Duplicate]), now);
    assert_eq!(settled.acked, [(1, false)]);
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_server_gets_smaller_requests_until_it_copes() {
    let mut lanes = lanes((0..500).map(|page| item(page, "Exec")));
    let mut sizes = Vec::new();
    for _ in 0..3 {
        let now = Instant::now() + std::time::Duration::from_secs(3600);
        let batch = take(&mut lanes, now);
        sizes.push(batch.items.len());
        let fault = a_fault(FaultReason::TooManyRequests, Remedy::Retry);
        let settled = match sizes.len() {
            1 => lanes.answered(batch, Err(fault), now),
            _ => {
                let outcomes = vec![Outcome::Retry(fault); batch.items.len()];
                lanes.answered(batch, Ok(outcomes), now)
            }
        };
        assert_eq!(settled.load, Load::Overloaded);
        tokio::time::advance(std::time::Duration::from_secs(7200)).await;
    }
    let now = Instant::now() + std::time::Duration::from_secs(7200);
    for _ in 0..2 {
        let batch = take(&mut lanes, now);
        sizes.push(batch.items.len());
        let outcomes = vec![Outcome::Created; batch.items.len()];
        let settled = lanes.answered(batch, Ok(outcomes), now);
        assert_eq!(settled.load, Load::Good);
    }
    assert_eq!(sizes, [500, 250, 125, 62, 124]);
}

#[test]
fn there_is_no_room_for_more_than_so_many_bytes() {
    let mut lanes = Lanes::default();
    let mebibyte = || item_with(1, "Exec", json!({"message": "x".repeat(1 << 20)}));
    for _ in 0..15 {
        lanes.push(mebibyte());
        assert!(lanes.has_room());
    }
    lanes.push(mebibyte());
    assert!(!lanes.has_room());
    lanes.take(Instant::now());
    assert!(lanes.has_room());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn a_request_is_as_large_as_it_may_be_and_no_larger(sizes in proptest::collection::vec(0..3_000_000_usize, 1..12)) {
        let items = sizes.iter().enumerate().map(|(page, size)| {
            item_with(page as u64, "Exec", json!({"message": "x".repeat(*size)}))
        });
        let mut lanes = lanes(items);
        let batches: Vec<Batch> = std::iter::from_fn(|| lanes.take(Instant::now())).collect();
        let order: Vec<u64> = batches.iter().flat_map(|batch| &batch.items).map(|item| item.page).collect();
        prop_assert_eq!(order, (0..sizes.len() as u64).collect::<Vec<_>>());
        for pair in batches.windows(2) {
            let sum = bytes(&pair[0].items);
            prop_assert!(sum <= LARGEST_BYTES || pair[0].items.len() == 1);
            prop_assert!(sum + pair[1].items[0].bytes() > LARGEST_BYTES);
        }
        prop_assert_eq!((lanes.queued, lanes.queued_bytes), (0, 0));
    }
}
