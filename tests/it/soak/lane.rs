//! Parts of the world that faults befall: one fault at a time in each, all parts at once.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Mutex, PoisonError},
};

use tokio::time::{Instant, sleep};

use super::dice::Dice;

/// A part of the world and the kinds of faults it knows.
pub trait Lane {
    const NAME: &'static str;
    /// How much longer than usual it is left alone between two faults.
    const REST: f64 = 1.0;

    fn kinds(&self) -> Vec<&'static str>;

    /// Lets a fault of this kind happen, last and pass.
    async fn befall(&mut self, kind: &str, dice: &mut Dice);
}

/// How often each kind of fault happened.
#[derive(Default)]
pub struct Tally(Mutex<BTreeMap<&'static str, u64>>);

impl Tally {
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn count(&self, kind: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(kind).or_default() += 1;
    }
}

/// When faults happen, and by which chance.
#[derive(Clone)]
pub struct Schedule {
    pub seed: u64,
    pub begun: Instant,
    pub end: Instant,
    /// Seconds between the end of a fault and the next one of the same lane.
    pub gap: Range<f64>,
}

/// Lets faults happen until the end: each kind once in an order by chance, then again. The first
/// time each kind has its turn, also after the end.
pub async fn trouble<L: Lane>(mut lane: L, schedule: &Schedule, tally: &Tally) -> L {
    let mut dice = Dice::new(schedule.seed, L::NAME);
    let kinds = lane.kinds();
    for round in 0.. {
        for kind in dice.shuffled(&kinds) {
            let gap = dice.seconds(schedule.gap.clone());
            sleep(gap.mul_f64(L::REST)).await;
            if round > 0 && Instant::now() >= schedule.end {
                return lane;
            }
            let begun = schedule.begun.elapsed().as_secs_f64();
            lane.befall(kind, &mut dice).await;
            let over = schedule.begun.elapsed().as_secs_f64();
            println!("soak: {begun:6.1} s to {over:6.1} s  {kind}");
            tally.count(kind);
        }
    }
    lane
}
