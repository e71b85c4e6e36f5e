//! What a person sees while an analysis runs: a bar on a terminal, lines elsewhere.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::{
    pipeline::progress::{Counts, Progress, State},
    terminal,
};

/// Lines come at most this often, unless there is a new obstacle.
const PACE: Duration = Duration::from_secs(10);

/// Shows progress on standard error.
pub(super) enum Display {
    Bar(ProgressBar),
    Lines { last: Option<String>, due: Instant },
}

impl Display {
    pub(super) fn new(now: Instant) -> Self {
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

    pub(super) fn show(&mut self, progress: &Progress, now: Instant) {
        let words = words(progress);
        match self {
            Self::Bar(bar) => {
                bar.set_position(progress.percent.unwrap_or_default().into());
                bar.set_message(words);
            }
            Self::Lines { last, due } => {
                let obstacle = matches!(progress.state, State::Waiting { .. });
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
    pub(super) fn say(&self, words: &str) {
        match self {
            Self::Bar(bar) => bar.suspend(|| terminal::say(format_args!("{words}"))),
            Self::Lines { .. } => terminal::say(format_args!("{words}")),
        }
    }

    pub(super) fn finish(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn words(progress: &Progress) -> String {
    if let State::Waiting { reason, message } = &progress.state {
        return format!("waiting ({}): {message}", reason.as_str());
    }
    let done = match (progress.percent, progress.lag_seconds) {
        (Some(percent), _) => format!("{percent} %, "),
        (None, Some(lag)) => format!("{lag} s behind, "),
        (None, None) => String::new(),
    };
    format!("{done}{}", counts(&progress.counts))
}

/// What was done, in words.
pub(super) fn counts(counts: &Counts) -> String {
    let Counts {
        events_read,
        alerts_created,
        alerts_duplicate,
        quarantined,
        alerts_late: _,
    } = counts;
    format!(
        "{events_read} events read, {alerts_created} alerts written, {alerts_duplicate} there \
         already, {quarantined} documents set aside"
    )
}
