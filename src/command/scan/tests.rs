use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use super::{finder::Finder, *};
use crate::{
    detect::{
        analyse::{Analysis, analyse},
        document::Document,
        rule::{Rule, RuleIdentity},
    },
    local::{
        block::{Block, Visitor},
        blocks::Blocks,
        hostile, plain,
    },
};

/// Finds by blocks, which are cut at this size. Counts rejected documents and other lines, too.
fn find(search: &Search, stream: &[u8], size: usize) -> (Analysis, u64, u64) {
    let mut blocks = Blocks::with_size(stream, false, size);
    let mut finder = Finder::new(search);
    let (mut block, mut all) = (Block::default(), Analysis::default());
    let (mut seen, mut rejected, mut other_lines) = (HashSet::new(), 0, 0);
    while blocks.read(&mut block).expect("memory can be read") {
        let found = finder.find("audit.log", &block);
        rejected += found.rejected;
        other_lines += found.other_lines;
        all.events += found.events;
        all.quarantined.extend(found.named);
        let new = |alert: &Alert| seen.insert(alert.id.clone());
        all.alerts.extend(found.alerts.into_iter().filter(new));
    }
    (all, rejected, other_lines)
}

/// Keeps the documents that it is shown.
#[derive(Default)]
struct Collector {
    documents: Vec<Document>,
    texts: u64,
}

impl Visitor for Collector {
    fn glance(&mut self, line: &str) -> Option<bool> {
        serde_json::from_str::<serde_json::Map<String, Value>>(line).ok()?;
        Some(false)
    }

    fn document(&mut self, line: u64, source: &[u8]) {
        self.documents.push(Document {
            index: "audit.log".to_owned(),
            id: line.to_string(),
            time: None,
            source: source.to_vec().into(),
            is_rebuilt: false,
        });
    }

    fn text(&mut self, _: u64, _: &[u8]) {
        self.texts += 1;
    }
}

/// The same without blocks and glances, and the number of other lines.
fn find_plainly(search: &Search, stream: &[u8]) -> (Analysis, u64) {
    let mut collector = Collector::default();
    plain::visit(stream, true, &mut collector);
    let analysis = analyse(&collector.documents, &search.rules, &search.context);
    (analysis, collector.texts)
}

static SEARCH: LazyLock<Search> = LazyLock::new(|| {
    let rule = |name: &str, predicate| {
        let definition = json!({
            "title": name, "severity": "Low",
            "selections": [{"name": "it", "all": [predicate]}],
        });
        let definition = serde_json::from_value(definition).expect("it is a definition");
        let identity = RuleIdentity {
            namespace: "test".to_owned(),
            name: name.to_owned(),
            uid: String::new(),
        };
        Arc::new(Rule::new(identity, &definition).expect("the rule is right"))
    };
    let rules = [
        rule("list", json!({"field": "verb", "equals": "list"})),
        rule("panic", json!({"field": "stage", "equals": "Panic"})),
        rule("brace", json!({"field": "requestURI", "contains": "}"})),
    ];
    Search {
        rules: RuleSet::new(rules),
        context: context(Layout::Auto, None),
    }
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Alerts, their order, what they say about where they come from, and what is rejected do not
    /// depend on how the input is cut and read.
    #[test]
    fn blocks_give_the_alerts_of_one_document_after_the_other(
        stream in hostile::stream(),
        size in prop_oneof![1..40_usize, 1..3_000_usize],
    ) {
        let (found, rejected, other_lines) = find(&SEARCH, &stream, size);
        let (plainly, texts) = find_plainly(&SEARCH, &stream);
        prop_assert_eq!(other_lines, texts);
        prop_assert_eq!(rejected, plainly.quarantined.len() as u64);
        prop_assert!(rejected > NAMED as u64 || found.quarantined == plainly.quarantined);
        prop_assert_eq!(found.alerts, plainly.alerts);
        prop_assert_eq!(found.events, plainly.events);
    }
}
