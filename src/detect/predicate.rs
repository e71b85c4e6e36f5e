//! A statement about the values of one field.

mod compile;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::{
    event::{Element, Event, gap::Gap},
    field::Field,
    network::Network,
    pattern::Pattern,
    truth::Truth,
};

pub use compile::compile;

/// A compiled predicate.
#[derive(Debug)]
pub struct Predicate {
    field: Field,
    operator: &'static str,
    test: Test,
    identity: String,
}

/// What a value must be. Where operands are several, one of them suffices.
#[derive(Debug)]
pub enum Test {
    /// Equal to an operand; they are sorted.
    Equals(Vec<String>),
    /// Begins with an operand.
    StartsWith(Vec<String>),
    /// Ends with an operand.
    EndsWith(Vec<String>),
    /// Holds an operand.
    Contains(Vec<String>),
    /// Matched by a pattern.
    Matches(Vec<Pattern>),
    /// An address in a network.
    InNetwork(Vec<Network>),
    /// A number between the bounds, both included.
    Between(Option<i64>, Option<i64>),
    /// Anything.
    Present,
    /// Nothing: no value may be there.
    Absent,
}

impl Predicate {
    /// The field it looks at.
    pub fn field(&self) -> &Field {
        &self.field
    }

    /// The operator, as rules write it.
    pub fn operator(&self) -> &'static str {
        self.operator
    }

    /// What it asks of the values.
    pub fn test(&self) -> &Test {
        &self.test
    }

    /// A text that two predicates share only if they say the same.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The compiled patterns.
    pub fn patterns(&self) -> &[Pattern] {
        match &self.test {
            Test::Matches(patterns) => patterns,
            _ => &[],
        }
    }

    /// Returns the truth of the predicate for an event, or for an element of a list.
    pub fn truth(&self, subject: &impl Subject) -> Truth {
        self.truth_given(
            || subject.exists(&self.field),
            |accepts| subject.values(&self.field).iter().any(|v| accepts(v)),
            || subject.gap(&self.field),
        )
    }

    /// Returns the truth, given whether the field exists, whether some value of it is accepted,
    /// and why the event may not show a value. Where there is a gap, a predicate that fails is
    /// undecided, and so is `exists: Absent` where it holds.
    pub fn truth_given(
        &self,
        exists: impl FnOnce() -> bool,
        any_value: impl FnOnce(&dyn Fn(&str) -> bool) -> bool,
        gap: impl FnOnce() -> Option<Gap>,
    ) -> Truth {
        match &self.test {
            Test::Present => Truth::unless_gap(exists(), gap),
            Test::Absent => !Truth::unless_gap(exists(), gap),
            test => Truth::unless_gap(any_value(&|value| test.accepts(value)), gap),
        }
    }

    /// Whether it may hold, given whether a value may be there that is accepted.
    pub fn may_hold(&self, any_value: impl FnOnce(&dyn Fn(&str) -> bool) -> bool) -> bool {
        matches!(self.test, Test::Absent) || any_value(&|value| self.test.accepts(value))
    }

    /// The values for which it holds.
    pub fn accepted(&self, subject: &impl Subject) -> Vec<String> {
        let mut values = subject.values(&self.field);
        values.retain(|value| self.test.accepts(value));
        values.into_iter().map(Cow::into_owned).collect()
    }
}

/// Something that predicates are about.
pub trait Subject {
    /// The values of a field as text, none of them empty.
    fn values(&self, field: &Field) -> Vec<Cow<'_, str>>;
    /// Whether a field is there and not empty; an object counts.
    fn exists(&self, field: &Field) -> bool;
    /// Returns why a value of a field may not be shown.
    fn gap(&self, field: &Field) -> Option<Gap>;
}

impl Subject for Event {
    fn values(&self, field: &Field) -> Vec<Cow<'_, str>> {
        self.values(field)
    }

    fn exists(&self, field: &Field) -> bool {
        self.exists(field)
    }

    fn gap(&self, field: &Field) -> Option<Gap> {
        self.gap(field)
    }
}

/// An element of a list that an event shows, as far as it shows it.
#[derive(Debug)]
pub struct ShownElement<'e> {
    /// The element.
    pub element: Element<'e>,
    /// Why the element may have had more, or may be several.
    pub gap: Option<Gap>,
}

impl Subject for ShownElement<'_> {
    fn values(&self, field: &Field) -> Vec<Cow<'_, str>> {
        self.element.values(field)
    }

    fn exists(&self, field: &Field) -> bool {
        self.element.exists(field)
    }

    fn gap(&self, _: &Field) -> Option<Gap> {
        self.gap
    }
}

impl Test {
    /// Whether it holds for one value.
    fn accepts(&self, value: &str) -> bool {
        match self {
            Self::Equals(operands) => operands
                .binary_search_by(|operand| operand.as_str().cmp(value))
                .is_ok(),
            Self::StartsWith(operands) => operands.iter().any(|o| value.starts_with(o)),
            Self::EndsWith(operands) => operands.iter().any(|o| value.ends_with(o)),
            Self::Contains(operands) => operands.iter().any(|o| value.contains(o)),
            Self::Matches(patterns) => patterns.iter().any(|p| p.is_match(value)),
            Self::InNetwork(networks) => networks.iter().any(|n| n.holds(value)),
            Self::Between(least, most) => is_between(value, *least, *most),
            Self::Present => true,
            Self::Absent => false,
        }
    }
}

/// Whole numbers are compared exactly, others (`1.5`, `1e3`) as double precision allows.
fn is_between(value: &str, least: Option<i64>, most: Option<i64>) -> bool {
    if let Ok(number) = value.parse::<i64>() {
        return least.is_none_or(|l| number >= l) && most.is_none_or(|m| number <= m);
    }
    value.parse::<f64>().is_ok_and(|number| {
        number.is_finite()
            && least.is_none_or(|l| number >= l as f64)
            && most.is_none_or(|m| number <= m as f64)
    })
}
