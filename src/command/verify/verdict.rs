//! What was expected against what is stored.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
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
    tally: Tally,
    /// The own ids of alerts whose id is taken, and the index of each.
    moved: HashMap<AlertId, Arc<str>>,
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
            moved: HashMap::new(),
            missing: Vec::new(),
            duplicate: Vec::new(),
            foreign: Vec::new(),
        }
    }

    /// The alerts that must exist.
    pub(super) fn expected(&self) -> &Expected {
        &self.expected
    }

    /// How many alerts stand how.
    pub(super) fn tally(&self) -> Tally {
        Tally {
            moved: self.moved.len(),
            ..self.tally
        }
    }

    /// How many alerts must exist.
    pub(super) fn count(&self) -> usize {
        self.expected.len() - self.tally.excused
    }

    /// Whether all is as it should be.
    pub(super) fn is_good(&self) -> bool {
        self.missing.is_empty() && self.duplicate.is_empty() && self.foreign.is_empty()
    }

    /// Takes note of what lies in the place of an alert.
    pub(super) fn in_place(&mut self, id: AlertId, stored: Option<&StoredAlert>) -> Standing {
        let standing = self.standing(id, stored);
        self.count_found(standing);
        standing
    }

    /// Takes note of what lies under the own id of an alert whose id is taken.
    pub(super) fn under_own_id(&mut self, id: AlertId, stored: Option<&StoredAlert>) -> Standing {
        let standing = self.standing(id, stored);
        if self.count_found(standing)
            && let Some(alert) = self.expected.get(id)
        {
            self.moved
                .insert(alert.own_id(id), Arc::clone(&alert.index));
        }
        standing
    }

    /// Takes note of what the quarantine index holds of an alert that is nowhere else; tells
    /// whether it is there.
    pub(super) fn in_quarantine(&mut self, id: AlertId, stored: Option<&StoredAlert>) -> bool {
        let is_there = matches!(
            self.standing(id, stored),
            Standing::Whole | Standing::Reduced
        );
        if is_there {
            self.tally.found += 1;
            self.tally.quarantined += 1;
        }
        is_there
    }

    fn standing(&self, id: AlertId, stored: Option<&StoredAlert>) -> Standing {
        let alert = self.expected.get(id);
        alert.map_or(Standing::Absent, |alert| alert.standing(stored))
    }

    fn count_found(&mut self, standing: Standing) -> bool {
        let is_found = matches!(standing, Standing::Whole | Standing::Reduced);
        self.tally.found += usize::from(is_found);
        self.tally.reduced += usize::from(standing == Standing::Reduced);
        is_found
    }

    /// Takes note of an alert that is nowhere.
    pub(super) fn nowhere(&mut self, id: AlertId) {
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
        let index = AlertId::parse(&stored.id).and_then(|id| {
            let expected = self.expected.get(id).map(|alert| &alert.index);
            expected.or_else(|| self.moved.get(&id))
        });
        match index {
            Some(index) if **index == *stored.index => {}
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

#[cfg(test)]
mod tests;
