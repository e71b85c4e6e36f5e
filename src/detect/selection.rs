//! Named groups of predicates: the selections and the exceptions of a rule.

use std::{iter::zip, sync::Arc};

use super::{
    definition,
    event::{Event, Trace},
    excerpt::cut,
    field::{Field, FieldError},
    predicate::{self, Predicate, Subject},
    problem::{Problems, Reason},
};

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

/// Predicates about one element of a list field.
#[derive(Debug)]
pub struct ElementGroup {
    list: Field,
    group: Group,
    /// Of the fields of the predicates, in their order, where they have names.
    traces: Vec<Option<Trace>>,
}

/// Predicates of which all must hold, and predicates of which one must hold, if there are any.
#[derive(Debug)]
pub struct Group {
    all: Vec<Arc<Predicate>>,
    any: Vec<Arc<Predicate>>,
}

/// The predicates of a selection that held, with the values they held for.
pub type Held<'s> = Vec<(&'s Predicate, Vec<String>)>;

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
        } = definition;
        let body = match for_each {
            None => Body::Event(Group::compile(all, any, None, place, problems)?),
            Some(list) => {
                let list = parse_list(list, place, problems)?;
                let group = Group::compile(all, any, Some(&list), place, problems)?;
                Body::Element(Arc::new(ElementGroup::new(list, group)))
            }
        };
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
            all,
            any,
        } = definition;
        Some(Self {
            name: name.clone(),
            body: Body::Event(Group::compile(all, any, None, place, problems)?),
        })
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
        match &self.body {
            Body::Event(group) => group.predicates(),
            Body::Element(element) => element.group.predicates(),
        }
    }

    /// Whether it holds for an event.
    pub fn holds(&self, event: &Event) -> bool {
        match &self.body {
            Body::Event(group) => group.holds(event),
            Body::Element(element) => element.holds(event),
        }
    }

    /// The predicates that hold, in the order of the definition: none if the selection does not
    /// hold; those about the first element for which it holds, if it is about elements.
    pub fn held(&self, event: &Event) -> Held<'_> {
        match &self.body {
            Body::Event(group) => group.held(event),
            Body::Element(element) => event
                .elements(&element.list)
                .iter()
                .find(|candidate| element.group.holds(*candidate))
                .map(|found| element.group.held(found))
                .unwrap_or_default(),
        }
    }

    /// Why the selection does not hold: the place within it, and what stands there. `None` where
    /// it holds.
    pub fn failure(&self, event: &Event) -> Option<String> {
        let element = match &self.body {
            Body::Event(group) => return group.failure(event),
            Body::Element(element) => element,
        };
        match event.elements(&element.list).as_slice() {
            _ if element.holds(event) => None,
            [] => Some(format!(".forEach: {} is absent", element.list)),
            [one] => element.group.failure(one),
            many => Some(format!(": none of {} elements meets it", many.len())),
        }
    }
}

impl ElementGroup {
    fn new(list: Field, group: Group) -> Self {
        let trace = |p: &Arc<Predicate>| Trace::of(list.names().iter().chain(p.field().names()));
        let traces = group.predicates().map(trace).collect();
        Self {
            list,
            group,
            traces,
        }
    }

    /// The list.
    pub fn list(&self) -> &Field {
        &self.list
    }

    /// The predicates.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// A text that two groups share only if they say the same.
    pub fn identity(&self) -> String {
        let identities = |predicates: &[Arc<Predicate>]| -> Vec<_> {
            predicates.iter().map(|p| p.identity().to_owned()).collect()
        };
        let group = [identities(&self.group.all), identities(&self.group.any)];
        format!("{} {group:?}", self.list)
    }

