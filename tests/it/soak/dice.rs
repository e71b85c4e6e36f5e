//! Chance that a seed decides.

use std::{ops::Range, time::Duration};

pub struct Dice(fastrand::Rng);

impl Dice {
    /// Dice of their own for each name, so that what one part does moves no other.
    pub fn new(seed: u64, name: &str) -> Dice {
        let salt = name.bytes().fold(seed, |salt, byte| {
            salt.wrapping_mul(0x0100_0000_01b3)
                .wrapping_add(u64::from(byte))
        });
        Dice(fastrand::Rng::with_seed(salt))
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.0.u64(0..end)
    }

    pub fn seconds(&mut self, range: Range<f64>) -> Duration {
        Duration::from_secs_f64(range.start + self.0.f64() * (range.end - range.start))
    }

    pub fn shuffled<T: Copy>(&mut self, items: &[T]) -> Vec<T> {
        let mut items = items.to_vec();
        self.0.shuffle(&mut items);
        items
    }
}
