//! The three values of a predicate: an event may not show what it asks about.

use super::event::gap::Gap;

/// The truth of a statement about an event (Kleene's strong three-valued logic).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It does not hold.
    False,
    /// The event does not show what decides it.
    Undecided(Gap),
    /// It holds.
    True,
}

impl Truth {
    /// Returns the conjunction of `truths`: `False` if one is, else undecided if one is. Asks no
    /// further than the first `False`; of several gaps, the first of [`Gap`] counts.
    pub fn all(truths: impl Iterator<Item = Truth>) -> Truth {
        let mut gap = None;
        for truth in truths {
            match truth {
                Truth::False => return Truth::False,
                Truth::Undecided(found) => gap = Some(gap.map_or(found, |gap| found.min(gap))),
                Truth::True => {}
            }
        }
        gap.map_or(Truth::True, Truth::Undecided)
    }

    /// Returns the disjunction of `truths`: `True` if one is, else undecided if one is. Asks no
    /// further than the first `True`.
    pub fn any(truths: impl Iterator<Item = Truth>) -> Truth {
        !Self::all(truths.map(|truth| !truth))
    }

    /// Returns `True` if the statement holds, `Undecided` if it does not and there is a gap.
    pub fn unless_gap(holds: bool, gap: impl FnOnce() -> Option<Gap>) -> Truth {
        match holds {
            true => Truth::True,
            false => gap().map_or(Truth::False, Truth::Undecided),
        }
    }

    /// Returns whether the statement holds for certain.
    pub fn is_true(self) -> bool {
        self == Truth::True
    }

    /// Returns whether the statement fails for certain.
    pub fn is_false(self) -> bool {
        self == Truth::False
    }
}

impl std::ops::Not for Truth {
    type Output = Truth;

    fn not(self) -> Truth {
        match self {
            Truth::False => Truth::True,
            Truth::True => Truth::False,
            undecided => undecided,
        }
    }
}
