//! The conditions of all rules over shared atoms: what two rules both ask is one atom, and every
//! field is known by a small number.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::facts::Facts;
use crate::detect::{
    condition::Condition,
    event::Outline,
    field::Field,
    predicate::{Predicate, Test},
    rule::{Gate, Rule},
    selection::{Body, ElementGroup, Selection},
    truth::Truth,
};

/// Position of a rule in its set.
pub type RuleId = usize;
/// Position of a field among the fields of a set.
pub type FieldId = usize;
type AtomId = usize;

/// The programs of a set, one for each rule.
#[derive(Debug, Default)]
pub struct Programs {
    programs: Vec<Program>,
    atoms: Vec<Atom>,
    fields: Vec<Field>,
    field_ids: HashMap<Field, FieldId>,
}

/// A question that is answered at most once for an event.
#[derive(Debug)]
pub enum Atom {
    /// Whether a predicate holds for the event.
    Predicate(FieldId, Arc<Predicate>),
    /// Whether some element of a list meets some predicates.
    Element(FieldId, Arc<ElementGroup>),
}

#[derive(Debug)]
struct Program {
    condition: Condition,
    selections: Vec<Atoms>,
    exceptions: Vec<Atoms>,
    gate: Gate,
}

/// Atoms of which all must hold, atoms of which one must hold, if there are any, and atoms of
/// which none may hold.
#[derive(Debug, Default)]
struct Atoms {
    all: Vec<AtomId>,
    any: Vec<AtomId>,
    none: Vec<AtomId>,
}

impl Atoms {
    fn truth(&self, facts: &Facts<'_>) -> Truth {
        let all = Truth::all(self.all.iter().map(|atom| facts.truth(*atom)));
        if all.is_false() || self.any.is_empty() && self.none.is_empty() {
            return all;
        }
        let any = match self.any.is_empty() {
            true => Truth::True,
            false => Truth::any(self.any.iter().map(|atom| facts.truth(*atom))),
        };
        let none = || !Truth::any(self.none.iter().map(|atom| facts.truth(*atom)));
        match Truth::all([all, any].into_iter()) {
            Truth::False => Truth::False,
            truth => Truth::all([truth, none()].into_iter()),
        }
    }
}

/// What is cheap to decide is asked first, and often spares the rest.
fn effort(atom: &Atom) -> u8 {
    let Atom::Predicate(_, predicate) = atom else {
        return 5;
    };
    if predicate.field().is_in_bodies() {
        return 4;
    }
    match predicate.test() {
        Test::Present | Test::Absent | Test::Equals(_) | Test::Between(..) => 0,
        Test::StartsWith(_) | Test::EndsWith(_) => 1,
        Test::Contains(_) | Test::InNetwork(_) => 2,
        Test::Matches(_) => 3,
    }
}

impl Programs {
    /// Makes the programs of some rules, in their order.
    pub fn new(rules: &[Arc<Rule>]) -> Self {
        let mut programs = Self::default();
        let mut known = HashMap::new();
        for rule in rules {
            let mut atoms = |selections: &[Selection]| {
                let selections = selections.iter();
                let atoms = selections.map(|selection| programs.atoms_of(selection, &mut known));
                atoms.collect()
            };
            let program = Program {
                condition: rule.condition().clone(),
                selections: atoms(rule.selections()),
                exceptions: atoms(rule.exceptions()),
                gate: *rule.gate(),
            };
            programs.programs.push(program);
        }
        programs
    }

    /// The number of a field; it gets one if it has none.
    pub fn field_id(&mut self, field: &Field) -> FieldId {
        if let Some(id) = self.field_ids.get(field) {
            return *id;
        }
        self.fields.push(field.clone());
        self.field_ids.insert(field.clone(), self.fields.len() - 1);
        self.fields.len() - 1
    }

    /// The fields by their numbers.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// What of an event is looked at.
    pub fn outline(&self) -> Outline {
        let list = |atom: &Atom| match atom {
            Atom::Element(list, _) => Some(*list),
            Atom::Predicate(..) => None,
        };
        let lists: HashSet<FieldId> = self.atoms.iter().filter_map(list).collect();
        Outline::new(&self.fields, |field| lists.contains(&field))
    }

    /// The atoms by their numbers.
    pub fn atoms(&self) -> &[Atom] {
        &self.atoms
    }

    /// Returns the truth of a rule for the event of these facts.
    pub fn truth(&self, rule: RuleId, facts: &Facts<'_>) -> Truth {
        let program = &self.programs[rule];
        let mut truth = |index: usize| program.selections[index].truth(facts);
        match program.condition.truth(&mut truth) {
            Truth::False => Truth::False,
            truth if program.gate.admits(facts.outcome()) => truth,
            _ => Truth::False,
        }
    }

    /// The exceptions of a rule that the event of these facts meets for certain, by their
    /// positions.
    pub fn exceptions(&self, rule: RuleId, facts: &Facts<'_>) -> impl Iterator<Item = usize> {
        let exceptions = self.programs[rule].exceptions.iter().enumerate();
        exceptions
            .filter_map(|(index, exception)| exception.truth(facts).is_true().then_some(index))
    }

    fn atoms_of(&mut self, selection: &Selection, known: &mut HashMap<String, AtomId>) -> Atoms {
        match selection.body() {
            Body::Event(group) => {
                let mut ids = |predicates: &[Arc<Predicate>]| {
                    predicates
                        .iter()
                        .map(|predicate| self.predicate(predicate, known))
                        .collect()
                };
                let mut atoms = Atoms {
                    all: ids(group.all()),
                    any: ids(group.any()),
                    none: ids(group.none()),
                };
                for atoms in [&mut atoms.all, &mut atoms.any, &mut atoms.none] {
                    atoms.sort_by_key(|atom| effort(&self.atoms[*atom]));
                }
                atoms
            }
            Body::Element(element) => Atoms {
                all: vec![self.element(element, known)],
                ..Atoms::default()
            },
        }
    }

    fn predicate(
        &mut self,
        predicate: &Arc<Predicate>,
        known: &mut HashMap<String, AtomId>,
    ) -> AtomId {
        if let Some(id) = known.get(predicate.identity()) {
            return *id;
        }
        let field = self.field_id(predicate.field());
        let atom = Atom::Predicate(field, Arc::clone(predicate));
        self.add(predicate.identity().to_owned(), atom, known)
    }

    fn element(
        &mut self,
        element: &Arc<ElementGroup>,
        known: &mut HashMap<String, AtomId>,
    ) -> AtomId {
        let identity = element.identity();
        match known.get(&identity) {
            Some(id) => *id,
            None => {
                let list = self.field_id(element.list());
                self.add(identity, Atom::Element(list, Arc::clone(element)), known)
            }
        }
    }

    fn add(&mut self, identity: String, atom: Atom, known: &mut HashMap<String, AtomId>) -> AtomId {
        self.atoms.push(atom);
        known.insert(identity, self.atoms.len() - 1);
        self.atoms.len() - 1
    }
}
