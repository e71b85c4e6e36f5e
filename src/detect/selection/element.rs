//! Predicates about one and the same element of a list.

use std::{iter::zip, sync::Arc};

use super::group::Group;
use crate::detect::{
    event::{Event, Trace, gap::Gap},
    field::Field,
    predicate::{Predicate, ShownElement},
    truth::Truth,
};

/// Predicates about one element of a list field.
#[derive(Debug)]
pub struct ElementGroup {
    list: Field,
    group: Group,
    /// Of the fields of the predicates, in their order, where they have names.
    traces: Vec<Option<Trace>>,
    /// All predicates are about the keys and values of entries.
    is_about_entries: bool,
}

impl ElementGroup {
    pub(super) fn new(list: Field, group: Group) -> Self {
        // The key and the value of an entry are not written so.
        let is_of_entry = |p: &Arc<Predicate>| p.field().is_of_entry();
        let parts = [group.all(), group.any(), group.none()];
        let is_about_entries =
            list.is_map() && parts.iter().all(|part| part.iter().all(is_of_entry));
        let trace = |p: &Arc<Predicate>| match is_about_entries {
            true => None,
            false => Trace::of(list.names().iter().chain(p.field().names())),
        };
        let traces = group.predicates().map(trace).collect();
        Self {
            list,
            group,
            traces,
            is_about_entries,
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

    /// Whether the elements are the entries of a map, each with a key and a value.
    pub fn is_about_entries(&self) -> bool {
        self.is_about_entries
    }

    /// A text that two groups share only if they say the same.
    pub fn identity(&self) -> String {
        let identities = |predicates: &[Arc<Predicate>]| -> Vec<_> {
            predicates.iter().map(|p| p.identity().to_owned()).collect()
        };
        let Self { group, .. } = self;
        let group = [group.all(), group.any(), group.none()].map(identities);
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
        let (of_all, of_any) = self.traces.split_at(self.group.all().len());
        zip(self.group.all(), of_all).all(may_hold)
            && (of_any.is_empty() || zip(self.group.any(), of_any).any(may_hold))
    }

    /// Returns the truth of "some element meets the predicates", given why the event may not show
    /// all elements.
    pub fn truth(&self, event: &Event, gap: impl FnOnce() -> Option<Gap>) -> Truth {
        match Truth::any(self.shown(event).map(|element| self.of_element(&element))) {
            Truth::False => Truth::unless_gap(false, gap),
            truth => truth,
        }
    }

    /// The elements that meet the predicates for certain.
    pub(super) fn matched<'s, 'e: 's>(
        &'s self,
        event: &'e Event,
    ) -> impl Iterator<Item = ShownElement<'e>> + use<'s, 'e> {
        let shown = self.shown(event);
        shown.filter(|element| self.of_element(element).is_true())
    }

    /// Of several elements that became one, all that is certain is that no element has a value
    /// which it has not.
    fn of_element(&self, element: &ShownElement<'_>) -> Truth {
        match element.gap {
            Some(gap @ Gap::Rebuilt) => match self.group.may_hold(element) {
                true => Truth::Undecided(gap),
                false => Truth::False,
            },
            _ => self.group.truth(element),
        }
    }

    /// The elements that an event shows.
    pub(super) fn shown<'e>(
        &self,
        event: &'e Event,
    ) -> impl Iterator<Item = ShownElement<'e>> + use<'e> {
        let elements = event
            .elements(&self.list, self.is_about_entries)
            .into_iter();
        let (is_cut_off, is_rebuilt) = (event.is_cut_off(), event.is_rebuilt());
        elements.map(move |element| {
            let gap = match is_rebuilt && element.may_be_merged() {
                true => Some(Gap::Rebuilt),
                false => is_cut_off.then_some(Gap::CutOff),
            };
            ShownElement { element, gap }
        })
    }
}
