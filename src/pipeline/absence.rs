//! Indices that a source leaves out, and the position from which on they were not read: what is to
//! be read again when one is back.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::pipeline::progress::Degraded;

/// What is left out, and what is back.
#[derive(Clone, Debug, Default)]
pub struct Absences {
    since: BTreeMap<String, Timestamp>,
    back: Option<Timestamp>,
}

impl Absences {
    /// Takes note of what is left out of what is read from `position` on. Returns whether an index
    /// is back.
    pub fn note(&mut self, left_out: &[Degraded], position: Timestamp) -> bool {
        let before = self.since.len();
        let is_left_out = |index: &str| left_out.iter().any(|it| it.index == index);
        self.since.retain(|index, since| {
            let stays = is_left_out(index);
            if !stays {
                self.back = Some(self.back.map_or(*since, |back| back.min(*since)));
            }
            stays
        });
        let is_back = self.since.len() < before;
        for Degraded { index, .. } in left_out {
            let since = self.since.entry(index.clone()).or_insert(position);
            *since = position.min(*since);
        }
        is_back
    }

    /// The position from which on documents may lie that were left out and can be read now.
    pub fn back(&self) -> Option<Timestamp> {
        self.back
    }

    /// Everything before a position was looked at again; `None`: everything.
    pub fn looked(&mut self, before: Option<Timestamp>) {
        self.back = before;
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
        assert_eq!(absences.back(), Some(at(5)));
        absences.looked(None);
        assert!(absences.note(&[], at(50)));
        assert_eq!(absences.back(), Some(at(5)));
    }
}
