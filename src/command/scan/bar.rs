//! The progress bar of a scan.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::feed::Source;

/// What is done by then needs no bar.
const PATIENCE: Duration = Duration::from_millis(500);

/// A bar on standard error that appears when an input takes long, and only on a terminal.
pub struct Bar {
    bar: ProgressBar,
    source: Arc<Source>,
    appears: Option<Instant>,
}

impl Bar {
    /// A bar for an input.
    pub fn new(source: &Arc<Source>, now: Instant) -> Self {
        let bar = ProgressBar::with_draw_target(source.size, ProgressDrawTarget::hidden());
        let template = match source.size {
            Some(_) => "{msg} {bar:32} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}",
            None => "{msg} {bytes} {binary_bytes_per_sec}",
        };
        let style = ProgressStyle::with_template(template).expect("the template is fixed");
        bar.set_style(style);
        bar.set_message(source.name.clone());
        Self {
            bar,
            source: Arc::clone(source),
            appears: Some(now + PATIENCE),
        }
    }

    /// Whether the bar is for this input.
    pub fn is_for(&self, source: &Arc<Source>) -> bool {
        Arc::ptr_eq(&self.source, source)
    }

    /// Shows how far the input is read.
    pub fn advance(&mut self, now: Instant) {
        if self.appears.is_some_and(|at| at <= now) {
            self.appears = None;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position(self.source.position.bytes());
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
