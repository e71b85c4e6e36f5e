//! Warnings about rules that are valid, but easier to evade than they look.
//!
//! An exception, a selection that the condition negates, and a `none` silence a rule. It is forgeable where
//! it can be met by what a caller may choose, without saying who the caller is.

mod basis;
#[cfg(test)]
mod tests;

use self::basis::{Basis, basis};
use super::{
    condition::Condition,
    predicate::{Predicate, Test},
    rule::Rule,
    selection::{Body, Group, Selection},
};

/// A warning about a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where, for example `spec.exceptions[0]`.
    pub place: String,
    /// The kind, a bounded set.
    pub code: Code,
    /// The problem and its remedy.
    pub message: String,
}

/// The kinds of warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// An exception that rests on what a caller may choose.
    ForgeableException,
}

impl Code {
    /// The code as one CamelCase word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ForgeableException => "ForgeableException",
        }
    }
}

/// One way to meet a selection or a condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Way {
    /// Whether it says who the caller is.
    names_caller: bool,
    /// A choice of the caller that it rests on.
    choice: Option<Choice>,
}

/// A field that the caller chooses, and the selection or exception that looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Choice {
    place: String,
    field: String,
}

/// Returns the warnings about a rule, in the order of their places; at most one for each
/// exception and each selection.
pub fn lint(rule: &Rule) -> Vec<Warning> {
    let mut choices = Vec::new();
    find_negations(rule, rule.condition(), &mut choices);
    for (index, exception) in rule.exceptions().iter().enumerate() {
        let place = format!("spec.exceptions[{index}]");
        choices.extend(forged(ways_of(rule, exception, &place)));
    }
    choices.dedup_by(|a, b| a.place == b.place);
    choices.into_iter().map(Warning::from).collect()
}

impl From<Choice> for Warning {
    fn from(Choice { place, field }: Choice) -> Self {
        let problem = match field.starts_with("user.") {
            true => {
                "in a form that anybody may meet; give whole names, names from their beginning \
                 with a namespace, or groups that not everybody is in"
            }
            false => {
                "which a caller may choose, and so silences the rule for anybody; say also whose \
                 requests are harmless, by user.username, user.groups or source.ip"
            }
        };
        Self {
            place,
            code: Code::ForgeableException,
            message: format!("rests on {field}, {problem}"),
        }
    }
}

/// Collects the choices on which the negated parts of a condition rest.
fn find_negations(rule: &Rule, condition: &Condition, choices: &mut Vec<Choice>) {
    match condition {
        Condition::Selection(index) => choices.extend(excluded(rule, *index)),
        Condition::Not(inner) => choices.extend(forged(ways(rule, inner))),
        Condition::All(parts) | Condition::Any(parts) => {
            for part in parts {
                find_negations(rule, part, choices);
            }
        }
    }
}

/// The first choice that a selection excludes under `none`. The bodies are left out: what the
/// selection looks for is in them.
fn excluded(rule: &Rule, index: usize) -> Option<Choice> {
    let group = group(&rule.selections()[index]);
    let names_existing = names_existing_object(rule, group);
    let choice = group.none().iter().find(|predicate| {
        !basis::is_of_body(predicate) && excludes_choice(predicate, names_existing)
    })?;
    Some(Choice {
        place: format!("spec.selections[{index}]"),
        field: choice.field().to_string(),
    })
}

/// Whether a predicate under `none` keeps out something that the caller may choose. That nobody is
/// impersonated is no choice.
fn excludes_choice(predicate: &Predicate, names_existing: bool) -> bool {
    let keeps_impersonation_out = matches!(predicate.test(), Test::Present)
        && predicate
            .field()
            .to_string()
            .starts_with("impersonatedUser");
    !keeps_impersonation_out && basis(predicate, names_existing) == Basis::Choice
}

fn group(selection: &Selection) -> &Group {
    match selection.body() {
        Body::Event(group) => group,
        Body::Element(element) => element.group(),
    }
}

