//! The condition under which a rule is entered in the index: something that holds whenever the
//! rule matches, and that an index can look for.

use super::program::{FieldId, Programs};
use crate::detect::{
    condition::Condition,
    field::Field,
    predicate::{Predicate, Test},
    rule::Rule,
    selection::{Body, ElementGroup, Selection},
};

/// Something that an index can look for in the values of one field.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A value is equal to this text.
    Equal(FieldId, String),
    /// A value holds this text at this place.
    Literal(FieldId, Anchor, Vec<u8>),
    /// A value matches this pattern.
    Pattern(FieldId, String),
    /// The field is there.
    Present(FieldId),
    /// The event lacks the body of its request, or that of the response to a patch, so that a rule
    /// may be undecided.
    WithoutRequest,
    /// The event lacks the body of the response.
    WithoutResponse,
}

impl Key {
    /// The field that it asks for, if it is about one.
    pub fn field(&self) -> Option<FieldId> {
        match self {
            Self::Equal(field, _)
            | Self::Literal(field, ..)
            | Self::Pattern(field, _)
            | Self::Present(field) => Some(*field),
            Self::WithoutRequest | Self::WithoutResponse => None,
        }
    }
}

/// Where in a value a literal must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Anchor {
    /// At its beginning.
    Start,
    /// Somewhere.
    Anywhere,
    /// At its end.
    End,
}

/// A necessary condition made of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cover {
    /// Nothing is known: the rule may match any event.
    Always,
    /// This key is found.
    Key(Key),
    /// All of these hold, so that any one of them will do.
    All(Vec<Cover>),
    /// At least one of these holds. None at all: the rule never matches.
    Any(Vec<Cover>),
}

/// The cover of a rule.
pub fn of_rule(rule: &Rule, programs: &mut Programs) -> Cover {
    let selections: Vec<_> = rule
        .selections()
        .iter()
        .map(|selection| of_selection(selection, programs))
        .collect();
    of_condition(rule.condition(), &selections)
}

fn of_condition(condition: &Condition, selections: &[Cover]) -> Cover {
    let of_parts = |parts: &[Condition]| -> Vec<_> {
        parts
            .iter()
            .map(|part| of_condition(part, selections))
            .collect()
    };
    match condition {
        Condition::Selection(index) => selections[*index].clone(),
        Condition::Not(_) => Cover::Always,
        Condition::All(parts) => Cover::All(of_parts(parts)),
        Condition::Any(parts) => Cover::Any(of_parts(parts)),
    }
}

fn of_selection(selection: &Selection, programs: &mut Programs) -> Cover {
    let (group, element) = match selection.body() {
        Body::Event(group) => (group, None),
        Body::Element(element) => (element.group(), Some(&**element)),
    };
    let mut cover = |predicate: &Predicate| match element {
        None => of_predicate(predicate, programs.field_id(predicate.field())),
        Some(element) => of_predicate_in_element(predicate, element, programs),
    };
    let mut parts: Vec<_> = group.all().iter().map(|p| cover(p)).collect();
    if !group.any().is_empty() {
        parts.push(Cover::Any(group.any().iter().map(|p| cover(p)).collect()));
    }
    if let Some(element) = element {
        let present = Cover::Key(Key::Present(programs.field_id(element.list())));
        parts.push(or_bodiless(present, element.list()));
    }
    Cover::All(parts)
}

/// A value within an element is a value of the field of the same name in the event, where there
/// is such a field; the list itself is the rest of the cover.
fn of_predicate_in_element(
    predicate: &Predicate,
    element: &ElementGroup,
    programs: &mut Programs,
) -> Cover {
    if element.is_about_entries() {
        return Cover::Always;
    }
    match Field::parse(&predicate.field().to_string()) {
        Ok(field) => {
            let cover = of_test(predicate, programs.field_id(&field));
            or_bodiless(cover, element.list())
        }
        Err(_) => Cover::Always,
    }
}

fn of_predicate(predicate: &Predicate, field: FieldId) -> Cover {
    or_bodiless(of_test(predicate, field), predicate.field())
}

/// A predicate about a body may be undecided where there is none.
fn or_bodiless(cover: Cover, field: &Field) -> Cover {
    let (request, response) = field.bodies();
    let keys = [
        request.then_some(Key::WithoutRequest),
        response.then_some(Key::WithoutResponse),
    ];
    let keys = keys.into_iter().flatten().map(Cover::Key);
    match request || response {
        true => Cover::Any(std::iter::once(cover).chain(keys).collect()),
        false => cover,
    }
}

fn of_test(predicate: &Predicate, field: FieldId) -> Cover {
    let literals = |anchor, texts: &[String]| {
        let key = |text: &String| Key::Literal(field, anchor, text.clone().into_bytes());
        Cover::Any(texts.iter().map(key).map(Cover::Key).collect())
    };
    let present = Cover::Key(Key::Present(field));
    match predicate.test() {
        Test::Equals(texts) => Cover::Any(
            texts
                .iter()
                .map(|text| Cover::Key(Key::Equal(field, text.clone())))
                .collect(),
        ),
        Test::StartsWith(texts) => literals(Anchor::Start, texts),
        Test::EndsWith(texts) => literals(Anchor::End, texts),
        Test::Contains(texts) => literals(Anchor::Anywhere, texts),
        Test::Matches(patterns) => Cover::Any(
            patterns
                .iter()
                .map(|pattern| {
                    let sets = pattern.literals().iter().map(|set| {
                        let key = |text: &Vec<u8>| {
                            Cover::Key(Key::Literal(field, Anchor::Anywhere, text.clone()))
                        };
                        Cover::Any(set.iter().map(key).collect())
                    });
                    let itself = Cover::Key(Key::Pattern(field, pattern.text().to_owned()));
                    Cover::All(sets.chain([itself, present.clone()]).collect())
                })
                .collect(),
        ),
        Test::InNetwork(_) | Test::Between(..) | Test::Present => present,
        Test::Absent => Cover::Always,
    }
}

impl Cover {
    /// Every key that stands in it.
    pub fn keys(&self) -> Vec<&Key> {
        match self {
            Self::Always => Vec::new(),
            Self::Key(key) => vec![key],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::keys).collect(),
        }
    }

    /// The cheapest keys of which one is found whenever the cover holds, with their cost; `None`
    /// where there are none that suffice.
    pub fn cheapest(&self, cost: &impl Fn(&Key) -> f64) -> Option<(f64, Vec<Key>)> {
        match self {
            Self::Always => None,
            Self::Key(key) => Some((cost(key), vec![key.clone()])),
            Self::All(parts) => parts
                .iter()
                .filter_map(|part| part.cheapest(cost))
                .min_by(|(a, _), (b, _)| a.total_cmp(b)),
            Self::Any(parts) => {
                parts
                    .iter()
                    .try_fold((0.0, Vec::new()), |(sum, mut keys), part| {
                        let (more, others) = part.cheapest(cost)?;
                        keys.extend(others);
                        Some((sum + more, keys))
                    })
            }
        }
    }
}
