//! K8sCop's detection beside other engines: the same rules, the same events, the same matches, from
//! the bytes of an event on. It prints Markdown.

mod engines;
#[cfg(feature = "hyperscan")]
mod hyperscan;
mod leaves;
mod pack;
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
    pub mod rules;
    pub mod walk;
}

#[cfg(feature = "hyperscan")]
use detect::plain;
use detect::{
    chance, events,
    measure::{self, Race, at_least, row, table, thousands},
    rules, walk,
};
use engines::{Engine, Rsigma, SigmaRust, Tau};
use jiff::Timestamp;
use k8scop::detect::{
    analyse::analyse, context::Context, definition::RuleDefinition, document::Document,
    layout::Layout, ruleset::RuleSet,
};

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
    beside_engines(&documents, &compared);
    pack::compare(&documents, &compared);
    beside_hyperscan(&documents, &compared);
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

fn beside_engines(documents: &[Document], compared: &[Document]) {
    table(
        "Detection beside other engines, 1,000 rules",
        &[
            "engine",
            "its events/s",
            "K8sCop's events/s",
            "times as fast",
            "target",
            "met",
            "matches",
            "left out on both sides",
        ],
    );
    let all = expressible(|_| true);
    let remark = "nothing";
    race(
        [documents, compared],
        "rsigma-eval 0.23",
        &all,
        Rsigma::new(&all),
        1_000,
        50.0,
        remark,
    );
    let some = expressible(tau::can_say);
    let remark = "`exists: Absent`";
    race(
        [documents, compared],
        "tau-engine 1.16, optimised",
        &some,
        Tau::new(&some),
        500,
        150.0,
        remark,
    );
    let some = expressible(SigmaRust::can_say);
    let remark = "fields in lists";
    race(
        [documents, compared],
        "sigma-rust 0.7",
        &some,
        SigmaRust::new(&some),
        250,
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
    [documents, compared]: [&[Document]; 2],
    name: &str,
    definitions: &[RuleDefinition],
    engine: impl Engine,
    events: usize,
    target: f64,
    left_out: &str,
) {
    let set = RuleSet::new(rules::rules(definitions));
    let matches = assert_same_matches(
        compared,
        &set,
        |number| format!("bench/rule-{number}"),
        &engine,
    );
    let race = Race::run(vec![
        Box::new(|| find(&documents[..events], &engine)),
        Box::new(|| detect(documents, &set)),
    ]);
    let [ratio, target, met] = at_least(race.ratio(1, 0), target, "×");
    let matches = thousands(matches as f64);
    row(&[
        name,
        &race.rate(0),
        &race.rate(1),
        &ratio,
        &target,
        &met,
        &matches,
        left_out,
    ]);
}

#[cfg(feature = "hyperscan")]
fn beside_hyperscan(documents: &[Document], compared: &[Document]) {
    hyperscan::compare(documents, compared);
}

#[cfg(not(feature = "hyperscan"))]
fn beside_hyperscan(_: &[Document], _: &[Document]) {
    println!(
        "\nBeside Hyperscan: not measured, its library is not here. On Debian: `apt-get install \
         libhyperscan-dev`."
    );
}

/// Both sides name the same pairs of event and rule; tells how many.
fn assert_same_matches(
    documents: &[Document],
    set: &RuleSet,
    key: impl Fn(usize) -> String,
    engine: &impl Engine,
) -> usize {
    let mut pairs = 0;
    for document in documents {
        let analysis = analyse(std::slice::from_ref(document), set, &context());
        let mut ours: Vec<_> = analysis
            .alerts
            .into_iter()
            .map(|alert| alert.rule)
            .collect();
        let mut numbers = Vec::new();
        engine.find(&document.source, &mut numbers);
        let mut theirs: Vec<_> = numbers.into_iter().map(&key).collect();
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "{document:?}");
        pairs += ours.len();
    }
    pairs
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

fn detect(documents: &[Document], set: &RuleSet) -> usize {
    std::hint::black_box(analyse(documents, set, &context()));
    documents.len()
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
