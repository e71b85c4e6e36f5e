//! What is known of one event so far: every atom is decided at most once.

use std::cell::Cell;

use super::program::{Atom, FieldId, Programs};
use crate::detect::{
    event::{Event, Glance},
    selection::ElementGroup,
};

/// The facts of one event.
#[derive(Debug)]
pub struct Facts<'e> {
    view: View<'e>,
    programs: &'e Programs,
    decisions: &'e Decisions,
}

/// An event in one of its forms.
#[derive(Clone, Copy, Debug)]
pub enum View<'e> {
    /// As a tree.
    Event(&'e Event),
    /// As far as rules look at it.
    Glance(&'e Glance<'e>),
}

/// What was decided about the present event, and room for the next.
#[derive(Debug)]
pub struct Decisions {
    /// The number of the present event, counted from 1.
    event: u64,
    /// For each atom the last event for which it was decided, and how.
    atoms: Vec<Cell<(u64, bool)>>,
}

impl Decisions {
    /// Room for the atoms of some programs.
    pub fn new(programs: &Programs) -> Self {
        Self {
            event: 0,
            atoms: vec![Cell::default(); programs.atoms().len()],
        }
    }
}

impl<'e> Facts<'e> {
    /// Nothing is known yet.
    pub fn new(view: View<'e>, programs: &'e Programs, decisions: &'e mut Decisions) -> Self {
        decisions.event += 1;
        Self {
            view,
            programs,
            decisions,
        }
    }

    /// Visits the values of a field, and perhaps others.
    pub fn visit_more(&self, field: FieldId, visit: &mut dyn FnMut(&str)) {
        match self.view {
            View::Glance(glance) => glance.visit_more(field, visit),
            View::Event(event) => {
                let values = event.values(&self.programs.fields()[field]);
                values.iter().for_each(|value| visit(value));
            }
        }
    }

    /// Whether a field has a value that is accepted.
    fn has(&self, field: FieldId, accepts: &dyn Fn(&str) -> bool) -> bool {
        match self.view {
            View::Glance(glance) => glance.has(field, accepts),
            View::Event(event) => {
                let values = event.values(&self.programs.fields()[field]);
                values.iter().any(|value| accepts(value))
            }
        }
    }

    /// Whether a field is there; an object without values of its own is.
    pub fn exists(&self, field: FieldId) -> bool {
        match self.view {
            View::Glance(glance) => glance.exists(field),
            View::Event(event) => event.exists(&self.programs.fields()[field]),
        }
    }

    /// Whether an atom holds.
    pub fn holds(&self, atom: usize) -> bool {
        let decision = &self.decisions.atoms[atom];
        let (event, holds) = decision.get();
        if event == self.decisions.event {
            return holds;
        }
        let holds = self.decide(&self.programs.atoms()[atom]);
        decision.set((self.decisions.event, holds));
        holds
    }

    fn decide(&self, atom: &Atom) -> bool {
        match atom {
            Atom::Element(list, element) => match self.view {
                View::Glance(glance) => holds_at_a_glance(element, *list, glance),
                View::Event(event) => element.holds(event),
            },
            Atom::Predicate(field, predicate) => {
                predicate.holds_given(|| self.exists(*field), |accepts| self.has(*field, accepts))
            }
        }
    }
}

fn holds_at_a_glance(element: &ElementGroup, list: FieldId, glance: &Glance<'_>) -> bool {
    let texts = glance.texts_of_elements(list);
    texts.clone().next().is_some()
        && (!glance.is_search_worthwhile(list) || element.may_hold(texts))
        && element.holds(glance.with_elements(list))
}
