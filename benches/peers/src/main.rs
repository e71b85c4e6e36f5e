//! K8sCop's detection beside other engines: the same rules, the same events, the same matches, from
//! the bytes of an event on. It prints Markdown.

mod engines;
#[cfg(feature = "hyperscan")]
mod hyperscan;
mod leaves;
mod pack;
mod race;
mod sigma;
mod tau;
#[allow(dead_code, reason = "it is shared; each package uses a part of it")]
#[path = "../../detect"]
mod detect {
    pub mod chance;
    pub mod events;
    pub mod measure;
    #[cfg(feature = "hyperscan")]
    pub mod plain;
    pub mod product;
    pub mod rules;
    pub mod walk;
}

#[cfg(feature = "hyperscan")]
use detect::plain;
use detect::{
    chance, events,
    measure::{self, thousands},
    product, rules, walk,
};
use engines::{Engine, Rsigma, SigmaRust, Tau};
use k8scop::detect::{definition::RuleDefinition, document::Document, ruleset::RuleSet};
use race::{Events, generated};

const EVENTS: usize = 10_000;

/// Events over which matches are compared, and how many of them are an intruder's.
const COMPARED: [usize; 2] = [1_000, 500];

fn main() {
    let documents = events::documents(EVENTS, 1);
    println!(
        "{} events, one thread; medians of {} rounds in turns. Before each race both sides must name \
         the same pairs of event and rule, the matches, on {} other events, {} of them an intruder's.",
        thousands(EVENTS as f64),
        measure::ROUNDS,
        thousands(COMPARED.iter().sum::<usize>() as f64),
        COMPARED[1]
    );
    let compared = compared();
    let events = Events::new(&documents, &compared);
    beside_engines(events);
    pack::compare(events);
    beside_hyperscan(events);
    leaves::compare(&documents);
}

/// Events to compare matches on.
fn compared() -> Vec<Document> {
    let is_intruders = |it: &Document| it.source.windows(12).any(|part| part == b"\"contractor-");
    let (intruders, others): (Vec<_>, Vec<_>) = events::documents(60_000, 3)
        .into_iter()
        .partition(is_intruders);
    assert!(intruders.len() >= COMPARED[1]);
    let others = others.into_iter().take(COMPARED[0]);
    others
        .chain(intruders.into_iter().take(COMPARED[1]))
        .collect()
}

fn beside_engines(events: Events<'_>) {
    race::table(
        "Detection beside other engines, 1,000 rules",
        ["engine", "its"],
        &["matches", "left out on both sides"],
    );
    let all = expressible(|_| true);
    let remark = "nothing";
    race(
        events.first(1_000),
        "rsigma-eval 0.23",
        &all,
        Rsigma::new(&all),
        50.0,
        remark,
    );
    let some = expressible(tau::can_say);
    let remark = "`exists: Absent`";
    race(
        events.first(500),
        "tau-engine 1.16, optimised",
        &some,
        Tau::new(&some),
        150.0,
        remark,
    );
    let some = expressible(SigmaRust::can_say);
    let remark = "fields in lists";
    race(
        events.first(250),
        "sigma-rust 0.7",
        &some,
        SigmaRust::new(&some),
        300.0,
        remark,
    );
}

/// A thousand rules that an engine can say.
fn expressible(can_say: impl Fn(&RuleDefinition) -> bool) -> Vec<RuleDefinition> {
    let all = rules::definitions(6_000, 2).into_iter();
    let some: Vec<_> = all.filter(|it| can_say(it)).take(1_000).collect();
    assert_eq!(some.len(), 1_000);
    some
}

fn race(
    events: Events<'_>,
    name: &str,
    definitions: &[RuleDefinition],
    engine: impl Engine,
    target: f64,
    left_out: &str,
) {
    let set = RuleSet::new(rules::rules(definitions));
    let (figures, matches) = events.race(&set, generated, &engine, target);
    figures.row(name, &[&matches, left_out]);
}

#[cfg(feature = "hyperscan")]
fn beside_hyperscan(events: Events<'_>) {
    hyperscan::compare(events);
}

#[cfg(not(feature = "hyperscan"))]
fn beside_hyperscan(_: Events<'_>) {
    println!(
        "\nBeside Hyperscan: not measured, its library is not here. On Debian: `apt-get install \
         libhyperscan-dev`."
    );
}
