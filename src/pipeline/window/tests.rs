use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("in range")
}

fn static_range(seconds: i64) -> Range {
    Range::Static {
        start: at(0),
        end: at(seconds),
    }
}

/// Reads a whole static range, `documents` telling how many a window holds.
fn windows(seconds: i64, documents: impl Fn(Window) -> u64) -> Vec<Window> {
    let mut planner = Planner::new(static_range(seconds), at(0));
    let mut windows = Vec::new();
    while let Some(window) = planner.next(at(seconds + 100)) {
        let held = documents(window);
        if planner.is_too_large(window, held) {
            planner.fit(window, held);
            continue;
        }
        planner.done(window, held, Duration::from_millis(10));
        windows.push(window);
    }
    assert!(planner.finished());
    windows
}

#[derive(Clone, Debug)]
enum Step {
    Done { documents: u64, millis: u64 },
    Fit { documents: u64 },
    Shrink,
    Horizon { seconds: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..400_000_u64, 0..30_000_u64)
            .prop_map(|(documents, millis)| Step::Done { documents, millis }),
        (0..5_000_000_u64).prop_map(|documents| Step::Fit { documents }),
        Just(Step::Shrink),
        (0..5_000_i64).prop_map(|seconds| Step::Horizon { seconds }),
    ]
}

proptest! {
    #[test]
    fn windows_are_contiguous_and_never_pass_the_horizon(
        steps in prop::collection::vec(step(), 1..200),
        length in prop::option::of(1..100_000_i64),
    ) {
        let range = match length {
            Some(length) => static_range(length),
            None => Range::Streaming { start: at(0) },
        };
        let mut planner = Planner::new(range, at(0));
        let (mut covered, mut horizon) = (at(0), at(0));
        for step in steps {
            let window = planner.next(horizon);
            if let Some(window) = window {
                prop_assert_eq!(window.start, covered);
                prop_assert!(window.start < window.end && window.end <= horizon);
                prop_assert!(length.is_none_or(|length| window.end <= at(length)));
            } else {
                prop_assert!(covered >= horizon || planner.finished());
            }
            match (step, window) {
                (Step::Horizon { seconds }, _) => horizon = later(horizon, seconds),
                (Step::Done { documents, millis }, Some(window)) => {
                    planner.done(window, documents, Duration::from_millis(millis));
                    covered = window.end;
                }
                (Step::Fit { documents }, Some(window)) => planner.fit(window, documents),
                (Step::Shrink, Some(window)) => planner.shrink(window),
                (_, None) => {}
            }
        }
    }

    #[test]
    fn a_static_range_is_covered_exactly_once(
        length in 1..1_000_000_i64,
        rate in 0.0..50.0_f64,
    ) {
        let windows = windows(length, |window| (window.seconds() as f64 * rate) as u64);
        let sum: i64 = windows.iter().map(|window| window.seconds()).sum();
        prop_assert_eq!(sum, length);
        prop_assert_eq!(windows.last().map(|window| window.end), Some(at(length)));
    }

    #[test]
    fn the_horizon_never_goes_back_and_stays_behind_the_clock(
        looks in prop::collection::vec((-10_000..10_000_i64, 0..600_u64), 1..50),
    ) {
        let mut horizon = Horizon::new(Duration::from_secs(5));
        let (mut last, mut elapsed) = (None, 0);
        for (jump, went_by) in looks {
            elapsed += went_by;
            let now = at(elapsed as i64 + jump);
            let next = horizon.advance(now, Duration::from_secs(elapsed));
            if let Some(last) = last {
                prop_assert!(next >= last);
                prop_assert!(next <= later(last, went_by as i64 * 12 / 10 + 5));
                prop_assert!(next == last || next <= later(now, -5));
            }
            last = Some(next);
        }
    }
}

#[test]
fn a_year_of_nothing_takes_few_windows() {
    assert!(windows(365 * 24 * 3600, |_| 0).len() < 30);
}

#[test]
fn a_steady_stream_is_cut_into_windows_of_the_wanted_size() {
    let windows = windows(24 * 3600, |window| window.seconds() as u64 * 500);
    let typical = windows[windows.len() / 2].seconds() * 500;
    assert!(
        (FEW..=MANY).contains(&(typical as u64)),
        "{typical} documents"
    );
}

#[test]
fn a_slow_source_is_read_in_windows_of_seconds() {
    let mut planner = Planner::new(static_range(24 * 3600), at(0));
    // Five hundred documents a second, of which it hands out five thousand.
    let mut took = Vec::new();
    while let Some(window) = planner.next(at(24 * 3600)) {
        let documents = window.seconds() as u64 * 500;
        let reading = Duration::from_millis(documents / 5);
        planner.done(window, documents, reading);
        took.push(reading);
    }
    let longest = took.iter().max().expect("there are windows");
    assert!((SHORT_TIME..=TARGET_TIME).contains(longest), "{longest:?}");
}

#[test]
fn a_flood_after_a_long_silence_is_cut_before_it_is_read() {
    let silence = 100 * 24 * 3600;
    let largest = windows(silence + 3600, |window| {
        let flooded = window.end.duration_since(at(silence).max(window.start));
        flooded.as_secs().max(0) as u64 * 1_000
    })
    .into_iter()
    .filter(|window| window.end > at(silence))
    .map(|window| {
        window
            .end
            .duration_since(at(silence).max(window.start))
            .as_secs()
            * 1_000
    })
    .max();
    assert!(
        largest.is_some_and(|largest| largest <= TOO_MANY as i64),
        "{largest:?}"
    );
}

#[test]
fn a_second_of_any_size_is_read_as_it_is() {
    let planner = Planner::new(static_range(1), at(0));
    let window = planner.next(at(10)).expect("there is one");
    assert!(!planner.is_too_large(window, u64::MAX));
}

#[test]
fn the_horizon_is_cut_to_whole_seconds() {
    let now = Timestamp::from_millisecond(1_700_000_010_999).expect("in range");
    let mut horizon = Horizon::new(Duration::from_secs(5));
    assert_eq!(horizon.advance(now, Duration::ZERO), at(5));
}
