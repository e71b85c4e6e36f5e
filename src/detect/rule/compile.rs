//! From a definition within its bounds to the parts of a rule, or to all that is wrong with it.

use std::collections::BTreeSet;

use super::{Gate, Parts};
use crate::detect::{
    condition::{Condition, RESERVED},
    definition::{RuleDefinition, Severity},
    field::Field,
    limits,
    message::Message,
    problem::{Problem, Problems, Reason},
    selection::Selection,
};

/// Compiles everything, or names everything that cannot be compiled.
pub fn compile(definition: &RuleDefinition) -> Result<Parts, Vec<Problem>> {
    let mut problems = Problems::default();
    let selections = selections(definition, &mut problems);
    let condition = condition(definition, &mut problems);
    let groups = match &selections {
        Some(selections) => groups(selections, &mut problems),
        None => groups_as_written(definition),
    };
    let message = message(definition, &groups, &mut problems);
    let exceptions = exceptions(definition, &mut problems);
    let severities = severities(definition, &mut problems);
    let context = context(definition, &mut problems);
    match (selections, condition, message, exceptions) {
        (Some(selections), Some(condition), Some(message), Some(exceptions))
            if problems.is_empty() =>
        {
            Ok(Parts {
                gate: Gate::new(definition, &selections),
                selections,
                condition,
                exceptions,
                severities,
                context,
                message,
            })
        }
        _ => Err(problems.into_vec()),
    }
}

fn selections(definition: &RuleDefinition, problems: &mut Problems) -> Option<Vec<Selection>> {
    if definition.selections.is_empty() {
        let message = "no selections; at least one must say what to look for";
        problems.add("spec.selections", Reason::SelectionInvalid, message);
        return None;
    }
    let compiled: Vec<_> = definition
        .selections
        .iter()
        .enumerate()
        .map(|(index, selection)| {
            let place = format!("spec.selections[{index}]");
            if RESERVED.contains(&selection.name.as_str()) {
                let message = "a word of conditions cannot be a name; choose another";
                problems.add(format!("{place}.name"), Reason::SelectionInvalid, message);
            }
            Selection::compile(selection, &place, problems)
        })
        .collect();
    compiled.into_iter().collect()
}

fn exceptions(definition: &RuleDefinition, problems: &mut Problems) -> Option<Vec<Selection>> {
    let compiled: Vec<_> = definition
        .exceptions
        .iter()
        .enumerate()
        .map(|(index, exception)| {
            let place = format!("spec.exceptions[{index}]");
            Selection::compile_exception(exception, &place, problems)
        })
        .collect();
    compiled.into_iter().collect()
}

fn condition(definition: &RuleDefinition, problems: &mut Problems) -> Option<Condition> {
    let names: Vec<_> = definition
        .selections
        .iter()
        .map(|s| s.name.as_str())
        .collect();
    let special = definition.severity_when.iter();
    let special: Vec<_> = special
        .filter_map(|when| Condition::parse(&when.condition, &names).ok())
        .collect();
    let Some(text) = &definition.condition else {
        return Some(Condition::all(names.len()));
    };
    let condition = Condition::parse(text, &names)
        .map_err(|error| {
            problems.add(
                "spec.condition",
                Reason::ConditionInvalid,
                error.to_string(),
            );
        })
        .ok()?;
    let is_mentioned = |index: &usize| {
        condition.mentions(*index) || special.iter().any(|special| special.mentions(*index))
    };
    for index in (0..names.len()).filter(|index| !is_mentioned(index)) {
        let place = format!("spec.selections[{index}]");
        let message = "the condition does not mention this selection; use it or remove it";
        problems.add(place, Reason::SelectionInvalid, message);
    }
    Some(condition)
}

fn severities(definition: &RuleDefinition, problems: &mut Problems) -> Vec<(Condition, Severity)> {
    let names = definition.selections.iter().map(|s| s.name.as_str());
    let names: Vec<_> = names.collect();
    let mut severities = Vec::new();
    for (index, when) in definition.severity_when.iter().enumerate() {
        match Condition::parse(&when.condition, &names) {
            Ok(condition) => severities.push((condition, when.severity)),
            Err(error) => {
                let place = format!("spec.severityWhen[{index}].condition");
                problems.add(place, Reason::ConditionInvalid, error.to_string());
            }
        }
    }
    severities
}

fn context(definition: &RuleDefinition, problems: &mut Problems) -> Vec<Field> {
    let mut fields = Vec::new();
    for (index, text) in definition.context.iter().enumerate() {
        let place = format!("spec.context[{index}]");
        match Field::parse(text) {
            Ok(field) if field.is_secret() => {
                let message = format!("{text} may hold secrets, which alerts never do; remove it");
                problems.add(place, Reason::DefinitionInvalid, message);
            }
            Ok(field) if field.is_object() => {
                let message = format!("{text} is an object; name fields within it");
                problems.add(place, Reason::DefinitionInvalid, message);
            }
            Ok(field) => fields.push(field),
            Err(error) => problems.add(place, Reason::UnknownField, error.to_string()),
        }
    }
    fields
}

/// The named groups that a message may use.
fn groups(selections: &[Selection], problems: &mut Problems) -> Vec<String> {
    let groups: BTreeSet<&str> = selections
        .iter()
        .flat_map(Selection::predicates)
        .flat_map(|predicate| predicate.patterns())
        .flat_map(|pattern| pattern.names())
        .collect();
    if groups.len() > limits::CAPTURES {
        let found = groups.len();
        let message = format!("{found} named groups; {} are allowed", limits::CAPTURES);
        problems.add("spec.selections", Reason::LimitExceeded, message);
    }
    groups.into_iter().map(str::to_owned).collect()
}

/// What look like named groups in patterns that may be broken, so that a message which uses them
/// is not blamed for it.
fn groups_as_written(definition: &RuleDefinition) -> Vec<String> {
    definition
        .selections
        .iter()
        .flat_map(|selection| selection.all.iter().chain(&selection.any))
        .flat_map(|predicate| predicate.matches.iter().chain(&predicate.matches_any))
        .flat_map(|pattern| pattern.split('<').skip(1))
        .filter_map(|rest| Some(rest.split_once('>')?.0.to_owned()))
        .collect()
}

fn message(
    definition: &RuleDefinition,
    groups: &[String],
    problems: &mut Problems,
) -> Option<Message> {
    let Some(text) = &definition.message else {
        return Some(Message::literal(&definition.title));
    };
    let groups: Vec<_> = groups.iter().map(String::as_str).collect();
    Message::parse(text, &groups)
        .map_err(|errors| {
            for error in errors {
                problems.add("spec.message", Reason::MessageInvalid, error.to_string());
            }
        })
        .ok()
}
