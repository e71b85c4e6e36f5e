//! A static job from a real Elasticsearch to alerts in it, beside a bare reader.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use k8scop::detect::document::Document;

use crate::{
    RULES,
    analysis::{Analysis, write_rules},
    events,
    measure::{median, row, table, thousands},
    search::Search,
    variable,
};

const ROUNDS: usize = 3;
/// Slices that the product reads.
pub const SLICES: usize = 2;
/// Events that are told over, each time with other ids and times.
const DIFFERENT: usize = 50_000;
const INDEX: &str = "backfill-events";
const START: &str = "2026-11-01T10:00:00Z";

pub async fn run() {
    let count = variable("EVENTS", 1_000_000) as usize;
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.yaml");
    write_rules(&rules);
    let search = Search::start().await;
    let keywords = variable("KEYWORDS", 0) == 1;
    fill(&search, INDEX, keywords, count).await;
    let (mut bare, mut ours, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    let (mut memory, mut words) = (0.0_f64, String::new());
    for round in 0..=ROUNDS {
        let started = Instant::now();
        assert_eq!(search.read(INDEX, SLICES).await, count);
        let reader = count as f64 / started.elapsed().as_secs_f64();
        let sink = format!("found-{round}-{}", std::process::id());
        let started = Instant::now();
        let job = Analysis::start(search.url(), &rules, &arguments("backfill", &sink));
        let watching = tokio::task::spawn_blocking(move || watch(job));
        let (most, last) = watching.await.unwrap();
        let job = count as f64 / started.elapsed().as_secs_f64();
        // The first round warms the server up.
        if round > 0 {
            bare.push(reader);
            ours.push(job);
            shares.push(job / reader);
        }
        (memory, words) = (memory.max(most), last);
        let alerts = format!("{sink}-*");
        println!(
            "round {round}: reader {reader:.0}, job {job:.0} docs/s, {} alerts",
            search.count(&alerts).await
        );
        search.delete(&alerts).await;
    }
    println!("\nThe last job said: {words}");
    table(
        &format!(
            "{} events, {RULES} rules, {SLICES} slices",
            thousands(count as f64)
        ),
        &["what", "docs/s", "share", "most memory, MiB"],
    );
    row(&["bare reader", &thousands(median(bare)), "100 %", ""]);
    let share = format!("{:.0} %", median(shares) * 100.0);
    let memory = format!("{memory:.0}");
    row(&[
        "static job, alerts written",
        &thousands(median(ours)),
        &share,
        &memory,
    ]);
}

/// The arguments of a job over all of the indices whose names begin so.
pub fn arguments<'a>(index: &'a str, sink: &'a str) -> [&'a str; 10] {
    let end = "2026-11-02T10:00:00Z";
    [
        "-I", index, "-i", sink, "-s", START, "-e", end, "-A", "static",
    ]
}

/// Waits for the end; tells the most memory and the last words.
#[allow(
    clippy::disallowed_methods,
    reason = "nothing else waits in this thread"
)]
pub fn watch(job: Analysis) -> (f64, String) {
    let mut most = 0.0;
    loop {
        let (now, peak) = job.memory();
        // A process that has ended takes none.
        if now == 0.0 && most > 0.0 {
            return (most, job.finish());
        }
        most = f64::max(most, peak);
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// One event each millisecond.
pub async fn fill(search: &Search, index: &str, keywords: bool, count: usize) {
    search.index(index, keywords).await;
    let documents = events::documents(DIFFERENT.min(count), 1);
    let start: Timestamp = START.parse().unwrap();
    let mut stored = 0;
    while stored < count {
        let part: Vec<(Timestamp, Document)> = documents
            .iter()
            .zip(stored..count)
            .map(|(document, number)| {
                let time = start + SignedDuration::from_millis(number as i64);
                (time, numbered(document, number))
            })
            .collect();
        search.store(index, &part).await;
        stored += part.len();
    }
    assert_eq!(search.count(index).await, count as u64);
}

/// The event as another request: with another audit id.
pub fn numbered(document: &Document, number: usize) -> Document {
    const AUDIT_ID: &str = r#""auditID":"7f0c9a52-3a2e-4a53-9a55-"#;
    let place = memchr::memmem::find(&document.source, AUDIT_ID.as_bytes()).unwrap();
    let digits = place + AUDIT_ID.len();
    let mut source = document.source.to_vec();
    source[digits..digits + 12].copy_from_slice(format!("{number:012}").as_bytes());
    Document {
        source: source.into(),
        ..document.clone()
    }
}
