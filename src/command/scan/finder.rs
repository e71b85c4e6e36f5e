//! Finds what rules say about the documents of a block.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    detect::{
        alert::Alert,
        analyse::{Quarantined, analyse_with},
        context::Context,
        document::Document,
        event::gap::Gap,
        rule::{Match, Outcome},
        ruleset::{Matcher, RuleSet, Sight},
    },
    local::block::{Block, Visitor},
};

/// So many rejected documents are named; the others are only counted.
pub const NAMED: usize = 10;
/// Documents are analysed together when there are so many, or so many bytes.
const PAGE_DOCUMENTS: usize = 512;
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// What is looked for, and where it is said to come from.
#[derive(Debug)]
pub struct Search {
    /// The rules.
    pub rules: RuleSet,
    /// What they do not know of the events.
    pub context: Context,
}

/// What was found in a block.
#[derive(Debug, Default, PartialEq)]
pub struct Found {
    /// Audit events read.
    pub events: u64,
    /// Alerts in the order of the documents.
    pub alerts: Vec<Alert>,
    /// The first documents that were rejected.
    pub named: Vec<Quarantined>,
    /// Documents that were rejected, with those that are named.
    pub rejected: u64,
    /// Lines of other logs, which are no documents.
    pub other_lines: u64,
    /// Events of which the end is missing, part of `events`.
    pub cut_off: u64,
    /// Events that a rule could not decide, by rule key and the reason.
    pub undecided: BTreeMap<(String, Gap), u64>,
}

/// Looks at one block after the other.
pub struct Finder<'s> {
    matcher: Matcher<'s>,
    context: &'s Context,
}

impl<'s> Finder<'s> {
    /// One that has seen nothing.
    pub fn new(search: &'s Search) -> Self {
        Self {
            matcher: Matcher::new(&search.rules),
            context: &search.context,
        }
    }

    /// Finds what is in a block of the input of this name.
    pub fn find(&mut self, name: &str, block: &Block) -> Found {
        let mut visit = Visit {
            finder: self,
            name,
            found: Found::default(),
            page: Vec::new(),
            page_bytes: 0,
        };
        block.visit(&mut visit);
        visit.analyse_page();
        visit.found
    }
}

/// A block that is being looked at. What raises no alert is counted at a glance; the rest makes
/// pages.
struct Visit<'v, 's> {
    finder: &'v mut Finder<'s>,
    name: &'v str,
    found: Found,
    page: Vec<Document>,
    page_bytes: usize,
}

impl Visitor for Visit<'_, '_> {
    fn glance(&mut self, line: &str) -> Option<bool> {
        let Finder { matcher, context } = self.finder;
        let Sight::Quiet(matches) = matcher.look(line, context.place())? else {
            return Some(false);
        };
        self.found.events += 1;
        for Match { rule, outcome } in matches {
            if let Outcome::Undecided(gap) = outcome {
                let key = (rule.key().to_owned(), gap);
                *self.found.undecided.entry(key).or_default() += 1;
            }
        }
        Some(true)
    }

    fn document(&mut self, line: u64, source: &[u8]) {
        self.page.push(Document {
            index: self.name.to_owned(),
            id: line.to_string(),
            time: None,
            source: Bytes::copy_from_slice(source),
            is_rebuilt: false,
        });
        self.page_bytes += source.len();
        if self.page.len() >= PAGE_DOCUMENTS || self.page_bytes >= PAGE_BYTES {
            self.analyse_page();
        }
    }

    fn text(&mut self, _: u64, _: &[u8]) {
        self.found.other_lines += 1;
    }
}

impl Visit<'_, '_> {
    fn analyse_page(&mut self) {
        let Finder { matcher, context } = self.finder;
        let analysis = analyse_with(matcher, &self.page, context);
        self.page.clear();
        self.page_bytes = 0;
        self.found.events += analysis.events;
        self.found.alerts.extend(analysis.alerts);
        self.found.cut_off += analysis.cut_off;
        for (key, events) in analysis.undecided {
            *self.found.undecided.entry(key).or_default() += events;
        }
        self.found.rejected += analysis.quarantined.len() as u64;
        let unnamed = NAMED - self.found.named.len();
        let named = analysis.quarantined.into_iter().take(unnamed);
        self.found.named.extend(named);
    }
}
