//! What a person sees while something long runs: a bar on a terminal, lines elsewhere.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::{
    pipeline::{
        ports::Fault,
        progress::{Progress, State},
    },
    terminal,
};

/// Lines come at most this often, unless there is a new obstacle.
const PACE: Duration = Duration::from_secs(10);

/// Shows progress on standard error.
pub enum Display {
    /// On a terminal.
    Bar(ProgressBar),
    /// Anywhere else.
    Lines {
        /// The last line.
        last: Option<String>,
        /// When the next one may come.
        due: Instant,
    },
}

impl Display {
    /// A display that shows nothing yet.
    pub fn new(now: Instant) -> Self {
        if !io::stderr().is_terminal() {
            return Self::Lines {
                last: None,
                due: now,
            };
        }
        let bar = ProgressBar::new(100);
        let style = ProgressStyle::with_template("{bar:32} {msg}").expect("the template is fixed");
        bar.set_style(style);
        Self::Bar(bar)
    }

    /// Shows how far a plan has come; `done` are words for what it did.
    pub fn progress(&mut self, progress: &Progress, done: &str, now: Instant) {
        let percent = progress.percent.unwrap_or_default();
        match (&progress.state, progress.percent, progress.lag_seconds) {
            (State::Waiting { reason, message }, ..) => {
                let words = format!("waiting ({}): {message}", reason.as_str());
                self.show(percent, words, true, now);
            }
            (_, Some(percent), _) => self.step(percent, done, now),
            (_, None, Some(lag)) => {
                self.show(percent, format!("{lag} s behind, {done}"), false, now);
            }
            (_, None, None) => self.show(percent, done.to_owned(), false, now),
        }
    }

    /// Shows how much is done, in percent and in words.
    pub fn step(&mut self, percent: u8, done: &str, now: Instant) {
        self.show(percent, format!("{percent} %, {done}"), false, now);
    }

    /// Shows what stands in the way.
    pub fn obstacle(&mut self, fault: &Fault, now: Instant) {
        let words = format!("waiting ({}): {fault}", fault.reason.as_str());
        match self {
            Self::Bar(bar) => bar.set_message(words),
            Self::Lines { .. } => self.show(0, words, true, now),
        }
    }

    fn show(&mut self, percent: u8, words: String, obstacle: bool, now: Instant) {
        match self {
            Self::Bar(bar) => {
                bar.set_position(percent.into());
                bar.set_message(words);
            }
            Self::Lines { last, due } => {
                let changed = last.as_deref() != Some(words.as_str());
                if changed && (obstacle || *due <= now) {
                    terminal::say(format_args!("{words}"));
                    *last = Some(words);
                    *due = now + PACE;
                }
            }
        }
    }

    /// Says something beside the progress.
    pub fn say(&self, words: &str) {
        match self {
            Self::Bar(bar) => bar.suspend(|| terminal::say(format_args!("{words}"))),
            Self::Lines { .. } => terminal::say(format_args!("{words}")),
        }
    }

    /// Takes the progress away.
    pub fn finish(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
