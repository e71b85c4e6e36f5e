//! From the definition of a predicate to the predicate, or to all that is wrong with it.

use super::{Predicate, Test};
use crate::detect::{
    definition::{self, Existence},
    excerpt::cut,
    field::Field,
    limits,
    network::Network,
    pattern::Pattern,
    problem::{Problems, Reason},
};

/// Compiles a predicate that stands at `place`; within an element of `list` if there is one.
pub fn compile(
    definition: &definition::Predicate,
    list: Option<&Field>,
    place: &str,
    problems: &mut Problems,
) -> Option<Predicate> {
    let field = match list {
        Some(list) => Field::parse_in_element(list, &definition.field),
        None => Field::parse(&definition.field),
    };
    let field = field
        .map_err(|error| {
            let place = format!("{place}.field");
            problems.add(place, Reason::UnknownField, error.to_string());
        })
        .ok();
    let test = compile_test(definition, place, problems);
    let (field, (operator, test)) = (field?, test?);
    if field.is_object() && !matches!(test, Test::Present | Test::Absent) {
        problems.add(
            format!("{place}.{operator}"),
            Reason::PredicateInvalid,
            object_message(&field),
        );
        return None;
    }
    let identity = serde_json::to_string(definition).expect("a definition is plain data");
    Some(Predicate {
        identity: format!("{field} {identity}"),
        field,
        operator,
        test,
    })
}

fn object_message(field: &Field) -> String {
    let remedy = match field.is_map() {
        true => format!(
            "name a key of it, or use forEach: {field} and the fields key and value of its entries"
        ),
        false => "name a field within it, or use exists".to_owned(),
    };
    format!("{field} is an object, which has no value to compare; {remedy}")
}

/// An operator as it is written down.
enum Operator<'d> {
    Text(fn(Vec<String>) -> Test, Operands<'d>),
    Matches(Operands<'d>),
    InNetwork(Operands<'d>),
    Exists(Existence),
    Between(Option<i64>, Option<i64>),
}

/// The values of an operator; where it takes a list, each has a place of its own.
struct Operands<'d> {
    values: &'d [String],
    is_list: bool,
}

/// Every operator that is written down, with the name it goes by. A range counts as one.
fn operators(definition: &definition::Predicate) -> Vec<(&'static str, Operator<'_>)> {
    let definition::Predicate {
        field: _,
        matches,
        matches_any,
        equals,
        is_in,
        starts_with,
        starts_with_any,
        ends_with,
        ends_with_any,
        contains,
        contains_any,
        cidr,
        cidr_any,
        exists,
        at_least,
        at_most,
    } = definition;
    let text = |test: fn(Vec<String>) -> Test| move |operands| Operator::Text(test, operands);
    let range = match (at_least, at_most) {
        (None, None) => ("atLeast", None),
        (Some(_), _) => ("atLeast", Some(Operator::Between(*at_least, *at_most))),
        (None, Some(_)) => ("atMost", Some(Operator::Between(*at_least, *at_most))),
    };
    [
        ("matches", one(matches).map(Operator::Matches)),
        ("matchesAny", many(matches_any).map(Operator::Matches)),
        ("equals", one(equals).map(text(equal_to))),
        ("in", many(is_in).map(text(equal_to))),
        ("startsWith", one(starts_with).map(text(Test::StartsWith))),
        (
            "startsWithAny",
            many(starts_with_any).map(text(Test::StartsWith)),
        ),
        ("endsWith", one(ends_with).map(text(Test::EndsWith))),
        ("endsWithAny", many(ends_with_any).map(text(Test::EndsWith))),
        ("contains", one(contains).map(text(Test::Contains))),
        ("containsAny", many(contains_any).map(text(Test::Contains))),
        ("cidr", one(cidr).map(Operator::InNetwork)),
        ("cidrAny", many(cidr_any).map(Operator::InNetwork)),
        ("exists", exists.map(Operator::Exists)),
        range,
    ]
    .into_iter()
    .filter_map(|(name, operator)| Some((name, operator?)))
    .collect()
}

fn one(value: &Option<String>) -> Option<Operands<'_>> {
    value.as_ref().map(|value| Operands {
        values: std::slice::from_ref(value),
        is_list: false,
    })
}

