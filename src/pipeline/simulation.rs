//! Whole lives of a job under random faults, each from a seed: late and overwritten documents,
//! refusals, lost answers, panics, edits, restarts, kills, and two operators at once. Whatever
//! happens, no alert is lost (I1), doubled (I2) or made up (I3), the watermark never goes back nor
//! ahead of what is in the sink (I4), and in the end all is done in time (I5).
//!
//! `K8SCOP_TEST_SEED` is the only seed to try, `K8SCOP_TEST_SEEDS` the number of all.

mod events;
mod life;
mod nature;
mod replica;
mod trouble;
mod truth;

use std::{
    env,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use self::{
    life::{Life, Lived},
    truth::Violation,
};
use crate::pipeline::test_support::Bug;

/// Seeds that are tried.
const SEEDS: u64 = 20_000;
/// Seeds that are tried for a deliberate bug.
const SEEDS_OF_BUGS: u64 = 1_000;
/// Threads that try them.
const THREADS: usize = 2;

#[test]
fn no_life_loses_doubles_or_makes_up_an_alert() {
    let number = |variable| {
        let text = env::var(variable).ok()?;
        Some(text.parse().expect("a number"))
    };
    let seeds = match number("K8SCOP_TEST_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("K8SCOP_TEST_SEEDS").unwrap_or(SEEDS),
    };
    if let Some((seed, Violation(violation))) = first_violation(seeds, None) {
        panic!(
            "{violation}\nseed {seed}; again: K8SCOP_TEST_SEED={seed} cargo test --lib simulation"
        );
    }
}

#[test]
fn a_sink_that_acknowledges_before_it_writes_is_found() {
    assert!(first_violation(0..SEEDS_OF_BUGS, Some(Bug::AcknowledgesEarly)).is_some());
}

#[test]
fn a_source_that_leaves_out_the_start_of_windows_is_found() {
    assert!(first_violation(0..SEEDS_OF_BUGS, Some(Bug::OpensWindowsAtBothEnds)).is_some());
}

#[test]
fn a_sink_that_trusts_an_answer_as_a_whole_is_found() {
    assert!(first_violation(0..SEEDS_OF_BUGS, Some(Bug::TrustsTheAnswerAsAWhole)).is_some());
}

#[test]
fn a_seed_is_the_same_life_every_time() {
    for seed in 0..20 {
        assert_eq!(live(seed, None), live(seed, None), "seed {seed}");
    }
}

/// A violation that some of these seeds finds, and the seed.
fn first_violation(seeds: Range<u64>, bug: Option<Bug>) -> Option<(u64, Violation)> {
    let next = AtomicU64::new(seeds.start);
    let found = Mutex::new(None);
    let end = seeds.end;
    let work = || {
        let seeds = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        let mut lives = seeds
            .take_while(|seed| *seed < end)
            .map(|seed| (seed, live(seed, bug)));
        if let Some((seed, Err(violation))) = lives.find(|(_, lived)| lived.is_err()) {
            next.store(end, Ordering::Relaxed);
            let mut found = found.lock().expect("nobody panics in here");
            found.get_or_insert((seed, violation));
        }
    };
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(work);
        }
    });
    found.into_inner().expect("nobody panics in here")
}

/// The life of a seed, in a world of its own.
fn live(seed: u64, bug: Option<Bug>) -> Result<Lived, Violation> {
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        fastrand::seed(seed);
        runtime.block_on(async { Life::new(seed, bug).live().await })
    }));
    lived.unwrap_or_else(|_| Err(Violation("the simulation panicked".to_owned())))
}
