//! The outcomes of requests that a rule alerts on.

use crate::detect::{
    definition::{RequestOutcome, RuleDefinition, Severity},
    field::Field,
    selection::Selection,
};

/// Admits events by the outcome of their request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Gate {
    /// One bit for each outcome.
    outcomes: u8,
    /// Events of requests that are not decided are admitted too: the rule looks at stages itself.
    admits_received: bool,
}

/// Fields by which a rule chooses outcomes itself.
const OUTCOME_FIELDS: [&str; 3] = ["outcome", "decision", "responseStatus"];

impl Gate {
    /// Returns the gate of a definition with these selections.
    pub fn new(definition: &RuleDefinition, selections: &[Selection]) -> Self {
        let looks_at = |is_it: &dyn Fn(&str) -> bool| {
            let mut predicates = selections.iter().flat_map(Selection::every_predicate);
            predicates.any(|predicate| is_it(name(predicate.field()).as_str()))
        };
        let all = 0b1111;
        let outcomes = match definition.outcomes.as_slice() {
            [] if looks_at(&|field| OUTCOME_FIELDS.contains(&field)) => all,
            [] => bit(RequestOutcome::Success),
            given => given.iter().fold(0, |bits, outcome| bits | bit(*outcome)),
        };
        Self {
            outcomes,
            admits_received: looks_at(&|field| field == "stage"),
        }
    }

    /// Returns whether an event of this outcome is admitted; `None` is that of stage
    /// `RequestReceived`.
    pub fn admits(self, outcome: Option<RequestOutcome>) -> bool {
        match outcome {
            Some(outcome) => self.outcomes & bit(outcome) != 0,
            None => self.admits_received,
        }
    }

    /// Returns the severity of an alert about this outcome: one step lower than that of the rule
    /// where the rule is about successes first.
    pub fn severity(self, severity: Severity, outcome: Option<RequestOutcome>) -> Severity {
        let is_success = outcome.is_none_or(|outcome| outcome == RequestOutcome::Success);
        match is_success || !self.admits(Some(RequestOutcome::Success)) {
            true => severity,
            false => severity.lower(),
        }
    }
}

fn bit(outcome: RequestOutcome) -> u8 {
    1 << outcome as u8
}

/// The first name of a field, or of `annotations["authorization.k8s.io/decision"]`, what it is.
fn name(field: &Field) -> String {
    let name = field.to_string();
    match name.contains("authorization.k8s.io/decision") {
        true => "decision".to_owned(),
        false => name.split('.').next().unwrap_or_default().to_owned(),
    }
}
