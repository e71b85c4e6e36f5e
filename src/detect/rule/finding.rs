//! The statement that an alert makes about an event.

use std::collections::BTreeMap;

use super::Rule;
use crate::detect::{
    alert::{Evidence, Finding, WITHHELD},
    definition::RequestOutcome,
    event::Event,
    excerpt::cut,
    field::Field,
    limits,
    selection::{Held, Selection},
};

/// Returns what a rule finds in an event that matches it.
pub(super) fn of(rule: &Rule, event: &Event) -> Finding {
    let selections = &rule.parts.selections;
    let held: Vec<_> = selections.iter().map(|s| (s, s.held(event))).collect();
    let captures = captures(&held);
    let outcome = event.outcome();
    let message = rule.parts.message.render(
        |field| shown_values(field, event, &held),
        |name| captures.get(name).cloned(),
    );
    Finding {
        message: cut(
            &format!("{}{message}", prefix(outcome)),
            limits::MESSAGE_CHARS,
        )
        .into_owned(),
        severity: rule.severity(event, outcome),
        outcome,
        matched: matched(&held),
        context: context(&rule.parts.context, event, &held),
        captures,
        evidence: evidence(&held),
    }
}

/// The words before a message about something that did not happen.
fn prefix(outcome: Option<RequestOutcome>) -> &'static str {
    match outcome {
        Some(RequestOutcome::Denied) => "denied: ",
        Some(RequestOutcome::Failure) => "failed: ",
        Some(RequestOutcome::DryRun) => "dry run: ",
        Some(RequestOutcome::Success) | None => "",
    }
}

type HeldBySelection<'r, 'e> = [(&'r Selection, Held<'r, 'e>)];

/// Returns the values of a field that a message may show, those of matched elements first.
fn shown_values(field: &Field, event: &Event, held: &HeldBySelection<'_, '_>) -> Vec<String> {
    if field.is_secret() {
        return match event.exists(field) {
            true => vec![WITHHELD.to_owned()],
            false => Vec::new(),
        };
    }
    let mut values = Vec::new();
    for (selection, held) in held {
        let within = selection.list().and_then(|list| field.within(list));
        for (element, field) in held.elements.iter().zip(within.iter().cycle()) {
            values.extend(element.element.values(field).into_iter().map(Into::into));
        }
    }
    let first = values.len();
    for value in event.values(field) {
        if !values[..first].iter().any(|shown| *shown == value) {
            values.push(value.into_owned());
        }
    }
    values
}

/// The names of the matched elements, each once.
fn matched(held: &HeldBySelection<'_, '_>) -> Vec<String> {
    let mut matched = Vec::new();
    let elements = held.iter().flat_map(|(_, held)| &held.elements);
    for label in elements.filter_map(|shown| shown.element.label()) {
        let label = cut(&label, limits::EXCERPT_CHARS).into_owned();
        if matched.len() < limits::MATCHED && !matched.contains(&label) {
            matched.push(label);
        }
    }
    matched
}

/// The values of the fields that a rule copies into its alerts.
fn context(
    fields: &[Field],
    event: &Event,
    held: &HeldBySelection<'_, '_>,
) -> Vec<(String, Vec<String>)> {
    let values = fields.iter().map(|field| {
        let values = shown_values(field, event, held).into_iter();
        let values = values.take(limits::EVIDENCE);
        let values = values.map(|value| cut(&value, limits::EXCERPT_CHARS).into_owned());
        (field.to_string(), values.collect::<Vec<_>>())
    });
    values.filter(|(_, values)| !values.is_empty()).collect()
}

/// Named groups of the patterns that held; the first pattern to capture a name wins.
fn captures(held: &HeldBySelection<'_, '_>) -> BTreeMap<String, String> {
    let mut captures = BTreeMap::new();
    for (predicate, values) in held.iter().flat_map(|(_, held)| &held.predicates) {
        for pattern in predicate.patterns() {
            let texts = values.iter().flat_map(|value| pattern.captures(value));
            for (name, text) in texts {
                let text = match predicate.field().is_secret() {
                    true => WITHHELD.into(),
                    false => cut(text, limits::EXCERPT_CHARS),
                };
                captures
                    .entry(name.to_owned())
                    .or_insert_with(|| text.into_owned());
            }
        }
    }
    captures
}

fn evidence(held: &HeldBySelection<'_, '_>) -> Vec<Evidence> {
    held.iter()
        .flat_map(|(selection, held)| held.predicates.iter().map(move |held| (selection, held)))
        .take(limits::EVIDENCE)
        .map(|(selection, (predicate, values))| Evidence {
            selection: selection.name().to_owned(),
            field: predicate.field().clone(),
            operator: predicate.operator(),
            values: values
                .iter()
                .take(limits::EVIDENCE)
                .map(|value| cut(value, limits::EXCERPT_CHARS).into_owned())
                .collect(),
        })
        .collect()
}
