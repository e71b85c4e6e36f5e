//! Analysis of a page in which a document may make our own code panic: that document alone is set
//! aside.

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
    slice,
};

use crate::detect::{
    analyse::{Analysis, Quarantined},
    document::{Document, Rejection},
};

/// Analyses documents together; should that panic, one by one. What panics alone is set aside.
pub(super) fn isolate(
    documents: &[Document],
    analyse: impl Fn(&[Document]) -> Analysis,
) -> Analysis {
    // Nothing of a broken analysis is used, and nothing outlives it.
    let attempt = |documents| catch_unwind(AssertUnwindSafe(|| analyse(documents))).ok();
    attempt(documents).unwrap_or_else(|| {
        let one_by_one = documents.iter().map(|document| {
            attempt(slice::from_ref(document)).unwrap_or_else(|| set_aside(document))
        });
        together(one_by_one)
    })
}

fn set_aside(document: &Document) -> Analysis {
    Analysis {
        quarantined: vec![Quarantined {
            index: document.index.clone(),
            id: document.id.clone(),
            rejection: Rejection::AnalysisFailed,
        }],
        ..Analysis::default()
    }
}

/// What an analysis of all the documents would have found.
fn together(analyses: impl Iterator<Item = Analysis>) -> Analysis {
    let mut whole = Analysis::default();
    let mut ids = HashSet::new();
    for analysis in analyses {
        let Analysis {
            alerts,
            events,
            quarantined,
            excepted,
            undecided,
            cut_off,
        } = analysis;
        let new = alerts
            .into_iter()
            .filter(|alert| ids.insert(alert.id.clone()));
        whole.alerts.extend(new);
        whole.events += events;
        whole.cut_off += cut_off;
        whole.quarantined.extend(quarantined);
        for (exception, uses) in excepted {
            *whole.excepted.entry(exception).or_default() += uses;
        }
        for (rule, events) in undecided {
            *whole.undecided.entry(rule).or_default() += events;
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::{
        detect::{analyse::analyse, context::Context, layout::Layout, ruleset::RuleSet},
        pipeline::test_support::{a_rule, at},
    };

    /// Requests, some of them logged at two stages, one that exceptions are counted for.
    fn documents() -> Vec<Document> {
        let document = |(place, audit_id): (usize, &str)| {
            let event = json!({
                "kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": audit_id,
                "verb": "get", "stage": "ResponseComplete", "requestURI": "/api",
                "requestReceivedTimestamp": "2026-11-23T07:40:00.000001Z",
            });
            Document {
                index: "logstash".to_owned(),
                id: place.to_string(),
                time: None,
                source: Bytes::from(event.to_string()),
                is_rebuilt: false,
            }
        };
        ["a", "b", "a", "c", "d", "c"]
            .into_iter()
            .enumerate()
            .map(document)
            .collect()
    }

    fn found(documents: &[Document], panics: &[&str]) -> Analysis {
        let rules = RuleSet::new([a_rule("read", "get", "Enum")]);
        let context = Context {
            tenant: "security".to_owned(),
            job: "prod".to_owned(),
            cluster: String::new(),
            layout: Layout::Auto,
            layout_path: None,
            now: at(0),
        };
        isolate(documents, |documents| {
            let evil = documents
                .iter()
                .any(|document| panics.contains(&document.id.as_str()));
            if evil {
                std::panic::resume_unwind(Box::new("the test wants it"));
            }
            analyse(documents, &rules, &context)
        })
    }

    #[test]
    fn what_panics_alone_is_set_aside_and_the_others_go_on() {
        let all = documents();
        let mut others = all.clone();
        others.retain(|document| document.id != "1" && document.id != "4");
        let mut expected = found(&others, &[]);
        assert_eq!((expected.alerts.len(), expected.events), (2, 4));
        expected.quarantined = ["1", "4"]
            .map(|id| Quarantined {
                index: "logstash".to_owned(),
                id: id.to_owned(),
                rejection: Rejection::AnalysisFailed,
            })
            .into();
        assert_eq!(found(&all, &["1", "4"]), expected);
    }
}
