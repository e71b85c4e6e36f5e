//! What detection costs: beside the bare reading of the documents, beside a plain loop over the
//! rules, with few and many rules, on two cores; then what it costs to compile rules and to change
//! one of them. It prints Markdown.

#![allow(clippy::print_stdout, missing_docs, reason = "it prints tables")]

extern crate k8scop_engine as k8scop;

mod chance;
mod events;
mod layouts;
mod measure;
mod plain;
mod product;
mod rules;
mod walk;

use std::{collections::BTreeSet, thread, time::Instant};

use k8scop::detect::{
    analyse::analyse,
    definition::RuleDefinition,
    document::{Document, with_texts},
    ruleset::RuleSet,
};

use measure::{Race, at_least, at_most, median, row, table, thousands};
use product::{context, detect};
use walk::Walk;

const EVENTS: usize = 10_000;

fn main() {
    let documents = events::documents(EVENTS, 1);
    let bytes: usize = documents.iter().map(|document| document.source.len()).sum();
    println!("Machine: {}.", measure::machine());
    println!(
        "{} events of {} bytes on average; medians of {} rounds in turns.",
        thousands(EVENTS as f64),
        thousands(bytes as f64 / EVENTS as f64),
        measure::ROUNDS
    );
    if std::env::args().any(|argument| argument == "layouts") {
        return by_layout(&documents[..2_000]);
    }
    beside_the_walk(&documents);
    by_layout(&documents[..2_000]);
    beside_a_plain_loop(&documents);
    growth(&documents);
    patterns_without_literals(&documents);
    two_cores(&documents);
    compile();
}

fn beside_the_walk(documents: &[Document]) {
    table(
        "Detection as a share of the reader without rules",
        &[
            "rules",
            "reader, events/s",
            "detection, events/s",
            "alerts",
            "share",
            "target",
            "met",
        ],
    );
    for (count, target) in [(15, 60.0), (1_000, 45.0)] {
        let definitions = rules::definitions(count, 2);
        let set = set(&definitions);
        let mut walk = Walk::new(&fields(&definitions));
        let race = Race::run(vec![
            Box::new(|| read(documents, &mut walk)),
            Box::new(|| detect(documents, &set)),
        ]);
        let [share, target, met] = at_least(race.ratio(1, 0) * 100.0, target, " %");
        let alerts = analyse(documents, &set, &context()).alerts.len();
        let (count, alerts) = (thousands(count as f64), thousands(alerts as f64));
        row(&[
            &count,
            &race.rate(0),
            &race.rate(1),
            &alerts,
            &share,
            &target,
            &met,
        ]);
    }
}

fn by_layout(documents: &[Document]) {
    table(
        "The same events in each layout, 1,000 rules",
        &["layout", "events/s", "beside Raw", "target", "met"],
    );
    let set = set(&rules::definitions(1_000, 2));
    let stored = layouts::all(documents);
    let race = Race::run(
        stored
            .iter()
            .map(|(_, documents)| -> Box<dyn FnMut() -> usize + '_> {
                Box::new(|| detect(documents, &set))
            })
            .collect(),
    );
    for (contender, (layout, documents)) in stored.iter().enumerate() {
        assert_eq!(
            analyse(documents, &set, &context()).alerts.len(),
            analyse(&stored[0].1, &set, &context()).alerts.len(),
            "{layout}"
        );
        let most = if layout.starts_with("Wrapped") {
            2.5
        } else {
            1.5
        };
        let [ratio, target, met] = match contender {
            0 => Default::default(),
            _ => at_most(race.ratio(0, contender), most, "×"),
        };
        row(&[layout, &race.rate(contender), &ratio, &target, &met]);
    }
}

fn beside_a_plain_loop(documents: &[Document]) {
    table(
        "Detection beside parsing to a `serde_json::Value` and a loop over the rules",
        &[
            "rules",
            "loop, events/s",
            "detection, events/s",
            "times as fast",
            "target",
            "met",
        ],
    );
    for (count, events, target) in [(10, 4_000, 8.0), (100, 2_000, 15.0), (1_000, 500, 60.0)] {
        let definitions = rules::definitions(count, 2);
        let (set, plain) = (set(&definitions), plain::rules(&definitions));
        assert_same_matches(&documents[..2_000], &set, &plain);
        let race = Race::run(vec![
            Box::new(|| loop_over_rules(&documents[..events], &plain)),
            Box::new(|| detect(documents, &set)),
        ]);
        let [ratio, target, met] = at_least(race.ratio(1, 0), target, "×");
        let count = thousands(count as f64);
        row(&[&count, &race.rate(0), &race.rate(1), &ratio, &target, &met]);
    }
}

fn growth(documents: &[Document]) {
    let counts = [10, 1_000, 5_000];
    let sets = counts.map(|count| set(&rules::definitions(count, 2)));
    let race = Race::run(vec![
        Box::new(|| detect(documents, &sets[0])),
        Box::new(|| detect(documents, &sets[1])),
        Box::new(|| detect(documents, &sets[2])),
    ]);
    table(
        "Cost of an event as rules are added",
        &["rules", "µs an event", "beside 10 rules", "target", "met"],
    );
    row(&["10", &format!("{:.2}", race.micros(0)), "", "", ""]);
    for (contender, target) in [(1, 1.25), (2, 1.5)] {
        let [ratio, target, met] = at_most(race.ratio(0, contender), target, "×");
        let micros = format!("{:.2}", race.micros(contender));
        let count = thousands(counts[contender] as f64);
        row(&[&count, &micros, &ratio, &target, &met]);
    }
}

