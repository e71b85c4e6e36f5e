//! A streaming job behind a steady stream of events: how far behind its alerts are, and memory.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use k8scop::detect::document::Document;

use crate::{
    analysis::{Analysis, write_rules},
    backfill::numbered,
    events,
    measure::{median, row, table, thousands},
    search::Search,
    variable,
};

const INDEX: &str = "stream-events";
const DIFFERENT: usize = 20_000;
/// Batches of events in a second.
const BATCHES: u64 = 5;
/// Time that is not measured: the job starts.
const WARM_UP: Duration = Duration::from_secs(15);
const SAMPLE: Duration = Duration::from_secs(2);

pub async fn run() {
    let (rate, minutes) = (variable("RATE", 5_000), variable("MINUTES", 10));
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.yaml");
    write_rules(&rules);
    let search = Search::start().await;
    search.index(INDEX, false).await;
    let start = Timestamp::now().to_string();
    let sink = format!("streamed-{}", std::process::id());
    let arguments = [
        "-I",
        "stream",
        "-i",
        &sink,
        "-s",
        &start,
        "-A",
        "streaming",
        "-d",
        "1",
    ];
    let job = Analysis::start(search.url(), &rules, &arguments);
    let time = Duration::from_secs(minutes * 60);
    let ended = AtomicBool::new(false);
    let watching = async {
        let samples = watch(&search, &job, &format!("{sink}-*"), time).await;
        ended.store(true, Ordering::Relaxed);
        samples
    };
    let ((behind, memory), shipped) = futures::join!(watching, ship(&search, rate, &ended));
    tell(rate, minutes, shipped, &behind, &memory);
    println!("\nMost memory: {:.0} MiB.", job.memory().1);
    job.stop();
}

/// Seconds that the newest alert is behind now, and MiB of the job, sampled for some time.
async fn watch(
    search: &Search,
    job: &Analysis,
    alerts: &str,
    time: Duration,
) -> (Vec<f64>, Vec<f64>) {
    tokio::time::sleep(WARM_UP).await;
    let (mut behind, mut memory) = (Vec::new(), Vec::new());
    let started = Instant::now();
    while started.elapsed() < time {
        tokio::time::sleep(SAMPLE).await;
        behind.extend(search.behind(alerts).await.map(|lag| lag.as_secs_f64()));
        memory.push(job.memory().0);
    }
    (behind, memory)
}

fn tell(rate: u64, minutes: u64, shipped: u64, behind: &[f64], memory: &[f64]) {
    table(
        &format!(
            "{} events a second for {minutes} minutes, {} shipped",
            thousands(rate as f64),
            thousands(shipped as f64)
        ),
        &[
            "what",
            "median",
            "95 %",
            "most",
            "first quarter",
            "last quarter",
        ],
    );
    for (what, samples) in [("behind, s", behind), ("memory, MiB", memory)] {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let quarter = (samples.len() / 4).max(1);
        let cells = [
            median(sorted.clone()),
            sorted[sorted.len() * 95 / 100],
            sorted[sorted.len() - 1],
            median(samples[..quarter].to_vec()),
            median(samples[samples.len() - quarter..].to_vec()),
        ]
        .map(|value| format!("{value:.1}"));
        let [median, most_of_them, most, first, last] = &cells;
        row(&[what, median, most_of_them, most, first, last]);
    }
}

/// Stores so many events a second, each with the time at which it is sent.
async fn ship(search: &Search, rate: u64, ended: &AtomicBool) -> u64 {
    let documents = events::documents(DIFFERENT, 1);
    let mut tick = tokio::time::interval(Duration::from_millis(1_000 / BATCHES));
    let (size, mut shipped) = (rate / BATCHES, 0);
    while !ended.load(Ordering::Relaxed) {
        tick.tick().await;
        let now = Timestamp::now();
        let event = |place: u64| {
            let number = (shipped + place) as usize;
            let time = now + SignedDuration::from_micros(place as i64);
            (time, numbered(&documents[number % DIFFERENT], number))
        };
        let batch: Vec<(Timestamp, Document)> = (0..size).map(event).collect();
        search.store(INDEX, &batch).await;
        shipped += size;
    }
    shipped
}
