//! What is known of one event so far: every field is looked up, and every atom decided, at most
//! once.

use std::{
    borrow::Cow,
    cell::{Cell, OnceCell},
};

use super::program::{Atom, FieldId, Programs};
use crate::detect::event::Event;

/// The facts of one event.
#[derive(Debug)]
pub struct Facts<'e> {
    event: &'e Event,
    programs: &'e Programs,
    values: Vec<OnceCell<Vec<Cow<'e, str>>>>,
    decided: OnceCell<Vec<Cell<Option<bool>>>>,
}

impl<'e> Facts<'e> {
    /// Nothing is known yet.
    pub fn new(event: &'e Event, programs: &'e Programs) -> Self {
        Self {
            event,
            programs,
            values: vec![OnceCell::new(); programs.fields().len()],
            decided: OnceCell::new(),
        }
    }

    /// The values of a field.
    pub fn values(&self, field: FieldId) -> &[Cow<'e, str>] {
        self.values[field].get_or_init(|| self.event.values(&self.programs.fields()[field]))
    }

    /// Whether a field is there; an object without values of its own is.
    pub fn exists(&self, field: FieldId) -> bool {
        !self.values(field).is_empty() || self.event.exists(&self.programs.fields()[field])
    }

    /// Whether an atom holds.
    pub fn holds(&self, atom: usize) -> bool {
        let atoms = self.programs.atoms();
        let decided = self
            .decided
            .get_or_init(|| vec![Cell::new(None); atoms.len()]);
        decided[atom].get().unwrap_or_else(|| {
            let holds = self.decide(&atoms[atom]);
            decided[atom].set(Some(holds));
            holds
        })
    }

    fn decide(&self, atom: &Atom) -> bool {
        match atom {
            Atom::Element(element) => element.holds(self.event),
            Atom::Predicate(field, predicate) => predicate.holds_given(
                || self.exists(*field),
                |accepts| self.values(*field).iter().any(|value| accepts(value)),
            ),
        }
    }
}