fn many(values: &[String]) -> Option<Operands<'_>> {
    (!values.is_empty()).then_some(Operands {
        values,
        is_list: true,
    })
}

fn equal_to(mut operands: Vec<String>) -> Test {
    operands.sort();
    Test::Equals(operands)
}

fn compile_test(
    definition: &definition::Predicate,
    place: &str,
    problems: &mut Problems,
) -> Option<(&'static str, Test)> {
    let operators = operators(definition);
    let [(name, operator)] = operators.as_slice() else {
        let names: Vec<_> = operators.iter().map(|(name, _)| *name).collect();
        problems.add(place, Reason::PredicateInvalid, count_message(&names));
        return None;
    };
    let place = format!("{place}.{name}");
    let test = match operator {
        Operator::Text(test, operands) => operands.compile(&place, problems, text).map(test),
        Operator::Matches(operands) => operands
            .compile(&place, problems, pattern)
            .map(Test::Matches),
        Operator::InNetwork(operands) => operands
            .compile(&place, problems, network)
            .map(Test::InNetwork),
        Operator::Exists(Existence::Present) => Some(Test::Present),
        Operator::Exists(Existence::Absent) => Some(Test::Absent),
        Operator::Between(Some(least), Some(most)) if least > most => {
            let message = format!("no number is at least {least} and at most {most}");
            problems.add(place, Reason::PredicateInvalid, message);
            None
        }
        Operator::Between(least, most) => Some(Test::Between(*least, *most)),
    };
    Some((*name, test?))
}

fn count_message(names: &[&str]) -> String {
    match names {
        [] => "no operator; write one, for example equals, matches or exists".to_owned(),
        names => format!(
            "{} operators ({}); write exactly one, and another predicate for each other",
            names.len(),
            names.join(", ")
        ),
    }
}

impl Operands<'_> {
    /// Compiles every value, or names what is wrong with each.
    fn compile<T>(
        &self,
        place: &str,
        problems: &mut Problems,
        compile: fn(&str, &str, &mut Problems) -> Option<T>,
    ) -> Option<Vec<T>> {
        let place_of = |index| match self.is_list {
            true => format!("{place}[{index}]"),
            false => place.to_owned(),
        };
        let compiled: Vec<_> = self
            .values
            .iter()
            .enumerate()
            .map(|(index, value)| compile(value, &place_of(index), problems))
            .collect();
        compiled.into_iter().collect()
    }
}

fn text(text: &str, place: &str, problems: &mut Problems) -> Option<String> {
    if text.is_empty() {
        let message = "an empty value counts as missing; use exists: Present or Absent";
        problems.add(place, Reason::PredicateInvalid, message);
        return None;
    }
    let length = text.chars().count();
    if length > limits::OPERAND_CHARS {
        let message = format!(
            "value is {length} characters long; {} are allowed",
            limits::OPERAND_CHARS
        );
        problems.add(place, Reason::LimitExceeded, message);
        return None;
    }
    Some(text.to_owned())
}

fn pattern(text: &str, place: &str, problems: &mut Problems) -> Option<Pattern> {
    let pattern = Pattern::parse(text)
        .map_err(|error| problems.add(place, error.reason(), error.to_string()))
        .ok()?;
    let taken = pattern.names().find(|name| Field::parse(name).is_ok());
    if let Some(name) = taken {
        let message = format!(
            "group name \"{}\" is the name of a field; choose another",
            cut(name, limits::NAME_CHARS)
        );
        problems.add(place, Reason::PatternInvalid, message);
        return None;
    }
    Some(pattern)
}

fn network(text: &str, place: &str, problems: &mut Problems) -> Option<Network> {
    Network::parse(text)
        .map_err(|error| problems.add(place, Reason::PredicateInvalid, error.to_string()))
        .ok()
}