fn patterns_without_literals(documents: &[Document]) {
    let with = |count| {
        let mut definitions = rules::definitions(1_000, 2);
        definitions.extend(rules::without_literals(count));
        rules::rules(&definitions)
    };
    let (few, many) = (RuleSet::new(with(0)), RuleSet::new(with(100)));
    let race = Race::run(vec![
        Box::new(|| detect(documents, &few)),
        Box::new(|| detect(documents, &many)),
    ]);
    let rules = with(100);
    let steady = race.micros(1);
    let cold = (0..measure::ROUNDS).map(|_| {
        let fresh = RuleSet::new(rules.clone());
        let started = Instant::now();
        detect(documents, &fresh);
        started.elapsed().as_secs_f64() * 1e6 / EVENTS as f64 / steady
    });
    table(
        "100 patterns without a literal, added to 1,000 rules",
        &["measure", "measured", "target", "met"],
    );
    let [added, target, met] = at_most(steady - race.micros(0), 0.5, " µs");
    row(&["added to an event", &added, &target, &met]);
    let [ratio, target, met] = at_most(median(cold.collect()), 3.0, "×");
    let what = format!(
        "first pass over {} events beside later ones",
        thousands(EVENTS as f64)
    );
    row(&[&what, &ratio, &target, &met]);
}

/// Long enough that the time until both threads run does not count.
fn repeated(documents: &[Document], set: &RuleSet) -> usize {
    (0..20).map(|_| detect(documents, set)).sum()
}

fn two_cores(documents: &[Document]) {
    let set = set(&rules::definitions(1_000, 2));
    let race = Race::run(vec![
        Box::new(|| repeated(documents, &set)),
        Box::new(|| {
            thread::scope(|scope| {
                let halves = documents.chunks(EVENTS / 2);
                let running: Vec<_> = halves
                    .map(|half| scope.spawn(|| repeated(half, &set)))
                    .collect();
                running
                    .into_iter()
                    .map(|it| it.join().expect("it ends"))
                    .sum()
            })
        }),
    ]);
    table(
        "Two threads beside one, 1,000 rules",
        &[
            "one, events/s",
            "two, events/s",
            "times as fast",
            "target",
            "met",
        ],
    );
    let [ratio, target, met] = at_least(race.ratio(1, 0), 1.75, "×");
    row(&[&race.rate(0), &race.rate(1), &ratio, &target, &met]);
}

/// Times from rules that are checked to a set of them.
fn compile() {
    table(
        "Compiling rules",
        &["what", "rules", "measured", "target", "met"],
    );
    for (count, target) in [(1_000, 150.0), (10_000, 2_000.0)] {
        let rules = rules::rules(&rules::definitions(count, 2));
        let times = (0..3).map(|_| millis(|| RuleSet::new(rules.clone())));
        let [time, target, met] = at_most(median(times.collect()), target, " ms");
        row(&[
            "a set from nothing",
            &thousands(count as f64),
            &time,
            &target,
            &met,
        ]);
    }
    let changed = rules::definitions(5_000, 3);
    let mut all = rules::rules(&rules::definitions(5_000, 2));
    let times = (0..measure::ROUNDS).map(|number| {
        millis(|| {
            all[number] = rules::rule(number, &changed[number]);
            RuleSet::new(all.clone())
        })
    });
    let [time, target, met] = at_most(median(times.collect()), 200.0, " ms");
    row(&[
        "one rule edited, checked and the set made anew",
        "5,000",
        &time,
        &target,
        &met,
    ]);
}

fn millis<T>(work: impl FnOnce() -> T) -> f64 {
    let started = Instant::now();
    let done = work();
    let passed = started.elapsed().as_secs_f64() * 1e3;
    drop(done);
    passed
}

fn set(definitions: &[RuleDefinition]) -> RuleSet {
    RuleSet::new(rules::rules(definitions))
}

/// The fields that some rules look at.
fn fields(definitions: &[RuleDefinition]) -> Vec<String> {
    let selections = definitions
        .iter()
        .flat_map(|definition| &definition.selections);
    let predicates = selections.flat_map(|selection| selection.all.iter().chain(&selection.any));
    let fields: BTreeSet<_> = predicates
        .map(|predicate| predicate.field.clone())
        .collect();
    fields.into_iter().collect()
}

/// A faster answer must be the same answer.
fn assert_same_matches(documents: &[Document], set: &RuleSet, plain: &[plain::PlainRule]) {
    for document in documents {
        let alerts = product::matching(document, set);
        let matching = plain::matching(&document.source, plain);
        let mut rules: Vec<_> = matching
            .iter()
            .map(|number| format!("bench/rule-{number}"))
            .collect();
        rules.sort();
        assert_eq!(alerts, rules, "event {}", document.id);
    }
}

fn read(documents: &[Document], walk: &mut Walk) -> usize {
    let mut bytes = 0;
    for (_, text) in with_texts(documents) {
        let text = text.expect("an event is UTF-8");
        walk.visit(text, |_, value| bytes += value.len());
    }
    std::hint::black_box(bytes);
    documents.len()
}

fn loop_over_rules(documents: &[Document], rules: &[plain::PlainRule]) -> usize {
    for document in documents {
        std::hint::black_box(plain::matching(&document.source, rules));
    }
    documents.len()
}
