//! The progress bar of a scan.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::local::input::{Input, Position};

/// What is done by then needs no bar.
const PATIENCE: Duration = Duration::from_millis(500);

/// A bar on standard error that appears when an input takes long, and only on a terminal.
pub struct Bar {
    bar: ProgressBar,
    position: Position,
    appears: Option<Instant>,
}

impl Bar {
    /// A bar for an input.
    pub fn new(input: &Input, name: &str, now: Instant) -> Self {
        let bar = ProgressBar::with_draw_target(input.size, ProgressDrawTarget::hidden());
        let template = match input.size {
            Some(_) => "{msg} {bar:32} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}",
            None => "{msg} {bytes} {binary_bytes_per_sec}",
        };
        let style = ProgressStyle::with_template(template).expect("the template is fixed");
        bar.set_style(style);
        bar.set_message(name.to_owned());
        Self {
            bar,
            position: input.position.clone(),
            appears: Some(now + PATIENCE),
        }
    }

    /// Shows how far the input is read.
    pub fn advance(&mut self, now: Instant) {
        if self.appears.is_some_and(|at| at <= now) {
            self.appears = None;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position(self.position.bytes());
    }

    /// Takes the bar away while something else is printed.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
