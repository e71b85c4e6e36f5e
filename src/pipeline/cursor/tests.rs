use proptest::prelude::*;

use super::*;
use crate::pipeline::ledger::{Bucket, Census};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("in range")
}

fn start() -> Checkpoint {
    Checkpoint {
        watermark: at(0),
        counts: Counts::default(),
        ..Checkpoint::default()
    }
}

fn opened(attempt: u64, from: i64, to: i64) -> Receipt {
    let window = Window {
        start: at(from),
        end: at(to),
    };
    Receipt::Opened {
        attempt,
        window,
        purpose: Purpose::Forward,
    }
}

fn closed(attempt: u64, pages: u64) -> Receipt {
    Receipt::Closed {
        attempt,
        pages,
        entry: Entry::Part,
    }
}

fn acked(attempt: u64, created: u64, duplicate: u64) -> Receipt {
    let tally = Tally {
        documents: 10,
        events: 10,
        created,
        duplicate,
        ..Tally::default()
    };
    Receipt::Acked { attempt, tally }
}

fn last_checkpoint(receipts: impl IntoIterator<Item = Receipt>) -> Option<Checkpoint> {
    let mut cursor = Cursor::new(start());
    let mut last = None;
    for receipt in receipts {
        let commit = cursor.take(receipt).expect("no page is lost");
        last = commit.map(|commit| commit.checkpoint).or(last);
    }
    last
}

fn counts(events_read: u64, alerts_created: u64, alerts_duplicate: u64) -> Counts {
    Counts {
        documents_read: events_read,
        events_read,
        alerts_created,
        alerts_duplicate,
        quarantined: 0,
        ..Counts::default()
    }
}

#[test]
fn a_window_waits_for_the_one_before_it() {
    let later_one_first = [
        opened(1, 0, 10),
        opened(2, 10, 20),
        closed(1, 1),
        closed(2, 1),
        acked(2, 1, 0),
    ];
    assert_eq!(last_checkpoint(later_one_first), None);
}

#[test]
fn an_empty_window_is_committed_when_it_is_closed() {
    let receipts = [opened(1, 0, 10), closed(1, 0)];
    let expected = Checkpoint {
        watermark: at(10),
        counts: Counts::default(),
        ..Checkpoint::default()
    };
    assert_eq!(last_checkpoint(receipts), Some(expected));
}

#[test]
fn alerts_of_an_abandoned_attempt_are_counted_once() {
    let receipts = [
        opened(1, 0, 10),
        acked(1, 3, 0),
        Receipt::Abandoned { attempt: 1 },
        acked(1, 1, 0),
        opened(2, 0, 10),
        acked(2, 2, 5),
        closed(2, 1),
    ];
    let expected = Checkpoint {
        watermark: at(10),
        counts: counts(10, 6, 1),
        ..Checkpoint::default()
    };
    assert_eq!(last_checkpoint(receipts), Some(expected));
}

#[test]
fn a_lost_ticket_poisons_its_window() {
    let mut cursor = Cursor::new(start());
    cursor.take(opened(1, 0, 10)).expect("nothing lost yet");
    let lost = PageLost(Window {
        start: at(0),
        end: at(10),
    });
    assert_eq!(cursor.take(Receipt::Lost { attempt: 1 }), Err(lost));
}

#[test]
fn a_lost_ticket_of_an_abandoned_attempt_is_of_no_consequence() {
    let receipts = [
        opened(1, 0, 10),
        Receipt::Abandoned { attempt: 1 },
        Receipt::Lost { attempt: 1 },
    ];
    assert_eq!(last_checkpoint(receipts), None);
}

