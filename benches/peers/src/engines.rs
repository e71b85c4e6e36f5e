//! The engines, each in its best documented form: from the bytes of an event to the numbers of the
//! rules that match it.

use k8scop::detect::definition::RuleDefinition;
use rsigma_eval::JsonEvent;
use serde_json::Value;

use crate::{sigma, tau};

/// Another engine with rules.
pub trait Engine {
    /// Adds the numbers of the rules that match an event.
    fn find(&self, source: &[u8], matching: &mut Vec<usize>);
}

/// rsigma-eval. Its index of witnesses is always on; the two filters that it leaves to choose are
/// off: they changed nothing here.
pub struct Rsigma(rsigma_eval::Engine);

impl Rsigma {
    pub fn new(definitions: &[RuleDefinition]) -> Self {
        let rules = definitions.iter().enumerate();
        let documents: Vec<_> = rules
            .map(|(number, rule)| sigma::rule(number, rule))
            .collect();
        Self::from_sigma(&documents.join("\n---\n"))
    }

    /// The titles of the rules are numbers.
    pub fn from_sigma(documents: &str) -> Self {
        let rules = rsigma_parser::parse_sigma_yaml(documents).expect("the rules are Sigma");
        assert!(rules.errors.is_empty(), "{:?}", rules.errors);
        let mut engine = rsigma_eval::Engine::new();
        engine.add_collection(&rules).expect("the rules compile");
        Self(engine)
    }
}

impl Engine for Rsigma {
    fn find(&self, source: &[u8], matching: &mut Vec<usize>) {
        let event: Value = serde_json::from_slice(source).expect("an event is JSON");
        let found = self.0.evaluate(&JsonEvent::borrow(&event));
        matching.extend(found.iter().map(|it| number(&it.header.rule_title)));
    }
}

/// tau-engine with all its optimisations.
pub struct Tau(Vec<tau_engine::Rule>);

impl Tau {
    pub fn new(definitions: &[RuleDefinition]) -> Self {
        let rule = |definition| {
            let rule = tau_engine::Rule::from_str(&tau::rule(definition));
            let rule = rule.expect("the rule is one of tau's");
            rule.optimise(tau_engine::Optimisations::default())
        };
        Self(definitions.iter().map(rule).collect())
    }
}

impl Engine for Tau {
    fn find(&self, source: &[u8], matching: &mut Vec<usize>) {
        let event: Value = serde_json::from_slice(source).expect("an event is JSON");
        let rules = self.0.iter().enumerate();
        matching.extend(
            rules
                .filter(|(_, rule)| rule.matches(&event))
                .map(|(number, _)| number),
        );
    }
}

/// sigma-rust.
pub struct SigmaRust(Vec<sigma_rust::Rule>);

impl SigmaRust {
    pub fn new(definitions: &[RuleDefinition]) -> Self {
        let rules = definitions.iter().enumerate();
        let rule = |(number, definition)| {
            sigma_rust::rule_from_yaml(&sigma::rule(number, definition)).expect("the rule is Sigma")
        };
        Self(rules.map(rule).collect())
    }

    /// Whether it can say it: it matches no value that stands in a list.
    pub fn can_say(definition: &RuleDefinition) -> bool {
        let selections = definition.selections.iter();
        let mut predicates = selections.flat_map(|it| it.all.iter().chain(&it.any));
        predicates.all(|it| {
            let field = it.field.as_str();
            !matches!(field, "sourceIPs" | "user.groups") && !field.contains(".containers.")
        })
    }
}

impl Engine for SigmaRust {
    fn find(&self, source: &[u8], matching: &mut Vec<usize>) {
        let text = std::str::from_utf8(source).expect("an event is text");
        let event = sigma_rust::event_from_json(text).expect("an event is JSON");
        let rules = self.0.iter().enumerate();
        matching.extend(
            rules
                .filter(|(_, rule)| rule.is_match(&event))
                .map(|(number, _)| number),
        );
    }
}

fn number(title: &str) -> usize {
    title.parse().expect("titles are numbers")
}
