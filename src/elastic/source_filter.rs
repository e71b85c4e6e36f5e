//! Which parts of a stored document the server is asked for.
//!
//! Promises: everything that lies at one of the wanted paths is delivered, in whatever way the
//! layout stores it; more may be.

use serde_json::{Value, json};

use super::query::Detail;
use crate::{detect::layout::Layout, pipeline::ports::FieldSet};

/// Members that tell an audit event from anything else, and the list of an `EventList`.
const MARKS: [&str; 7] = [
    "apiVersion",
    "auditID",
    "items",
    "kind",
    "requestURI",
    "stage",
    "verb",
];

/// Fields under which shippers keep an audit event as text or as an object.
const WRAPPERS: [&str; 6] = [
    "event",
    "log",
    "log_processed",
    "message",
    "original",
    "properties",
];

/// Where Elastic's integration keeps the event.
const ELASTIC: &str = "kubernetes.audit";

/// Bodies of an event at whatever depth its layout keeps it. One within text stays.
const BODIES: [&str; 4] = [
    "requestObject",
    "responseObject",
    "*.requestObject",
    "*.responseObject",
];

/// The `_source` part of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourceFilter {
    /// Sorted; empty means the whole document.
    includes: Vec<String>,
}

impl SourceFilter {
    /// The filter for the paths of an audit event in a layout.
    pub(super) fn new(fields: &FieldSet) -> Self {
        if fields.paths.is_empty() {
            return Self {
                includes: Vec::new(),
            };
        }
        let raw = || event_paths(&fields.paths);
        let elastic = || event_paths(&fields.paths).map(|path| format!("{ELASTIC}.{path}"));
        let wrapped = || WRAPPERS.into_iter().map(str::to_owned);
        let mut includes: Vec<String> = match fields.layout {
            Layout::Raw => raw().collect(),
            Layout::Elastic => elastic().collect(),
            // Flat keys are matched by their text, with the integration's prefix or without.
            Layout::Dotted => raw().chain(elastic()).collect(),
            Layout::Wrapped => wrapped().collect(),
            Layout::Auto => raw().chain(elastic()).chain(wrapped()).collect(),
        };
        includes.sort();
        includes.dedup();
        Self { includes }
    }

    pub(super) fn to_json(&self, detail: Detail) -> Value {
        match detail {
            Detail::Fields if self.includes.is_empty() => json!(true),
            Detail::Fields => json!({"includes": self.includes}),
            Detail::WithoutBodies => json!({"includes": self.includes, "excludes": BODIES}),
            Detail::IdOnly => json!(false),
        }
    }
}

fn event_paths(paths: &[String]) -> impl Iterator<Item = String> {
    let marks = MARKS.into_iter().map(str::to_owned);
    marks.chain(paths.iter().map(|path| member(path).to_owned()))
}

/// The member of the event that a path leads into. It is fetched whole: shippers store members as
/// text too, and rename the keys within.
fn member(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(layout: Layout) -> SourceFilter {
        let paths = [
            "annotations[\"authorization.k8s.io/decision\"]",
            "objectRef",
            "requestObject.spec.hostPID",
            "user.username",
            "verb",
        ];
        SourceFilter::new(&FieldSet {
            layout,
            paths: paths.map(str::to_owned).to_vec(),
            requirement: None,
        })
    }

    #[test]
    fn paths_follow_the_layout() {
        insta::assert_json_snapshot!(
            [
                Layout::Raw,
                Layout::Elastic,
                Layout::Dotted,
                Layout::Wrapped,
                Layout::Auto
            ]
            .map(|layout| (layout, filter(layout).to_json(Detail::Fields)))
        );
    }

    #[test]
    fn no_paths_mean_the_whole_document() {
        let whole = SourceFilter::new(&FieldSet::default());
        assert_eq!(whole.to_json(Detail::Fields), json!(true));
    }

    #[test]
    fn a_document_too_large_is_asked_for_without_its_bodies_and_then_by_id_alone() {
        let filter = filter(Layout::Raw);
        let reduced = filter.to_json(Detail::WithoutBodies);
        assert_eq!(reduced["excludes"], json!(BODIES));
        assert_eq!(filter.to_json(Detail::IdOnly), json!(false));
    }
}
