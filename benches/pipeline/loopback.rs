//! The client alone: pages from a server that does nothing but send them.

use jiff::Timestamp;
use k8scop::{
    detect::{layout::Layout, ruleset::RuleSet},
    elastic::{ConnectionSettings, Credentials, connect},
    pipeline::{
        plan::{SinkPlan, SourcePlan},
        ports::Source,
        window::Window,
    },
};
use serde_json::json;

use crate::{
    RULES, events,
    measure::{self, Race, row, table, thousands},
    pages::Pages,
    product::detect,
    rules,
};

const EVENTS: usize = 10_000;
/// How often they are told over in one window.
const TIMES: usize = 10;
/// Slices that the product reads.
const SLICES: usize = 2;

pub fn run() {
    let documents = events::documents(EVENTS, 1);
    let bytes: usize = documents.iter().map(|document| document.source.len()).sum();
    let pages = Pages::new(&documents, SLICES, TIMES);
    let count = pages.documents();
    let url = pages.serve();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let source = runtime.block_on(source(&url));
    let set = RuleSet::new(rules::rules(&rules::definitions(RULES, 2)));
    let race = Race::run(vec![
        Box::new(|| {
            runtime.block_on(receive(&url));
            count
        }),
        Box::new(|| runtime.block_on(read(&*source, |documents| documents))),
        Box::new(|| {
            runtime.block_on(read(&*source, |documents| {
                detect(&documents, &set);
                documents
            }))
        }),
    ]);
    println!(
        "\n{} events of {} bytes on average over loopback, one thread of the client; medians of {} rounds in turns.",
        thousands(count as f64),
        thousands(bytes as f64 / EVENTS as f64),
        measure::ROUNDS
    );
    table(
        "The client against a server of ready-made pages",
        &["what", "docs/s", "µs a document", "added µs"],
    );
    let names = [
        "receive only",
        "receive and cut",
        "receive, cut, 1,000 rules",
    ];
    for (place, name) in names.into_iter().enumerate() {
        let micros = race.micros(place);
        let added = place
            .checked_sub(1)
            .map_or(micros, |before| micros - race.micros(before));
        let (micros, added) = (format!("{micros:.2}"), format!("{added:.2}"));
        row(&[name, &race.rate(place), &micros, &added]);
    }
}

async fn source(url: &str) -> std::sync::Arc<dyn Source> {
    let settings = ConnectionSettings::new(url, Credentials::None, None).unwrap();
    let source = SourcePlan {
        index: "logs".to_owned(),
        timestamp_field: "@timestamp".to_owned(),
        layout: Layout::Auto,
        layout_path: None,
        filter: Vec::new(),
    };
    let sink = SinkPlan {
        index: "alerts".to_owned(),
    };
    connect(&settings, &source, &sink).await.unwrap().0
}

/// All pages of a window, by the product's reader; tells how many documents there were.
async fn read<T>(
    source: &dyn Source,
    mut what: impl FnMut(Vec<k8scop::detect::document::Document>) -> T,
) -> usize {
    let window = Window {
        start: Timestamp::UNIX_EPOCH,
        end: Timestamp::MAX,
    };
    let mut pages = source.open_unordered(window, None).await.unwrap();
    let mut count = 0;
    while let Some(page) = pages.next().await.unwrap() {
        count += page.len();
        what(page);
    }
    pages.close().await;
    count
}

/// The same pages, thrown away as they come, both slices at once.
async fn receive(url: &str) {
    let client = reqwest::Client::new();
    let slice = async |slice: usize| {
        for page in 0.. {
            let asked = json!({"size": 1000, "slice": {"id": slice}, "search_after": [page]});
            let call = client.post(format!("{url}/_search")).json(&asked);
            let answer = call.send().await.unwrap().bytes().await.unwrap();
            if answer.len() < 1_000 {
                return;
            }
        }
    };
    futures::future::join_all((0..SLICES).map(slice)).await;
}
