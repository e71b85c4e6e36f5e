//! Measuring in turns, and Markdown tables of what was measured.

use std::{fs, hint::black_box, process::Command, thread, time::Instant};

/// Rounds of a race. Its figures are medians over them.
pub const ROUNDS: usize = 9;

/// One way to do the work, which tells over how many events it went.
pub type Contender<'c> = Box<dyn FnMut() -> usize + 'c>;

/// Seconds for each event: for each contender those of all rounds.
pub struct Race(Vec<Vec<f64>>);

impl Race {
    /// Lets the contenders take turns, so that whatever slows the machine down slows all of them.
    pub fn run(mut contenders: Vec<Contender<'_>>) -> Self {
        let mut seconds = vec![Vec::new(); contenders.len()];
        for round in 0..=ROUNDS {
            for (contender, seconds) in contenders.iter_mut().zip(&mut seconds) {
                let started = Instant::now();
                let events = black_box(contender());
                let passed = started.elapsed().as_secs_f64();
                // The first round fills the caches.
                if round > 0 {
                    seconds.push(passed / events as f64);
                }
            }
        }
        Self(seconds)
    }

    /// Microseconds for each event.
    pub fn micros(&self, contender: usize) -> f64 {
        median(self.0[contender].clone()) * 1e6
    }

    /// Events per second.
    pub fn rate(&self, contender: usize) -> String {
        thousands(1.0 / median(self.0[contender].clone()))
    }

    /// How many times as fast the one is as the other.
    pub fn ratio(&self, one: usize, other: usize) -> f64 {
        let rounds = self.0[one].iter().zip(&self.0[other]);
        median(rounds.map(|(one, other)| other / one).collect())
    }
}

/// The one in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Begins a table.
pub fn table(title: &str, columns: &[&str]) {
    println!("\n**{title}**\n\n| {} |", columns.join(" | "));
    println!("|---|{}", "---:|".repeat(columns.len() - 1));
}

/// A line of a table.
pub fn row(cells: &[&str]) {
    println!("| {} |", cells.join(" | "));
}

/// What was measured, what is wanted, and whether it is met, where more is better.
pub fn at_least(measured: f64, target: f64, unit: &str) -> [String; 3] {
    verdict(measured, "≥", target, unit, measured >= target)
}

/// The same where less is better.
pub fn at_most(measured: f64, target: f64, unit: &str) -> [String; 3] {
    verdict(measured, "≤", target, unit, measured <= target)
}

fn verdict(measured: f64, sign: &str, target: f64, unit: &str, is_met: bool) -> [String; 3] {
    let digits = match measured {
        0.0..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    let met = if is_met { "yes" } else { "**no**" };
    let measured = format!("**{measured:.digits$}{unit}**");
    [measured, format!("{sign} {target}{unit}"), met.to_owned()]
}

/// A number with its thousands apart.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut parts: Vec<_> = digits
        .as_bytes()
        .rchunks(3)
        .map(String::from_utf8_lossy)
        .collect();
    parts.reverse();
    parts.join(",")
}

/// The machine, in one line.
pub fn machine() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |rest| {
            rest.trim_start_matches(['\t', ':', ' '])
        });
    let version = Command::new("rustc").arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    format!("{cores} × {model}, {}", version.unwrap_or_default())
}
