//! The tests of a rule: sample events with the outcome that its author expects.

use super::{Cause, Match, Outcome, Rule};
use crate::detect::{
    alert::Finding,
    definition::{Expectation, RuleTest},
    event::Event,
    excerpt::cut,
    problem::{Problems, Reason},
};

/// Characters of a message that are shown of each side of a difference.
const SHOWN: usize = 96;

/// Runs every test; each one that fails is a problem.
pub fn check(rule: &Rule, problems: &mut Problems) {
    for (index, test) in rule.definition.tests.iter().enumerate() {
        if let Err(difference) = run(rule, test) {
            let place = format!("spec.tests[{index}]");
            problems.add(place, Reason::TestFailed, difference);
        }
    }
}

/// Runs one test; the error says what was expected and what came.
fn run(rule: &Rule, test: &RuleTest) -> Result<(), String> {
    let event = Event::from_value(test.event.clone());
    let outcome = rule.evaluate(&event).map(|Match { outcome, .. }| outcome);
    match (test.expect, outcome) {
        (Expectation::NoMatch, None | Some(Outcome::Undecided(_)))
        | (Expectation::Undecided, Some(Outcome::Undecided(_))) => Ok(()),
        (Expectation::Match, Some(Outcome::Alert(finding))) => compare(test, &finding),
        (Expectation::Excepted, Some(Outcome::Excepted(met))) => match &test.exception {
            Some(expected) if !met.contains(&expected.as_str()) => Err(format!(
                "expected exception {:?}, but {} is met",
                cut(expected, SHOWN),
                met.join(", ")
            )),
            _ => Ok(()),
        },
        (Expectation::Excepted, Some(Outcome::Alert(_))) => {
            Err("expected Excepted, but the rule matches and no exception is met".to_owned())
        }
        (expected, Some(Outcome::Excepted(met))) => Err(format!(
            "expected {expected:?}, but exception {} is met",
            met.join(", ")
        )),
        (expected, Some(Outcome::Undecided(gap))) => Err(format!(
            "expected {expected:?}, but the event does not show what decides it ({})",
            gap.word()
        )),
        (expected @ (Expectation::NoMatch | Expectation::Undecided), Some(Outcome::Alert(_))) => {
            Err(format!(
                "expected {expected:?}, but {}",
                because(rule, &event)
            ))
        }
        (expected, None) => Err(format!(
            "expected {expected:?}, but {}",
            because(rule, &event)
        )),
    }
}

/// Compares an alert with what a test expects of it.
fn compare(test: &RuleTest, finding: &Finding) -> Result<(), String> {
    if let Some(expected) = &test.message
        && *expected != finding.message
    {
        return Err(format!(
            "expected message {:?}, got {:?}",
            cut(expected, SHOWN),
            cut(&finding.message, SHOWN)
        ));
    }
    match test.severity {
        Some(expected) if expected != finding.severity => Err(format!(
            "expected severity {expected:?}, got {:?}",
            finding.severity
        )),
        _ => Ok(()),
    }
}

/// The selection, and within it the predicate, that decided the outcome.
fn because(rule: &Rule, event: &Event) -> String {
    let selections = rule.selections();
    let cause = rule
        .condition()
        .cause(&mut |index: usize| selections[index].truth(event));
    let outcome = event.outcome();
    if !rule.gate().admits(outcome) && !rule.of_condition(rule.condition(), event).is_false() {
        return match outcome {
            Some(outcome) => format!(
                "the outcome of the request is {outcome:?}, which spec.outcomes does not list"
            ),
            None => "the event has the stage RequestReceived, which decides nothing".to_owned(),
        };
    }
    match cause {
        Some(Cause::Fails(index)) => {
            let failure = selections[index].failure(event).unwrap_or_default();
            format!("selections[{index}]{failure}")
        }
        Some(Cause::Holds(index)) => {
            format!("selection \"{}\" holds", selections[index].name())
        }
        None => "the condition decides without a selection".to_owned(),
    }
}
