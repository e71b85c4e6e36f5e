//! What is known of one event so far: every atom is decided at most once.

use std::cell::Cell;

use super::program::{Atom, FieldId, Programs};
use crate::detect::{
    definition::RequestOutcome,
    event::{
        Event, Glance,
        gap::{Gap, Gaps},
    },
    selection::ElementGroup,
    truth::Truth,
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
    atoms: Vec<Cell<(u64, Truth)>>,
}

impl Decisions {
    /// Room for the atoms of some programs.
    pub fn new(programs: &Programs) -> Self {
        Self {
            event: 0,
            atoms: vec![Cell::new((0, Truth::False)); programs.atoms().len()],
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

    /// Returns whether any member of the event may be missing, so that no key of an index is sure
    /// to be found in it.
    pub fn may_lack_anything(&self) -> bool {
        match self.view {
            View::Glance(_) => false,
            View::Event(event) => event.is_cut_off() || event.is_rebuilt(),
        }
    }

    /// Returns whether the body of a write is missing, or what completes it if it is a patch.
    pub fn lacks_request(&self) -> bool {
        // Most events are reads, whose gaps need not be known.
        let is_write = match self.view {
            View::Glance(glance) => glance.is_write(),
            View::Event(event) => event.is_write(),
        };
        is_write && self.gaps().lacks_request()
    }

    /// Returns the parts of the request that the event does not show.
    pub fn gaps(&self) -> &Gaps {
        match self.view {
            View::Glance(glance) => glance.gaps(),
            View::Event(event) => event.gaps(),
        }
    }

    /// Returns the outcome of the request.
    pub fn outcome(&self) -> Option<RequestOutcome> {
        match self.view {
            View::Glance(glance) => glance.outcome(),
            View::Event(event) => event.outcome(),
        }
    }

    /// Returns the truth of an atom.
    pub fn truth(&self, atom: usize) -> Truth {
        let decision = &self.decisions.atoms[atom];
        let (event, truth) = decision.get();
        if event == self.decisions.event {
            return truth;
        }
        let truth = self.decide(&self.programs.atoms()[atom]);
        decision.set((self.decisions.event, truth));
        truth
    }

    fn decide(&self, atom: &Atom) -> Truth {
        match atom {
            Atom::Element(list, element) => match self.view {
                View::Glance(glance) => at_a_glance(element, *list, glance),
                View::Event(event) => element.truth(event, || event.gap(element.list())),
            },
            Atom::Predicate(field, predicate) => predicate.truth_given(
                || self.exists(*field),
                |accepts| self.has(*field, accepts),
                || self.gap(*field),
            ),
        }
    }

    fn gap(&self, field: FieldId) -> Option<Gap> {
        match self.view {
            View::Glance(glance) => glance.gap(field),
            View::Event(event) => event.gap(&self.programs.fields()[field]),
        }
    }
}

fn at_a_glance(element: &ElementGroup, list: FieldId, glance: &Glance<'_>) -> Truth {
    let texts = glance.texts_of_elements(list);
    let may_hold = texts.clone().next().is_some()
        && (!glance.is_search_worthwhile(list) || element.may_hold(texts));
    match may_hold {
        true => element.truth(glance.with_elements(list), || glance.gap(list)),
        false => Truth::unless_gap(false, || glance.gap(list)),
    }
}
