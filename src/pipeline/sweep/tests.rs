use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("in range")
}

fn window(from: i64, to: i64) -> Window {
    Window {
        start: at(from),
        end: at(to),
    }
}

const DAY: i64 = 86_400;

#[test]
fn the_widest_sweep_comes_first_and_does_for_the_others() {
    let second = Duration::from_secs;
    let mut sweeps = Sweeps::default();
    let mut seen = Vec::new();
    for clock in (0..=3_900).step_by(10).map(second) {
        if let Some(reach) = sweeps.due(clock) {
            sweeps.done(reach, clock);
            seen.push((clock.as_secs(), reach));
        }
    }
    let wide: Vec<_> = seen
        .iter()
        .filter(|(_, reach)| *reach != Reach::Minutes)
        .collect();
    let hours = (300..3600).step_by(300).map(|clock| (clock, Reach::Hour));
    let expected: Vec<_> = [(0, Reach::Day)]
        .into_iter()
        .chain(hours)
        .chain([(3600, Reach::Day), (3900, Reach::Hour)])
        .collect();
    assert_eq!(wide, expected.iter().collect::<Vec<_>>());
    assert_eq!(seen.len(), 131);
}

#[test]
fn a_sweep_looks_at_whole_buckets_up_to_what_was_read() {
    let far = at(-10 * DAY);
    assert_eq!(
        span(Reach::Minutes, at(100), far, at(100)),
        Some(window(-900, 100))
    );
    assert_eq!(span(Reach::Day, at(0), far, at(0)), Some(window(-DAY, 0)));
}

#[test]
fn a_sweep_does_not_look_before_the_range() {
    assert_eq!(
        span(Reach::Day, at(100), at(-7), at(100)),
        Some(window(-7, 100))
    );
    assert_eq!(span(Reach::Day, at(5), at(5), at(5)), None);
    // A range that ended long ago.
    assert_eq!(span(Reach::Day, at(3 * DAY), at(0), at(DAY)), None);
}

#[test]
fn a_bucket_waits_once() {
    let mut repairs = Repairs::default();
    let ledger = Ledger::default();
    let mark = Mark::new(1, 1);
    let two = Census([(Bucket::of(at(0)), mark), (Bucket::of(at(300)), mark)].into());
    assert!(repairs.enter(window(0, 600), &ledger, &two));
    let first = repairs.take(window(-9, 450), &ledger).expect("one waits");
    assert_eq!(
        (first.bucket, first.planner.next(at(DAY))),
        (Bucket::of(at(0)), Some(window(0, 300)))
    );
    repairs.put_back(first);
    assert!(repairs.enter(window(0, 600), &ledger, &two));
    repairs
        .take(window(-9, 450), &ledger)
        .expect("it was put back");
    let second = repairs
        .take(window(-9, 450), &ledger)
        .expect("another waits");
    assert_eq!(second.planner.next(at(DAY)), Some(window(300, 450)));
    assert!(repairs.is_empty());
}

#[test]
fn nothing_waits_where_nothing_differs() {
    let mut repairs = Repairs::default();
    assert!(!repairs.enter(window(0, 600), &Ledger::default(), &Census::default()));
    assert!(repairs.is_empty());
}
