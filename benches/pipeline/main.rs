//! What the way from Elasticsearch to alerts costs, beside bare readers that do nothing with what
//! they read. It prints Markdown.
//!
//! - `loopback`: our client and 1,000 rules on one thread, against a server of ready-made pages.
//! - `backfill`: `k8scop analyze` over EVENTS events (1,000,000) of a real Elasticsearch, alerts
//!   written back to it, beside a bare reader of the same slices. With KEYWORDS=1 the index maps the
//!   fields of an event as keywords.
//! - `pushdown`: the same with rules that could match few events, in an index whose fields are keywords.
//! - `stream`: RATE events a second (5,000) for MINUTES (10): how far alerts are behind, and memory.
//!
//! The server is the one at K8SCOP_TEST_ELASTICSEARCH_URL, or one that is started.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "it prints tables, and has nothing to do where it fails"
)]

mod analysis;
mod backfill;
#[path = "../detect/chance.rs"]
mod chance;
#[path = "../detect/events.rs"]
mod events;
mod loopback;
#[path = "../detect/measure.rs"]
#[allow(dead_code, reason = "other benchmarks use the rest")]
mod measure;
mod pages;
#[path = "../detect/product.rs"]
#[allow(dead_code, reason = "other benchmarks use the rest")]
mod product;
mod pushdown;
#[path = "../detect/rules.rs"]
#[allow(dead_code, reason = "other benchmarks use the rest")]
mod rules;
mod search;
mod stream;

/// Rules that are loaded.
const RULES: usize = 1_000;

fn main() {
    println!("Machine: {}.", measure::machine());
    let parts: Vec<String> = std::env::args().skip(1).collect();
    let wants = |part: &str| parts.iter().any(|wanted| wanted == part);
    let all = !["loopback", "backfill", "pushdown", "stream"]
        .into_iter()
        .any(wants);
    if all || wants("loopback") {
        loopback::run();
    }
    if all || wants("backfill") {
        on_threads(backfill::run());
    }
    if all || wants("pushdown") {
        on_threads(pushdown::run());
    }
    if all || wants("stream") {
        on_threads(stream::run());
    }
}

fn on_threads(work: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().unwrap().block_on(work);
}

/// A number from the environment.
fn variable(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().expect("it is a number"))
}
