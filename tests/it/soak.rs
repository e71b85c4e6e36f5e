//! Jobs under load while faults of every kind come and go by chance: at the end there is exactly
//! one alert for each match. Two minutes, or `SOAK_MINUTES`; `SOAK_SEED` repeats a schedule.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::SignedDuration;

mod aftermath;
mod data;
mod dice;
mod edits;
mod lane;
mod load;
mod manifests;
mod network;
mod report;
mod server;
mod servers;
mod storm;
mod watch;

const NAMESPACE: &str = "soak";
const JOB: &str = "live";
const SOURCE: &str = "soak-audit";
const SINK: &str = "soak-alerts";

/// The schedule of a run that is asked for nothing else.
const USUAL_SEED: u64 = 1;

/// What is asked of a run.
struct Plan {
    seed: u64,
    length: Duration,
    /// Seconds between two faults of one part of the world.
    gap: Range<f64>,
    events_a_second: u64,
    /// How late an event may be.
    latest: SignedDuration,
    /// How long the last of them may take.
    settles_within: Duration,
}

impl Plan {
    fn from_environment() -> Plan {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let number = |name| set(name).map(|value| value.parse::<u64>().expect("a whole number"));
        let minutes = number("SOAK_MINUTES");
        let seed = number("SOAK_SEED");
        match minutes {
            None => Plan {
                seed: seed.unwrap_or(USUAL_SEED),
                length: Duration::from_secs(120),
                gap: 0.5..4.0,
                events_a_second: 60,
                latest: SignedDuration::from_mins(8),
                settles_within: Duration::from_secs(120),
            },
            Some(minutes) => Plan {
                seed: seed.unwrap_or_else(|| fastrand::u64(1..1_000_000)),
                length: Duration::from_secs(60 * minutes),
                gap: 1.0..15.0,
                events_a_second: 150,
                latest: SignedDuration::from_mins(50),
                settles_within: Duration::from_secs(420),
            },
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_there_is_exactly_one_alert_for_each_match() {
    let plan = Plan::from_environment();
    println!("soak: SOAK_SEED={} repeats this schedule", plan.seed);
    let report = storm::soak(&plan).await;
    let markdown = report.markdown();
    println!("{markdown}");
    fs::write(folder().join("soak.md"), markdown).expect("the report can be written");
    let problems = report.problems();
    assert!(
        problems.is_empty(),
        "SOAK_SEED={}: {}",
        plan.seed,
        problems.join("\n")
    );
}

/// Where report and log go.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target")
}
