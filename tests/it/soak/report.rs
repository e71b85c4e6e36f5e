//! What a soak found, as Markdown.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::{
    aftermath::Told,
    watch::{Sample, Watermarks},
};
use crate::support::verify::Verdict;

/// A process is new, and still grows, for so many seconds.
const WARM_UP: f64 = 15.0;
/// Samples, one a second, of which a slope can be told.
const ENOUGH: usize = 300;
/// Lines of the table of memory.
const LINES: usize = 20;

pub struct Report {
    pub seed: u64,
    pub minutes: f64,
    pub events: u64,
    pub expected: BTreeSet<String>,
    pub found: BTreeSet<String>,
    pub doubled: Vec<String>,
    /// What `k8scop verify` says of the streaming job.
    pub verdict: Verdict,
    /// Static jobs that did not come to their end.
    pub incomplete: Vec<String>,
    pub faults: BTreeMap<&'static str, u64>,
    /// What each lasting fault was told as, and after how many seconds.
    pub told: Vec<Told>,
    pub watermarks: Watermarks,
    pub memory: Vec<Sample>,
    pub panics: usize,
}

impl Report {
    /// Everything that must not be, in words.
    pub fn problems(&self) -> Vec<String> {
        let lost: Vec<_> = self.expected.difference(&self.found).collect();
        let foreign: Vec<_> = self.found.difference(&self.expected).collect();
        let mut problems = Vec::new();
        let mut none = |what: &str, count: usize, which: String| {
            if count > 0 {
                problems.push(format!("{count} {what}: {which}"));
            }
        };
        none("lost", lost.len(), few(&lost));
        none("doubled", self.doubled.len(), few(&self.doubled));
        none("foreign", foreign.len(), few(&foreign));
        let back = &self.watermarks.went_back;
        none("watermarks went back", back.len(), back.join(", "));
        none(
            "jobs not complete",
            self.incomplete.len(),
            self.incomplete.join(", "),
        );
        none("panics", self.panics, "see the operator's log".to_owned());
        if self.verdict.code != Some(0) {
            let Verdict { account, words, .. } = &self.verdict;
            problems.push(format!("k8scop verify: {words}{account}"));
        }
        problems
    }

    pub fn markdown(&self) -> String {
        let total: u64 = self.faults.values().sum();
        let lost = self.expected.difference(&self.found).count();
        let foreign = self.found.difference(&self.expected).count();
        let mut text = format!(
            "# Soak of {:.1} minutes, seed {}\n\n\
             | events | expected alerts | found | lost | doubled | foreign | faults | kinds | watermark moved | went back | panics |\n\
             |--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n\
             | {} | {} | {} | {lost} | {} | {foreign} | {total} | {} | {} | {} | {} |\n\n\
             | fault | times |\n|---|--:|\n",
            self.minutes,
            self.seed,
            self.events,
            self.expected.len(),
            self.found.len(),
            self.doubled.len(),
            self.faults.len(),
            self.watermarks.moved,
            self.watermarks.went_back.len(),
            self.panics,
        );
        for (kind, count) in &self.faults {
            line(&mut text, format_args!("| {kind} | {count} |"));
        }
        line(
            &mut text,
            format_args!("\n| lasting fault | told as | after |\n|---|---|--:|"),
        );
        for (fault, reason, seconds) in &self.told {
            line(
                &mut text,
                format_args!("| {fault} | {reason} | {seconds:.0} s |"),
            );
        }
        let counts = ["expected", "found", "missing", "duplicate", "foreign"];
        let counts = counts.map(|name| format!("{name} {}", self.verdict.account[name]));
        line(
            &mut text,
            format_args!(
                "\n`k8scop verify` of the streaming job: {}.",
                counts.join(", ")
            ),
        );
        self.tell_memory(&mut text);
        text
    }

    fn tell_memory(&self, text: &mut String) {
        let most = self.memory.iter().map(|sample| sample.mebibytes);
        let most = most.fold(0.0, f64::max);
        let slope = match slope(&self.memory) {
            Some(slope) => format!(
                "Within the life of a process, its first {WARM_UP} s left out, it changes by \
                 {slope:+.2} MiB a minute."
            ),
            None => "No process lived long enough to tell whether it grows.".to_owned(),
        };
        line(
            text,
            format_args!(
                "\nResident memory of the operator: at most {most:.1} MiB. {slope}\n\n\
                 | second | process | MiB |\n|--:|--:|--:|"
            ),
        );
        for sample in self.memory.iter().step_by(self.memory.len() / LINES + 1) {
            let Sample {
                seconds,
                process,
                mebibytes,
            } = sample;
            line(
                text,
                format_args!("| {seconds:.0} | {process} | {mebibytes:.1} |"),
            );
        }
    }
}

/// How memory changes within the lives of processes, in MiB a minute: one slope for all of them,
/// by least squares. Nothing where there is too little to see.
fn slope(samples: &[Sample]) -> Option<f64> {
    let mut lives: BTreeMap<u32, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        lives.entry(sample.process).or_default().push(sample);
    }
    let (mut product, mut square, mut seen) = (0.0, 0.0, 0);
    for life in lives.values() {
        let warm = life[0].seconds + WARM_UP;
        let warm: Vec<_> = life.iter().filter(|sample| sample.seconds > warm).collect();
        let count = warm.len().max(1) as f64;
        let time = warm.iter().map(|sample| sample.seconds).sum::<f64>() / count;
        let size = warm.iter().map(|sample| sample.mebibytes).sum::<f64>() / count;
        seen += warm.len();
        for sample in warm {
            product += (sample.seconds - time) * (sample.mebibytes - size);
            square += (sample.seconds - time).powi(2);
        }
    }
    (seen >= ENOUGH).then(|| product / square * 60.0)
}

fn few<T: AsRef<str>>(ids: &[T]) -> String {
    let ids: Vec<_> = ids.iter().take(5).map(AsRef::as_ref).collect();
    ids.join(", ")
}

fn line(text: &mut String, line: std::fmt::Arguments) {
    writeln!(text, "{line}").expect("a string takes everything");
}
