//! Events per second of detection at 10 to 5,000 rules, beside a plain loop over the rules in the
//! same run. Both take turns, so that the ratio holds on a noisy machine; the medians are printed.
//! Then what it costs to check rules, to compile them to a set, and to change one of them. One
//! thread.

#![allow(clippy::print_stdout, missing_docs, reason = "it prints a table")]

mod chance;
mod events;
mod plain;
mod rules;

use std::time::Instant;

use jiff::Timestamp;
use k8scop::detect::{
    analyse::analyse, context::Context, document::Document, layout::Layout, ruleset::RuleSet,
};

const EVENTS: usize = 4_000;
/// The plain loop is slow: this many show its rate.
const PLAIN_EVENTS: usize = 400;
const ROUNDS: usize = 9;

fn main() {
    let documents = events::documents(EVENTS, 1);
    let bytes: usize = documents.iter().map(|document| document.source.len()).sum();
    println!(
        "{EVENTS} events of {} bytes on average, one thread, medians of {ROUNDS} rounds",
        bytes / EVENTS
    );
    println!(
        "{:>6}  {:>14}  {:>14}  {:>7}",
        "rules", "detect ev/s", "plain ev/s", "ratio"
    );
    for count in [10, 100, 1_000, 5_000] {
        compare(&documents, count);
    }
    println!(
        "{:>6}  {:>14}  {:>14}  {:>14}",
        "rules", "check ms", "compile ms", "change one ms"
    );
    for count in [1_000, 5_000, 10_000] {
        compile(count);
    }
}

fn compare(documents: &[Document], count: usize) {
    let definitions = rules::definitions(count, 2);
    let set = RuleSet::new(rules::rules(&definitions));
    let plain = plain::rules(&definitions);
    let few = &documents[..PLAIN_EVENTS];
    assert_same_matches(few, &set, &plain);
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let detect = rate(documents, |all| analyse(all, &set, &context()).alerts.len());
        let other = rate(few, |few| found_plainly(few, &plain));
        ours.push(detect);
        theirs.push(other);
        ratios.push(detect / other);
    }
    println!(
        "{count:>6}  {:>14.0}  {:>14.0}  {:>6.1}x",
        median(ours),
        median(theirs),
        median(ratios)
    );
}

/// Times of the whole, and of a set in which one rule has changed.
fn compile(count: usize) {
    let definitions = rules::definitions(count, 2);
    let changed = rules::definitions(count, 3);
    let started = Instant::now();
    let mut all = rules::rules(&definitions);
    let checked = started.elapsed();
    let set = RuleSet::new(all.clone());
    let compiled = started.elapsed() - checked;
    let changes = (0..ROUNDS).map(|number| {
        let started = Instant::now();
        all[number] = rules::rule(number, &changed[number]);
        std::hint::black_box(RuleSet::new(all.clone()));
        started.elapsed().as_secs_f64() * 1e3
    });
    let change = median(changes.collect());
    println!(
        "{:>6}  {:>14.1}  {:>14.1}  {change:>14.1}",
        set.len(),
        checked.as_secs_f64() * 1e3,
        compiled.as_secs_f64() * 1e3,
    );
}

fn context() -> Context {
    Context {
        tenant: "bench".to_owned(),
        job: "bench".to_owned(),
        cluster: String::new(),
        layout: Layout::Auto,
        now: Timestamp::UNIX_EPOCH,
    }
}

/// A faster answer must be the same answer.
fn assert_same_matches(documents: &[Document], set: &RuleSet, plain: &[plain::PlainRule]) {
    let found = analyse(documents, set, &context()).alerts.len();
    assert_eq!(found, found_plainly(documents, plain));
}

fn found_plainly(documents: &[Document], rules: &[plain::PlainRule]) -> usize {
    documents
        .iter()
        .map(|document| plain::matches(&document.source, rules))
        .sum()
}

/// Events per second.
fn rate(documents: &[Document], work: impl Fn(&[Document]) -> usize) -> f64 {
    let started = Instant::now();
    std::hint::black_box(work(documents));
    documents.len() as f64 / started.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