/// A repair of the bucket that starts at 100 seconds, in two parts.
fn repair(first: u64, created: u64) -> [Receipt; 6] {
    let part = |attempt, from, to| Receipt::Opened {
        attempt,
        window: Window {
            start: at(from),
            end: at(to),
        },
        purpose: Purpose::Repair,
    };
    let late = Receipt::Acked {
        attempt: first,
        tally: Tally {
            documents: 12,
            events: 12,
            created,
            late: created,
            ..Tally::default()
        },
    };
    let repaired = Receipt::Closed {
        attempt: first + 1,
        pages: 0,
        entry: Entry::Repaired {
            bucket: Bucket::of(at(100)),
            before: Mark::new(10, 45),
            now: Mark::new(12, 66),
            documents: 12,
        },
    };
    [
        part(first, 100, 200),
        closed(first, 1),
        late,
        part(first + 1, 200, 400),
        repaired,
        // Of no consequence: that window is done.
        Receipt::Abandoned { attempt: first },
    ]
}

fn read_once(attempt: u64) -> [Receipt; 3] {
    let census = Census([(Bucket::of(at(100)), Mark::new(10, 45))].into());
    let read = Receipt::Closed {
        attempt,
        pages: 1,
        entry: Entry::Read(census),
    };
    [opened(attempt, 0, 400), read, acked(attempt, 3, 0)]
}

#[test]
fn a_repair_changes_the_ledger_and_not_the_watermark() {
    let receipts = read_once(1).into_iter().chain(repair(2, 2));
    let mut ledger = Ledger::default();
    ledger.replace(Bucket::of(at(100)), Mark::default(), Mark::new(12, 66));
    let expected = Checkpoint {
        watermark: at(400),
        counts: Counts {
            alerts_late: 2,
            ..counts(12, 5, 0)
        },
        ledger,
        ..Checkpoint::default()
    };
    assert_eq!(last_checkpoint(receipts), Some(expected));
}

#[test]
fn a_repair_waits_for_the_windows_before_it() {
    let receipts = [opened(1, 0, 400)].into_iter().chain(repair(2, 2));
    assert_eq!(last_checkpoint(receipts), None);
}

#[test]
fn the_rules_that_came_later_are_told_for_a_day() {
    let active_from: ActiveFrom = [("old".to_owned(), at(5)), ("new".to_owned(), at(300))].into();
    let day = 86_400;
    let receipts = [
        Receipt::Rules {
            active_from: Arc::new(active_from),
        },
        opened(1, 0, day + 100),
        closed(1, 0),
    ];
    let told = last_checkpoint(receipts).map(|told| told.active_from);
    assert_eq!(told, Some([("new".to_owned(), at(300))].into()));
}

proptest! {
    /// Windows of ten seconds with some pages each; the acknowledgements come in any order.
    #[test]
    fn the_watermark_never_passes_a_page_that_is_not_acknowledged(
        (pages, order) in prop::collection::vec(0..4_u64, 1..12).prop_flat_map(|pages| {
            let tickets: Vec<usize> = pages.iter().enumerate()
                .flat_map(|(window, count)| std::iter::repeat_n(window, *count as usize))
                .collect();
            (Just(pages), Just(tickets).prop_shuffle())
        }),
    ) {
        let mut cursor = Cursor::new(start());
        let mut watermark = at(0);
        let mut missing = pages.clone();
        let closing = pages.iter().enumerate().flat_map(|(place, pages)| {
            let attempt = place as u64;
            let from = 10 * place as i64;
            [opened(attempt, from, from + 10), closed(attempt, *pages)]
        });
        let acks = order.iter().map(|window| acked(*window as u64, 1, 0));
        for receipt in closing.chain(acks) {
            if let Receipt::Acked { attempt, .. } = receipt {
                missing[attempt as usize] -= 1;
            }
            if let Some(commit) = cursor.take(receipt).expect("no page is lost") {
                prop_assert!(commit.checkpoint.watermark > watermark);
                watermark = commit.checkpoint.watermark;
                let done = (watermark.duration_since(at(0)).as_secs() / 10) as usize;
                prop_assert!(missing[..done].iter().all(|missing| *missing == 0));
            }
        }
        prop_assert_eq!(watermark, at(10 * pages.len() as i64));
        prop_assert_eq!(cursor.counts().alerts_created, order.len() as u64);
    }
}
