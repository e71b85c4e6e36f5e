//! What was expected against what is stored.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, HashSet},
};

use jiff::Timestamp;

use super::expected::{AlertId, Expected, ExpectedAlert, Standing, fingerprint};
use crate::elastic::StoredAlert;

/// Who the alerts must belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// Namespace of the job.
    pub(super) tenant: String,
    /// Name of the job.
    pub(super) job: String,
    /// Since when rules are in force that the job did not begin with, by key. An alert from before
    /// may exist, but need not.
    pub(super) since: BTreeMap<String, Timestamp>,
}

/// The verdict as far as it is known.
#[derive(Debug)]
pub(super) struct Verdict {
    owner: Owner,
    expected: Expected,
    /// Filled when the first alert is seen that nobody expects.
    fingerprints: OnceCell<HashSet<[u8; 32]>>,
    pub(super) tally: Tally,
    /// Alerts that are nowhere.
    pub(super) missing: Vec<AlertId>,
    /// Alerts of the span that are there once more, in another place.
    pub(super) duplicate: Vec<StoredAlert>,
    /// Alerts of the job that no document of the span leads to.
    pub(super) foreign: Vec<StoredAlert>,
}

/// How many alerts stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Alerts in their place.
    pub(super) found: usize,
    /// Of these, those without what was refused.
    pub(super) reduced: usize,
    /// Of these, those that are kept in quarantine.
    pub(super) quarantined: usize,
    /// Of these, those under an id of their own, for theirs was taken.
    pub(super) moved: usize,
    /// Alerts that need not exist, and do not.
    pub(super) excused: usize,
}

impl Verdict {
    /// Nothing is looked up yet.
    pub(super) fn new(expected: Expected, owner: Owner) -> Self {
        Self {
            owner,
            expected,
            fingerprints: OnceCell::new(),
            tally: Tally::default(),
            missing: Vec::new(),
            duplicate: Vec::new(),
            foreign: Vec::new(),
        }
    }

    /// The alerts that must exist.
    pub(super) fn expected(&self) -> &Expected {
        &self.expected
    }

    /// How many alerts must exist.
    pub(super) fn count(&self) -> usize {
        self.expected.len() - self.tally.excused
    }

    /// Whether all is as it should be.
    pub(super) fn is_good(&self) -> bool {
        self.missing.is_empty() && self.duplicate.is_empty() && self.foreign.is_empty()
    }

    /// Takes note of what lies in the place of an alert; tells whether the alert is to be looked
    /// for elsewhere.
    pub(super) fn found_in_place(&mut self, id: AlertId, stored: Option<&StoredAlert>) -> Standing {
        let alert = self.expected.get(id);
        let standing = alert.map_or(Standing::Absent, |alert| alert.standing(stored));
        match standing {
            Standing::Whole => self.tally.found += 1,
            Standing::Reduced => {
                self.tally.found += 1;
                self.tally.reduced += 1;
            }
            Standing::Taken | Standing::Absent => {}
        }
        standing
    }

    /// Takes note of an alert that is nowhere.
    pub(super) fn found_nowhere(&mut self, id: AlertId) {
        let is_due = |alert: &ExpectedAlert| {
            let since = self.owner.since.get(&alert.rule.key);
            since.is_none_or(|since| alert.time >= Some(*since))
        };
        if self.expected.get(id).is_some_and(is_due) {
            self.missing.push(id);
        } else {
            self.tally.excused += 1;
        }
    }

    /// Forgets what was listed: the listing begins anew.
    pub(super) fn begin_listing(&mut self) {
        self.duplicate.clear();
        self.foreign.clear();
    }

    /// Takes note of an alert that the sink lists for the span.
    pub(super) fn listed(&mut self, stored: StoredAlert) {
        let expected = AlertId::parse(&stored.id).and_then(|id| self.expected.get(id));
        match expected {
            Some(expected) if *expected.index == *stored.index => {}
            Some(_) => self.duplicate.push(stored),
            None if self.is_copy(&stored) => self.duplicate.push(stored),
            None if self.is_ours(&stored) => self.foreign.push(stored),
            None => {}
        }
    }

    /// Whether an alert under another id stands for what an expected one stands for.
    fn is_copy(&self, stored: &StoredAlert) -> bool {
        let known = self
            .fingerprints
            .get_or_init(|| self.expected.fingerprints().collect());
        fingerprint(stored).is_some_and(|fingerprint| known.contains(&fingerprint))
    }

    fn is_ours(&self, stored: &StoredAlert) -> bool {
        let of_tenant = stored.tenant.is_empty() || stored.tenant == self.owner.tenant;
        stored.job == self.owner.job && of_tenant
    }
}
