//! Contents of the documents that a plan has read last: whether they are audit events at all.

use std::collections::VecDeque;

/// Documents that are remembered at least.
const MEMORY: u64 = 50;

/// Contents of some documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Audit events.
    pub events: u64,
    /// Documents, and elements of batches, that hold no audit event that could be read.
    pub rejected: u64,
}

impl Contents {
    /// Events and rejected documents together.
    pub fn total(self) -> u64 {
        self.events + self.rejected
    }

    /// Whether fewer than half are audit events.
    pub fn is_foreign(self) -> bool {
        self.rejected > self.events
    }
}

/// The commits that hold the last fifty documents, whole.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    commits: VecDeque<Contents>,
    sum: Contents,
}

impl Recent {
    /// Adds what was committed next, and forgets what is not needed any more.
    pub fn add(&mut self, next: Contents) {
        if next.total() > 0 {
            self.commits.push_back(next);
            self.sum.events += next.events;
            self.sum.rejected += next.rejected;
        }
        while let Some(oldest) = self.commits.front()
            && self.sum.total() - oldest.total() >= MEMORY
        {
            self.sum.events -= oldest.events;
            self.sum.rejected -= oldest.rejected;
            self.commits.pop_front();
        }
    }

    /// All of it together.
    pub fn contents(&self) -> Contents {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some(events: u64, rejected: u64) -> Contents {
        Contents { events, rejected }
    }

    #[test]
    fn one_document_that_is_no_event_is_enough() {
        assert!(!Contents::default().is_foreign());
        assert!(some(0, 1).is_foreign());
        assert!(!some(1, 1).is_foreign());
    }

    proptest! {
        #[test]
        fn after_fifty_events_nothing_is_foreign_whatever_was_before(
            before in prop::collection::vec((0..9_u64, 0..1_000_u64), 0..20),
            after in prop::collection::vec(0..9_u64, 60..80),
        ) {
            prop_assume!(after.iter().sum::<u64>() >= MEMORY);
            let mut recent = Recent::default();
            for (events, rejected) in before {
                recent.add(some(events, rejected));
            }
            for events in after {
                recent.add(some(events, 0));
            }
            prop_assert_eq!(recent.contents().rejected, 0);
        }
    }
}