    /// Whether some element may meet the predicates, by the raw texts in which elements stand.
    pub fn may_hold<'t>(&self, texts: impl Iterator<Item = &'t str> + Clone) -> bool {
        let may_hold = |(predicate, trace): (&Arc<Predicate>, &Option<Trace>)| {
            let shows = |accepts: &dyn Fn(&str) -> bool| match trace {
                Some(trace) => texts.clone().any(|text| trace.shows(text, accepts)),
                None => true,
            };
            predicate.may_hold(shows)
        };
        let (of_all, of_any) = self.traces.split_at(self.group.all.len());
        zip(&self.group.all, of_all).all(may_hold)
            && (of_any.is_empty() || zip(&self.group.any, of_any).any(may_hold))
    }

    /// Whether some element meets the predicates.
    pub fn holds(&self, event: &Event) -> bool {
        let elements = event.elements(&self.list);
        elements.iter().any(|element| self.group.holds(element))
    }
}

impl Group {
    fn compile(
        all: &[definition::Predicate],
        any: &[definition::Predicate],
        list: Option<&Field>,
        place: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        if all.is_empty() && any.is_empty() {
            let message = "no predicates; write some under all or any";
            problems.add(place, Reason::SelectionInvalid, message);
            return None;
        }
        let mut compile = |kind: &str, predicates: &[definition::Predicate]| {
            let compiled: Vec<_> = predicates
                .iter()
                .enumerate()
                .map(|(index, predicate)| {
                    let place = format!("{place}.{kind}[{index}]");
                    predicate::compile(predicate, list, &place, problems).map(Arc::new)
                })
                .collect();
            compiled.into_iter().collect::<Option<Vec<_>>>()
        };
        let (all, any) = (compile("all", all), compile("any", any));
        Some(Self {
            all: all?,
            any: any?,
        })
    }

    /// The predicates of which all must hold.
    pub fn all(&self) -> &[Arc<Predicate>] {
        &self.all
    }

    /// The predicates of which one must hold, if there are any.
    pub fn any(&self) -> &[Arc<Predicate>] {
        &self.any
    }

    fn predicates(&self) -> std::iter::Chain<PredicateIter<'_>, PredicateIter<'_>> {
        self.all.iter().chain(&self.any)
    }

    fn holds(&self, subject: &impl Subject) -> bool {
        self.all.iter().all(|p| p.holds(subject))
            && (self.any.is_empty() || self.any.iter().any(|p| p.holds(subject)))
    }

    fn held(&self, subject: &impl Subject) -> Held<'_> {
        if !self.holds(subject) {
            return Vec::new();
        }
        self.predicates()
            .filter(|predicate| predicate.holds(subject))
            .map(|predicate| (&**predicate, predicate.accepted(subject)))
            .collect()
    }

    fn failure(&self, subject: &impl Subject) -> Option<String> {
        let failing = self.all.iter().position(|p| !p.holds(subject));
        if let Some(index) = failing {
            let seen = seen(self.all[index].field(), subject);
            return Some(format!(".all[{index}] does not hold: {seen}"));
        }
        let is_short = !self.any.is_empty() && !self.any.iter().any(|p| p.holds(subject));
        is_short.then(|| {
            let seen = seen(self.any[0].field(), subject);
            format!(".any has none that holds: {seen}")
        })
    }
}

type PredicateIter<'g> = std::slice::Iter<'g, Arc<Predicate>>;

fn parse_list(text: &str, place: &str, problems: &mut Problems) -> Option<Field> {
    let place = format!("{place}.forEach");
    match Field::parse(text) {
        Ok(list) if list.is_list() => Some(list),
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

/// What a field holds, in a few words.
fn seen(field: &Field, subject: &impl Subject) -> String {
    match subject.values(field).as_slice() {
        [] if subject.exists(field) => format!("{field} is an object"),
        [] => format!("{field} is absent"),
        [value] => format!("{field} is {:?}", cut(value, 64)),
        [first, rest @ ..] => {
            let others = rest.len();
            format!("{field} is {:?} and {others} more", cut(first, 64))
        }
    }
}
