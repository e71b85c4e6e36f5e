//! Windows that are read in both ways, and what comes of them.

use std::sync::Arc;

use k8scop::{
    detect::{
        analyse::{Analysis, analyse},
        context::Context,
        document::Document,
        layout::Layout,
        ruleset::RuleSet,
    },
    elastic::connect,
    pipeline::{
        ledger::Census, plan::SourcePlan, ports::Source, pushdown::Pushdown, window::Window,
    },
};

use super::super::{settings, sink_plan, source_plan, window};

/// A window that was read.
pub(super) struct Seen {
    pub(super) documents: Vec<Document>,
    pub(super) census: Census,
    pub(super) pushdown: Pushdown,
}

pub(super) async fn source(url: &str, index: &str, layout: Layout) -> Arc<dyn Source> {
    let plan = SourcePlan {
        layout,
        layout_path: None,
        ..source_plan(index)
    };
    let connected = connect(&settings(url), &plan, &sink_plan("alerts")).await;
    connected.expect("connects").0
}

pub(super) fn day() -> Window {
    window("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z")
}

/// Reads the day for some rules, with or without leaving out what they could not match.
pub(super) async fn seen(
    source: &dyn Source,
    rules: &RuleSet,
    (leave_out, in_order): (bool, bool),
) -> Seen {
    let requirement = rules.requirement().expect("the rules have one");
    let wanted = leave_out.then_some(requirement);
    let pages = match in_order {
        true => source.open(day(), wanted).await,
        false => source.open_unordered(day(), wanted).await,
    };
    let mut pages = pages.expect("view opens");
    let mut documents = Vec::new();
    while let Some(page) = pages.next().await.expect("page is read") {
        documents.extend(page);
    }
    let (census, pushdown) = (pages.census().cloned(), pages.pushdown());
    assert_eq!(pages.total(), Some(documents.len() as u64));
    pages.close().await;
    Seen {
        documents,
        census: census.expect("it is known by now"),
        pushdown,
    }
}

/// How often each rule matches, and what could not be read.
fn found(documents: &[Document], rules: &RuleSet, layout: Layout) -> (Vec<String>, usize) {
    let context = Context {
        tenant: "test".to_owned(),
        job: "test".to_owned(),
        cluster: String::new(),
        layout,
        layout_path: None,
        now: day().end,
    };
    let Analysis {
        alerts,
        quarantined,
        ..
    } = analyse(documents, rules, &context);
    let mut alerts: Vec<_> = alerts
        .into_iter()
        .map(|alert| {
            let source = &alert.document["k8scop"]["source"]["id"];
            format!("{} {source} {}", alert.rule, alert.id)
        })
        .collect();
    alerts.sort();
    (alerts, quarantined.len())
}

/// Reads in both ways, which must lead to the same; gives how many documents were read.
pub(super) async fn compare_for(
    rules: &RuleSet,
    url: &str,
    index: &str,
    layout: Layout,
) -> (Pushdown, usize, usize) {
    let source = source(url, index, layout).await;
    let whole = seen(&*source, rules, (false, true)).await;
    let (alerts, unreadable) = found(&whole.documents, rules, layout);
    let mut of_part = Vec::new();
    for in_order in [true, false] {
        let part = seen(&*source, rules, (true, in_order)).await;
        let what = format!("{index} {layout:?} {:?}", part.pushdown);
        assert!(alerts.len() > 2, "{what}: {alerts:?} show little");
        let (same, still_unreadable) = found(&part.documents, rules, layout);
        assert!(alerts == same, "{what}: {:?}", differing(&alerts, &same));
        assert_eq!(unreadable, still_unreadable, "{what}");
        assert_eq!(whole.census, part.census, "{what}");
        assert_eq!(source.census(day()).await, Ok(part.census), "{what}");
        of_part.push((part.pushdown, whole.documents.len(), part.documents.len()));
    }
    assert_eq!(of_part[0], of_part[1], "{index}");
    of_part.remove(0)
}

/// What one has and the other has not.
fn differing<'a>(one: &'a [String], other: &'a [String]) -> Vec<&'a String> {
    let only = |one: &'a [String], other: &'a [String]| {
        one.iter().filter(move |alert| !other.contains(alert))
    };
    only(one, other).chain(only(other, one)).collect()
}
