//! Intel's Hyperscan in our place: our own reader, one database for each field over the rare
//! predicates of all rules, then the few candidates decided whole. Equal values are looked up in a
//! hash table, as they are by us. It makes no alerts.

use std::collections::BTreeMap;

use ::hyperscan::{BlockDatabase, Builder, Matching, Pattern, PatternFlags, Patterns, Scratch};
use k8scop::detect::{
    definition::{Predicate, RuleDefinition},
    ruleset::RuleSet,
};
use regex_syntax::escape;
use rustc_hash::FxHashMap;

use crate::{
    engines::Engine,
    measure::thousands,
    plain::{self, PlainRule},
    race::{self, Events, generated},
    rules,
    walk::Walk,
};

pub fn compare(events: Events<'_>) {
    race::table(
        "Detection beside Hyperscan, one database for each field",
        ["rules", "Hyperscan's"],
        &[],
    );
    for count in [10, 100, 1_000, 5_000] {
        let definitions = rules::definitions(count, 2);
        let set = RuleSet::new(rules::rules(&definitions));
        let engine = ByField::new(&definitions);
        let (figures, _) = events.race(&set, generated, &engine, 1.0);
        figures.row(&thousands(count as f64), &[]);
    }
}

struct ByField {
    walk: std::cell::RefCell<Walk>,
    fields: Vec<FieldRules>,
    rules: Vec<PlainRule>,
}

#[derive(Default)]
struct FieldRules {
    equal: FxHashMap<String, Vec<usize>>,
    patterns: Option<(BlockDatabase, Scratch)>,
}

impl ByField {
    fn new(definitions: &[RuleDefinition]) -> Self {
        let mut by_field: BTreeMap<&str, (FieldRules, Vec<Pattern>)> = BTreeMap::new();
        for (rule, definition) in definitions.iter().enumerate() {
            let rare = &definition.selections[0].all[0];
            let (field, patterns) = by_field.entry(&rare.field).or_default();
            for value in rare.equals.iter().chain(&rare.is_in) {
                field.equal.entry(value.clone()).or_default().push(rule);
            }
            patterns.extend(expressions(rare).into_iter().map(|expression| Pattern {
                id: Some(rule),
                ..Pattern::with_flags(expression, PatternFlags::SINGLEMATCH).expect("a pattern")
            }));
        }
        let walk = Walk::new(&by_field.keys().collect::<Vec<_>>()).into();
        let fields = by_field.into_values().map(|(field, patterns)| FieldRules {
            patterns: (!patterns.is_empty()).then(|| {
                let database: BlockDatabase = Patterns(patterns).build().expect("it compiles");
                let scratch = database.alloc_scratch().expect("there is memory");
                (database, scratch)
            }),
            ..field
        });
        Self {
            walk,
            fields: fields.collect(),
            rules: plain::rules(definitions),
        }
    }
}

/// What a predicate looks for, as patterns.
fn expressions(predicate: &Predicate) -> Vec<String> {
    let of = |one: &Option<String>, more: &[String], write: &dyn Fn(&str) -> String| -> Vec<_> {
        one.iter().chain(more).map(|it| write(it)).collect()
    };
    [
        of(&predicate.matches, &predicate.matches_any, &str::to_owned),
        of(&predicate.starts_with, &predicate.starts_with_any, &|it| {
            format!("^{}", escape(it))
        }),
        of(&predicate.ends_with, &predicate.ends_with_any, &|it| {
            format!("{}$", escape(it))
        }),
        of(&predicate.contains, &predicate.contains_any, &escape),
    ]
    .concat()
}

impl Engine for ByField {
    fn find(&self, source: &[u8], matching: &mut Vec<usize>) {
        let text = str::from_utf8(source).expect("an event is UTF-8");
        self.walk.borrow_mut().visit(text, |field, value| {
            let FieldRules { equal, patterns } = &self.fields[field];
            matching.extend(equal.get(value).into_iter().flatten());
            if let Some((database, scratch)) = patterns {
                let found = |rule: u32, _: u64, _: u64, _: u32| {
                    matching.push(rule as usize);
                    Matching::Continue
                };
                database.scan(value, scratch, found).expect("it scans");
            }
        });
        if !matching.is_empty() {
            matching.sort_unstable();
            matching.dedup();
            let event = serde_json::from_slice(source).expect("an event is JSON");
            matching.retain(|rule| self.rules[*rule].matches(&event));
        }
    }
}
