//! The pure function in the middle: documents and rules in, alerts out.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};

use super::{
    alert::Alert,
    context::Context,
    document::{Document, Rejection, with_texts},
    event::{Event, gap::Gap},
    rule::{Match, Outcome},
    ruleset::{Matcher, RuleSet, Sight},
};

/// What was found in some documents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analysis {
    /// Alerts in the order of the documents; an id stands once.
    pub alerts: Vec<Alert>,
    /// Audit events read.
    pub events: u64,
    /// Documents that were rejected, or elements of lists in them.
    pub quarantined: Vec<Quarantined>,
    /// Uses of exceptions by rule key and exception name: one for each event, so that a request
    /// which is logged at two stages counts twice.
    pub excepted: BTreeMap<(String, String), u64>,
    /// Events that a rule could not decide, by rule key and the reason.
    pub undecided: BTreeMap<(String, Gap), u64>,
    /// Events of which the end is missing, part of `events`.
    pub cut_off: u64,
}

/// A document that was rejected, or an element of a list in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its index.
    pub index: String,
    /// Its id.
    pub id: String,
    /// Why.
    pub rejection: Rejection,
}

/// Analyses documents in their order. Of several alerts with one id, as the stages of a request
/// make them, the first stays.
pub fn analyse(documents: &[Document], rules: &RuleSet, context: &Context) -> Analysis {
    analyse_with(&mut Matcher::new(rules), documents, context)
}

/// The same with a matcher that was used before.
pub fn analyse_with(
    matcher: &mut Matcher<'_>,
    documents: &[Document],
    context: &Context,
) -> Analysis {
    let mut analysis = Analysis::default();
    let mut ids = HashSet::new();
    for (document, text) in with_texts(documents) {
        // What a store rebuilt is not as it was written, which only the event itself knows.
        let text = text.filter(|_| !document.is_rebuilt);
        match text.and_then(|text| matcher.look(text, context.place())) {
            Some(Sight::Quiet(matches)) => {
                analysis.events += 1;
                for found in matches {
                    analysis.count_quiet(found);
                }
            }
            sight => {
                let is_decided = sight.is_some();
                analysis.add_document(document, matcher, is_decided, context, &mut ids);
            }
        }
    }
    analysis
}

impl Analysis {
    /// Adds what the events of a document give. Where the rules are decided already, it has one.
    fn add_document(
        &mut self,
        document: &Document,
        matcher: &mut Matcher<'_>,
        is_decided: bool,
        context: &Context,
        ids: &mut HashSet<String>,
    ) {
        let (events, rejections) = Event::read_each(document, context.place());
        for event in &events {
            let matches = match is_decided {
                true => matcher.conclude(event),
                false => matcher.matches(event),
            };
            self.add_event(event, matches, document, context, ids);
        }
        let quarantined = |rejection| Quarantined {
            index: document.index.clone(),
            id: document.id.clone(),
            rejection,
        };
        self.quarantined
            .extend(rejections.into_iter().map(quarantined));
    }

    fn add_event(
        &mut self,
        event: &Event,
        matches: Vec<Match<'_>>,
        document: &Document,
        context: &Context,
        ids: &mut HashSet<String>,
    ) {
        self.events += 1;
        self.cut_off += u64::from(event.is_cut_off());
        for found in matches {
            let Outcome::Alert(finding) = &found.outcome else {
                self.count_quiet(found);
                continue;
            };
            let alert = Alert::new(event, document, found.rule.profile(), finding, context);
            if ids.insert(alert.id.clone()) {
                self.alerts.push(alert);
            }
        }
    }

    /// Counts a match that makes no alert.
    fn count_quiet(&mut self, Match { rule, outcome }: Match<'_>) {
        match outcome {
            Outcome::Alert(_) => {}
            Outcome::Excepted(exceptions) => {
                for exception in exceptions {
                    let key = (rule.key().to_owned(), exception.to_owned());
                    *self.excepted.entry(key).or_default() += 1;
                }
            }
            Outcome::Undecided(gap) => {
                let key = (rule.key().to_owned(), gap);
                *self.undecided.entry(key).or_default() += 1;
            }
        }
    }
}
