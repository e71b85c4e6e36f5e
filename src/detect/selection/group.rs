//! Predicates about one event, or about one element of a list.

use std::sync::Arc;

use super::HeldPredicates;
use crate::detect::{
    definition,
    excerpt::cut,
    field::Field,
    predicate::{self, Predicate, Subject},
    problem::{Problems, Reason},
    truth::Truth,
};

/// Predicates of which all must hold, predicates of which one must hold, if there are any, and
/// predicates of which none may hold.
#[derive(Debug)]
pub struct Group {
    all: Vec<Arc<Predicate>>,
    any: Vec<Arc<Predicate>>,
    none: Vec<Arc<Predicate>>,
}

impl Group {
    pub(super) fn compile(
        [all, any, none]: [&[definition::Predicate]; 3],
        list: Option<&Field>,
        place: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        if all.is_empty() && any.is_empty() && none.is_empty() {
            let message = "no predicates; write some under all, any or none";
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
        let none = compile("none", none);
        Some(Self {
            all: all?,
            any: any?,
            none: none?,
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

    /// The predicates that may hold, in the order of the definition.
    pub(super) fn predicates(&self) -> std::iter::Chain<PredicateIter<'_>, PredicateIter<'_>> {
        self.all.iter().chain(&self.any)
    }

    /// The predicates of which none may hold.
    pub fn none(&self) -> &[Arc<Predicate>] {
        &self.none
    }

    /// Returns the truth of the group for an event, or for an element of a list.
    pub fn truth(&self, subject: &impl Subject) -> Truth {
        let parts = [Part::All, Part::Any, Part::None];
        Truth::all(parts.into_iter().map(|part| self.of_part(part, subject)))
    }

    /// Returns whether the group may hold for one of several elements that became one.
    pub(super) fn may_hold(&self, merged: &impl Subject) -> bool {
        let mut parts = [Part::All, Part::Any].into_iter();
        parts.all(|part| self.of_part(part, merged).is_true())
    }

    fn of_part(&self, part: Part, subject: &impl Subject) -> Truth {
        match part {
            Part::All => Truth::all(self.all.iter().map(|p| p.truth(subject))),
            Part::Any if self.any.is_empty() => Truth::True,
            Part::Any => Truth::any(self.any.iter().map(|p| p.truth(subject))),
            Part::None => !Truth::any(self.none.iter().map(|p| p.truth(subject))),
        }
    }

    /// Returns the predicates that hold, with the values for which they do: none of them if the
    /// group does not hold.
    pub(super) fn held(&self, subject: &impl Subject) -> HeldPredicates<'_> {
        if !self.truth(subject).is_true() {
            return Vec::new();
        }
        self.predicates()
            .filter(|predicate| predicate.truth(subject).is_true())
            .map(|predicate| (&**predicate, predicate.accepted(subject)))
            .collect()
    }

    /// Returns why the group does not hold, and what the field has; `None` where it holds.
    pub(super) fn failure(&self, subject: &impl Subject) -> Option<String> {
        let holds = |p: &Arc<Predicate>| p.truth(subject).is_true();
        if let Some(index) = self.all.iter().position(|p| !holds(p)) {
            let seen = seen(self.all[index].field(), subject);
            return Some(format!(".all[{index}] does not hold: {seen}"));
        }
        if !self.any.is_empty() && !self.any.iter().any(holds) {
            let seen = seen(self.any[0].field(), subject);
            return Some(format!(".any has none that holds: {seen}"));
        }
        let index = self
            .none
            .iter()
            .position(|p| !p.truth(subject).is_false())?;
        let seen = seen(self.none[index].field(), subject);
        Some(format!(".none[{index}] holds: {seen}"))
    }
}

/// The lists of a group.
#[derive(Clone, Copy)]
enum Part {
    All,
    Any,
    None,
}

type PredicateIter<'g> = std::slice::Iter<'g, Arc<Predicate>>;

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
