use crate::{
    detect::event::gap::Gap,
    pipeline::{
        ports::FaultReason,
        progress::{Checkpoint, RuleMatches, State},
    },
};

use super::*;

fn observation() -> Observation {
    let id = PlanId {
        namespace: "security".into(),
        name: "prod".into(),
        uid: "1".into(),
    };
    let time = |text: &str| text.parse().expect("RFC 3339");
    let matches = RuleMatches {
        count: 3,
        last: time("2026-11-23T07:00:00Z"),
    };
    let progress = Progress {
        checkpoint: Some(Checkpoint {
            watermark: time("2026-11-23T07:00:00Z"),
            ..Checkpoint::default()
        }),
        rules_loaded: 1,
        lag_seconds: Some(7),
        matches: BTreeMap::from([("k8scop/pod-exec".to_owned(), matches)]),
        undecided: BTreeMap::from([(("k8scop/pod-exec".to_owned(), Gap::Level), 120)]),
        ..Progress::new(State::Running)
    };
    let totals = Totals {
        events: 412,
        events_cut_off: 3,
        undecided: BTreeMap::from([(Gap::Level, 120), (Gap::CutOff, 3)]),
        alerts_created: 3,
        faults: BTreeMap::from([(FaultReason::AuthFailed, 2)]),
        ..Totals::default()
    };
    Observation {
        leads: true,
        detached: false,
        dropped_log_lines: 4,
        rules: RuleCounts {
            loaded: 16,
            disabled: 1,
            refused: 2,
        },
        severities: BTreeMap::from([("k8scop/pod-exec".to_owned(), Severity::Medium)]),
        jobs: BTreeMap::from([(id, progress)]),
        totals: BTreeMap::from([("security/prod".to_owned(), totals)]),
    }
}

#[test]
fn an_observation_is_rendered_as_open_metrics() {
    insta::assert_snapshot!(render(observation()).replace(env!("CARGO_PKG_VERSION"), "<version>"));
}
