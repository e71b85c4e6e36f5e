//! A race between K8sCop and another engine: the same events, rules and matches.

use k8scop::detect::{document::Document, ruleset::RuleSet};

use crate::{
    engines::Engine,
    measure::{self, Race, at_least, row, thousands},
    product::{detect, matching},
};

/// What both sides read.
#[derive(Clone, Copy)]
pub struct Events<'e> {
    /// Those of the race.
    all: &'e [Document],
    /// As many of them as the other engine gets: a slow one would take long.
    others: &'e [Document],
    /// Those that matches are compared on.
    compared: &'e [Document],
}

/// The cells of a race: both rates, their ratio, what is wanted, and whether it is met.
pub struct Figures([String; 5]);

/// Begins a table of races. Its columns are what tells them apart, the figures, the other engine's
/// by its name, and more.
pub fn table(title: &str, [first, engine]: [&str; 2], more: &[&str]) {
    let rate = format!("{engine} events/s");
    let figures = [&rate, "K8sCop's events/s", "times as fast", "target", "met"];
    measure::table(title, &[&[first], &figures[..], more].concat());
}

/// The key of a generated rule.
pub fn generated(number: usize) -> String {
    format!("bench/rule-{number}")
}

impl Figures {
    /// Writes the line of a race.
    pub fn row(&self, first: &str, more: &[&str]) {
        let figures = self.0.each_ref().map(String::as_str);
        row(&[&[first], &figures[..], more].concat());
    }
}

impl<'e> Events<'e> {
    pub fn new(all: &'e [Document], compared: &'e [Document]) -> Self {
        Self {
            all,
            others: all,
            compared,
        }
    }

    /// The same, of which the other engine gets only the first.
    pub fn first(self, count: usize) -> Self {
        Self {
            others: &self.all[..count],
            ..self
        }
    }

    /// Compares what is found, then how fast; tells how many matches there were. The key of a rule
    /// is made of the number that the other engine knows it by.
    pub fn race(
        self,
        set: &RuleSet,
        key: impl Fn(usize) -> String,
        engine: &impl Engine,
        target: f64,
    ) -> (Figures, String) {
        let matches = self.assert_same_matches(set, key, engine);
        let race = Race::run(vec![
            Box::new(|| find(self.others, engine)),
            Box::new(|| detect(self.all, set)),
        ]);
        let [ratio, target, met] = at_least(race.ratio(1, 0), target, "×");
        let figures = Figures([race.rate(0), race.rate(1), ratio, target, met]);
        (figures, thousands(matches as f64))
    }

    /// Both sides name the same pairs of event and rule; tells how many.
    fn assert_same_matches(
        self,
        set: &RuleSet,
        key: impl Fn(usize) -> String,
        engine: &impl Engine,
    ) -> usize {
        let mut pairs = 0;
        for document in self.compared {
            let ours = matching(document, set);
            let mut numbers = Vec::new();
            engine.find(&document.source, &mut numbers);
            let mut theirs: Vec<_> = numbers.into_iter().map(&key).collect();
            theirs.sort();
            assert_eq!(ours, theirs, "{document:?}");
            pairs += ours.len();
        }
        pairs
    }
}

fn find(documents: &[Document], engine: &impl Engine) -> usize {
    let mut matching = Vec::new();
    for document in documents {
        matching.clear();
        engine.find(&document.source, &mut matching);
        std::hint::black_box(&matching);
    }
    documents.len()
}
