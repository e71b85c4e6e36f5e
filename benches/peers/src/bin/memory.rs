//! What compiled rules hold of memory, and what an event takes of it. The allocator counts here,
//! which costs time: nothing else is measured in this program. It prints Markdown.

use std::alloc::System;

use k8scop::detect::{analyse::analyse, document::Document, ruleset::RuleSet};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[allow(dead_code, reason = "it is shared; each program uses a part of it")]
#[path = "../../../detect"]
mod detect {
    pub mod chance;
    pub mod events;
    pub mod measure;
    pub mod product;
    pub mod rules;
}

use detect::{
    chance, events,
    measure::{at_most, row, table, thousands},
    product::context,
    rules,
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    table(
        "Memory of compiled rules",
        &["rules", "the rules, MB", "the set of them, MB"],
    );
    for count in [16, 1_000, 5_000, 10_000] {
        let definitions = rules::definitions(count, 2);
        let (rules, of_rules) = counted(|| rules::rules(&definitions));
        let (_set, of_set) = counted(|| RuleSet::new(rules.iter().cloned()));
        let mb = |bytes: f64| format!("{:.1}", bytes / 1e6);
        row(&[&thousands(count as f64), &mb(of_rules), &mb(of_set)]);
    }
    quiet_events();
}

/// What an event takes that no rule matches: the second pass over some shows it.
fn quiet_events() {
    table(
        "Allocations for an event that no rule matches, 1,000 rules",
        &["measured", "target", "met"],
    );
    let set = RuleSet::new(rules::rules(&rules::definitions(1_000, 2)));
    let is_quiet = |it: &Document| {
        let analysis = analyse(std::slice::from_ref(it), &set, &context());
        analysis.alerts.is_empty() && analysis.excepted.is_empty()
    };
    let documents: Vec<_> = events::documents(4_000, 1)
        .into_iter()
        .filter(is_quiet)
        .collect();
    let allocations = |documents: &[Document]| {
        let region = Region::new(ALLOCATOR);
        std::hint::black_box(analyse(documents, &set, &context()));
        region.change().allocations as f64
    };
    let half = documents.len() / 2;
    let added = allocations(&documents) - allocations(&documents[..half]);
    row(&at_most(added / half as f64, 0.0, "")
        .each_ref()
        .map(String::as_str));
}

/// What some work made, and the bytes that it holds.
fn counted<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let region = Region::new(ALLOCATOR);
    let made = work();
    let change = region.change();
    let held = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
    (made, held)
}
