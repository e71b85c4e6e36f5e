//! Indices that a source leaves out, and the position from which on they were not read: what is to
//! be read again when one is back.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::pipeline::progress::Degraded;

/// Indices that are left out or back, each with the position from which on it was not read.
#[derive(Clone, Debug, Default)]
pub struct Absences {
    since: BTreeMap<String, Timestamp>,
    back: BTreeMap<String, Timestamp>,
}

impl Absences {
    /// Takes note of what is left out of what is read from `position` on. Returns whether an index
    /// is back.
    pub fn note(&mut self, left_out: &[Degraded], position: Timestamp) -> bool {
        let before = self.back.len();
        let is_left_out = |index: &str| left_out.iter().any(|it| it.index == index);
        let mut back = std::mem::take(&mut self.since);
        back.retain(|index, since| {
            let is_back = !is_left_out(index);
            if !is_back {
                self.since.insert(index.clone(), *since);
            }
            is_back
        });
        self.back.append(&mut back);
        let is_back = self.back.len() > before;
        for Degraded { index, .. } in left_out {
            let again = self.back.remove(index).unwrap_or(position);
            let since = self.since.entry(index.clone()).or_insert(again);
            *since = position.min(*since);
        }
        is_back
    }

    /// An index that is back, and the position from which on it was not read.
    pub fn back(&self) -> Option<(&str, Timestamp)> {
        let (index, since) = self.back.first_key_value()?;
        Some((index, *since))
    }

    /// Everything of an index that is back was looked at, or what lies before a position.
    pub fn looked(&mut self, index: &str, before: Option<Timestamp>) {
        match before {
            Some(before) => self.back.insert(index.to_owned(), before),
            None => self.back.remove(index),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn left_out(indices: &[&str]) -> Vec<Degraded> {
        let degraded = |index: &&str| Degraded {
            index: (*index).to_owned(),
            message: String::new(),
        };
        indices.iter().map(degraded).collect()
    }

    #[test]
    fn an_index_that_is_back_is_read_again_from_where_it_was_first_left_out() {
        let mut absences = Absences::default();
        assert!(!absences.note(&left_out(&["a"]), at(10)));
        assert!(!absences.note(&left_out(&["a", "b"]), at(20)));
        assert!(!absences.note(&left_out(&["a", "b"]), at(5)), "a repair");
        assert_eq!(absences.back(), None);
        assert!(absences.note(&left_out(&["a"]), at(40)));
        assert_eq!(absences.back(), Some(("b", at(5))));
        absences.looked("b", Some(at(7)));
        assert_eq!(absences.back(), Some(("b", at(7))));
        absences.looked("b", None);
        assert!(absences.note(&[], at(50)));
        assert_eq!(absences.back(), Some(("a", at(5))));
    }

    #[test]
    fn an_index_that_is_left_out_again_is_not_back() {
        let mut absences = Absences::default();
        absences.note(&left_out(&["a"]), at(10));
        assert!(absences.note(&[], at(20)));
        assert!(!absences.note(&left_out(&["a"]), at(30)));
        assert_eq!(absences.back(), None);
        assert!(absences.note(&[], at(40)));
        assert_eq!(absences.back(), Some(("a", at(10))));
    }
}
