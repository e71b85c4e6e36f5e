//! What came of it, as a table in Markdown.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use k8scop_testbed::ELASTALERT_VERSION;

use crate::{
    elastalert::{PATIENCE, QUERY_DELAY_SECONDS, RUN_EVERY_SECONDS},
    events::{Lateness, Pair, RULES},
    scenario::{AWAY, KILLS_AFTER, LOAD, OUTAGE, REST, Scenario},
};

/// The numbers of one tool in one scenario.
#[derive(Clone)]
pub struct Score {
    tool: String,
    scenario: &'static str,
    events: u64,
    expected: usize,
    alerted: usize,
    lost: BTreeMap<Lateness, usize>,
    doubled: usize,
    foreign: usize,
}

impl Score {
    pub fn new(
        tool: String,
        scenario: Scenario,
        events: u64,
        expected: &BTreeMap<Pair, Lateness>,
        alerts: &[Pair],
    ) -> Score {
        let distinct: BTreeSet<&Pair> = alerts.iter().collect();
        let mut lost = BTreeMap::new();
        for (pair, lateness) in expected {
            if !distinct.contains(pair) {
                *lost.entry(*lateness).or_default() += 1;
            }
        }
        let foreign = distinct
            .iter()
            .filter(|pair| !expected.contains_key(**pair))
            .count();
        Score {
            tool,
            scenario: scenario.name,
            events,
            expected: expected.len(),
            alerted: distinct.len() - foreign,
            lost,
            doubled: alerts.len() - distinct.len(),
            foreign,
        }
    }

    fn row(&self) -> String {
        let lost: usize = self.lost.values().sum();
        let kinds = self
            .lost
            .iter()
            .map(|(lateness, count)| format!("{count} {}", lateness.words()));
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        format!(
            "| {} | {} | {} | {} | {} | {lost} | {} | {} | {kinds} |",
            self.scenario,
            self.tool,
            self.events,
            self.expected,
            self.alerted,
            self.doubled,
            self.foreign
        )
    }
}

/// The table with what its numbers mean.
pub fn markdown(scores: &[Score]) -> String {
    let mut text = String::new();
    let mut line = |line: &str| writeln!(text, "{line}").expect("a string takes everything");
    line(
        "| faults | tool | events | expected | alerted | lost | doubled | foreign | what was lost |",
    );
    line("|---|---|--:|--:|--:|--:|--:|--:|---|");
    for score in scores {
        line(&score.row());
    }
    line("");
    for sentence in sentences() {
        line(&format!("- {sentence}"));
    }
    text
}

fn sentences() -> Vec<String> {
    let shares = KILLS_AFTER.map(|share| format!("{:.0} %", share * 100.0));
    vec![
        format!(
            "Expected: pairs of one of {} rules and an event that matches it. Alerted: those of \
             them that were alerted. Doubled: alerts beyond the first of their pair. Foreign: \
             alerts of no such pair.",
            RULES.len()
        ),
        format!(
            "Events are sent for {LOAD:?} into OpenSearch 3.8.0; what it does not take is sent \
             again. All tools read the same documents at the same time."
        ),
        format!(
            "restart: the tool is killed (SIGKILL) as soon as it has made {} of the expected \
             alerts, and started again {AWAY:?} later.",
            shares.join(" and ")
        ),
        format!("outage: the search server is killed, and started again {OUTAGE:?} later."),
        format!(
            "late: one in three matching events is visible only after its time: {}.",
            Lateness::LATE.map(Lateness::words).join(", ")
        ),
        "all: the three together.".to_owned(),
        format!(
            "A tool has {REST:?} for the rest after the last event; one that has alerted \
             everything is watched a little longer for doubles."
        ),
        format!(
            "ElastAlert2 {ELASTALERT_VERSION} from PyPI: rules of type `any`, `realert` 0, \
             `run_every` {RUN_EVERY_SECONDS} s, `query_delay` {QUERY_DELAY_SECONDS} s, \
             `disable_rules_on_error` false, `alert_time_limit` 2 days, writeback index on the \
             same server, alerts by `post2`, started with `--patience {PATIENCE}`, and again when \
             it ends by itself. An alert counts when the receiver of the post, which never fails, \
             has it."
        ),
        "K8sCop: a Streaming job with `fetchDelaySeconds` 5, all else by default. An alert counts \
         when its document is in the sink, on the same server."
            .to_owned(),
        "Not compared on Elasticsearch 9.5 as built from Maven, because ElastAlert2 asks \
         `GET /` for the version, and that build does not answer it."
            .to_owned(),
    ]
}