/// The choice of the first way that names no caller.
fn forged(ways: Vec<Way>) -> Option<Choice> {
    let mut ways = ways.into_iter().filter(|way| !way.names_caller);
    ways.find_map(|way| way.choice)
}

/// The ways to meet a condition. What it negates in turn adds no name.
fn ways(rule: &Rule, condition: &Condition) -> Vec<Way> {
    match condition {
        Condition::Selection(index) => {
            let place = format!("spec.selections[{index}]");
            ways_of(rule, &rule.selections()[*index], &place)
        }
        Condition::Not(_) => vec![Way::default()],
        Condition::All(parts) => parts.iter().fold(vec![Way::default()], |all, part| {
            let part = ways(rule, part);
            distinct(
                all.iter()
                    .flat_map(|way| part.iter().map(|other| way.and(other))),
            )
        }),
        Condition::Any(parts) => distinct(parts.iter().flat_map(|part| ways(rule, part))),
    }
}

/// The ways to meet a selection or an exception.
fn ways_of(rule: &Rule, selection: &Selection, place: &str) -> Vec<Way> {
    let group = group(selection);
    let names_existing = names_existing_object(rule, group);
    let choice = |predicate: &Predicate| Way {
        names_caller: false,
        choice: Some(Choice {
            place: place.to_owned(),
            field: predicate.field().to_string(),
        }),
    };
    let way = |predicate: &Predicate| match basis(predicate, names_existing) {
        Basis::Caller => Way {
            names_caller: true,
            choice: None,
        },
        Basis::Choice => choice(predicate),
        Basis::Request => Way::default(),
    };
    let all = group.all().iter();
    let all = all.fold(Way::default(), |all, predicate| all.and(&way(predicate)));
    let none = group.none().iter();
    let mut none = none.filter(|predicate| excludes_choice(predicate, names_existing));
    let all = none
        .next()
        .map_or(all.clone(), |predicate| all.and(&choice(predicate)));
    match group.any() {
        [] => vec![all],
        any => distinct(any.iter().map(|predicate| all.and(&way(predicate)))),
    }
}

impl Way {
    fn and(&self, other: &Self) -> Self {
        Self {
            names_caller: self.names_caller || other.names_caller,
            choice: self.choice.clone().or_else(|| other.choice.clone()),
        }
    }
}

/// One way for each of the four kinds: all else that a way says is for the message only.
fn distinct(ways: impl Iterator<Item = Way>) -> Vec<Way> {
    let mut distinct: Vec<Way> = Vec::new();
    for way in ways {
        let kind = |way: &Way| (way.names_caller, way.choice.is_some());
        if !distinct.iter().any(|known| kind(known) == kind(&way)) {
            distinct.push(way);
        }
    }
    distinct
}

/// Whether `objectRef.name` is that of an object which is there already, by what the rule or the
/// group itself asks of the verb and the subresource: the name of an object that is created or
/// changed may have been chosen by the caller.
fn names_existing_object(rule: &Rule, group: &Group) -> bool {
    let required = required(rule.condition()).into_iter().filter_map(|index| {
        match rule.selections()[index].body() {
            Body::Event(group) => Some(group),
            Body::Element(_) => None,
        }
    });
    required
        .chain([group])
        .flat_map(|group| group.all())
        .any(|predicate| match predicate.test() {
            Test::Equals(values) => {
                let known: &[&str] = match predicate.field().to_string().as_str() {
                    "verb" => &["get", "list", "watch", "delete", "deletecollection"],
                    "objectRef.subresource" => &["exec", "attach", "portforward", "proxy", "log"],
                    _ => &[],
                };
                values.iter().all(|value| known.contains(&value.as_str()))
            }
            _ => false,
        })
}

/// The selections without which a condition cannot hold.
fn required(condition: &Condition) -> Vec<usize> {
    match condition {
        Condition::Selection(index) => vec![*index],
        Condition::All(parts) => parts.iter().flat_map(required).collect(),
        Condition::Not(_) | Condition::Any(_) => Vec::new(),
    }
}
