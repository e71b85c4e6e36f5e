//! Named groups of predicates: the selections and the exceptions of a rule.

mod element;
mod group;

use std::sync::Arc;

use super::{
    definition,
    event::Event,
    field::{Field, FieldError},
    limits,
    predicate::{Predicate, ShownElement},
    problem::{Problems, Reason},
    truth::Truth,
};

pub use element::ElementGroup;
pub use group::Group;

/// A compiled selection. It is about the event as a whole, or about one element of a list.
#[derive(Debug)]
pub struct Selection {
    name: String,
    body: Body,
}

/// What a selection looks at.
#[derive(Debug)]
pub enum Body {
    /// The event.
    Event(Group),
    /// Some element of a list: all predicates are about the same one.
    Element(Arc<ElementGroup>),
}

/// The predicates of a selection that held, with the values they held for.
pub type HeldPredicates<'s> = Vec<(&'s Predicate, Vec<String>)>;

/// The part of an event for which a selection held.
#[derive(Debug, Default)]
pub struct Held<'s, 'e> {
    /// The predicates that held. Those about elements have the values of all matched elements.
    pub predicates: HeldPredicates<'s>,
    /// The matched elements, at most [`limits::MATCHED`]; empty if the selection is about the
    /// event.
    pub elements: Vec<ShownElement<'e>>,
}

impl Selection {
    /// Compiles a selection that stands at `place`.
    pub fn compile(
        definition: &definition::Selection,
        place: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        let definition::Selection {
            name,
            for_each,
            all,
            any,
            none,
        } = definition;
        let body = Body::compile(for_each.as_deref(), [all, any, none], place, problems)?;
        let name = name.clone();
        Some(Self { name, body })
    }

    /// Compiles an exception that stands at `place`.
    pub fn compile_exception(
        definition: &definition::Exception,
        place: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        let definition::Exception {
            name,
            reason: _,
            for_each,
            all,
            any,
            none,
        } = definition;
        let body = Body::compile(for_each.as_deref(), [all, any, none], place, problems)?;
        let name = name.clone();
        Some(Self { name, body })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it looks at.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// All of its predicates, in the order of the definition.
    pub fn predicates(&self) -> impl Iterator<Item = &Arc<Predicate>> {
        self.group().predicates()
    }

    /// All of its predicates, those of `none` included.
    pub fn every_predicate(&self) -> impl Iterator<Item = &Arc<Predicate>> {
        self.predicates().chain(self.group().none())
    }

    /// The list whose elements it is about, if it is.
    pub fn list(&self) -> Option<&Field> {
        match &self.body {
            Body::Event(_) => None,
            Body::Element(element) => Some(element.list()),
        }
    }

    fn group(&self) -> &Group {
        match &self.body {
            Body::Event(group) => group,
            Body::Element(element) => element.group(),
        }
    }

    /// Returns the truth of the selection for an event.
    pub fn truth(&self, event: &Event) -> Truth {
        match &self.body {
            Body::Event(group) => group.truth(event),
            Body::Element(element) => element.truth(event, || event.gap(element.list())),
        }
    }

    /// Returns the predicates that hold, in the order of the definition, and the elements for
    /// which they do: nothing if the selection does not hold for certain.
    pub fn held<'s, 'e: 's>(&'s self, event: &'e Event) -> Held<'s, 'e> {
        let element = match &self.body {
            Body::Event(group) => {
                let predicates = group.held(event);
                return Held {
                    predicates,
                    ..Held::default()
                };
            }
            Body::Element(element) => element,
        };
        let elements = element.matched(event).take(limits::MATCHED);
        let elements: Vec<_> = elements.collect();
        Held {
            predicates: joined(elements.iter().map(|found| element.group().held(found))),
            elements,
        }
    }

    /// Returns whether each of some elements meets the selection, which is about such elements.
    pub fn covers<'e>(&self, mut elements: impl Iterator<Item = ShownElement<'e>>) -> bool {
        elements.all(|element| self.group().truth(&element).is_true())
    }

    /// Returns the elements for which the selection holds for certain.
    pub fn matched<'s, 'e: 's>(
        &'s self,
        event: &'e Event,
    ) -> Box<dyn Iterator<Item = ShownElement<'e>> + 's> {
        match &self.body {
            Body::Event(_) => Box::new(std::iter::empty()),
            Body::Element(element) => Box::new(element.matched(event)),
        }
    }

    /// Why the selection does not hold: the place within it, and what stands there. `None` where
    /// it holds.
    pub fn failure(&self, event: &Event) -> Option<String> {
        let element = match &self.body {
            Body::Event(group) => return group.failure(event),
            Body::Element(element) => element,
        };
        match element.shown(event).collect::<Vec<_>>().as_slice() {
            _ if self.truth(event).is_true() => None,
            [] => Some(format!(".forEach: {} is absent", element.list())),
            [one] => element.group().failure(one),
            many => Some(format!(": none of {} elements meets it", many.len())),
        }
    }
}

/// The predicates that held for some elements, each once, with the values of all of them.
fn joined<'s>(held: impl Iterator<Item = HeldPredicates<'s>>) -> HeldPredicates<'s> {
    let mut joined: HeldPredicates<'s> = Vec::new();
    for (predicate, values) in held.flatten() {
        let known = joined
            .iter_mut()
            .find(|(known, _)| std::ptr::eq(*known, predicate));
        match known {
            Some((_, all)) => {
                let new: Vec<_> = values.into_iter().filter(|it| !all.contains(it)).collect();
                all.extend(new);
            }
            None => joined.push((predicate, values)),
        }
    }
    joined
}

impl Body {
    fn compile(
        for_each: Option<&str>,
        predicates: [&[definition::Predicate]; 3],
        place: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        let Some(list) = for_each else {
            return Group::compile(predicates, None, place, problems).map(Self::Event);
        };
        let list = parse_list(list, place, problems)?;
        let group = Group::compile(predicates, Some(&list), place, problems)?;
        Some(Self::Element(Arc::new(ElementGroup::new(list, group))))
    }
}

fn parse_list(text: &str, place: &str, problems: &mut Problems) -> Option<Field> {
    let place = format!("{place}.forEach");
    match Field::parse(text) {
        Ok(list) if list.has_elements() => Some(list),
        Ok(_) => {
            let message = format!("\"{text}\" is not a list; leave forEach out");
            problems.add(place, Reason::SelectionInvalid, message);
            None
        }
        Err(error @ (FieldError::Unknown { .. } | FieldError::Syntax { .. })) => {
            problems.add(place, Reason::UnknownField, error.to_string());
            None
        }
    }
}
