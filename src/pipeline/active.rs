//! Since when each rule is in force. A rule that a job did not begin with looks at everything that
//! is read for the first time, but not at late documents from before it came: whether it found
//! anything there would otherwise depend on which of them happen to be read again.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use crate::{detect::ruleset::RuleSet, pipeline::ledger::MEMORY};

/// By rule key, since when those rules are in force that a job did not begin with.
pub type ActiveFrom = BTreeMap<String, Timestamp>;

/// Most bytes that are kept in a checkpoint.
const KEPT_BYTES: usize = 1024;
/// What an entry takes there beside its key.
const ENTRY_BYTES: usize = 30;

/// The rules that a job has seen.
#[derive(Clone, Debug)]
pub struct ActiveRules {
    /// Since when; `None` is from the beginning.
    known: BTreeMap<String, Option<Timestamp>>,
    began: bool,
    late: Arc<ActiveFrom>,
}

impl ActiveRules {
    /// Goes on from what a checkpoint tells.
    pub fn new(kept: ActiveFrom) -> Self {
        Self {
            known: kept
                .iter()
                .map(|(rule, from)| (rule.clone(), Some(*from)))
                .collect(),
            began: false,
            late: Arc::new(kept),
        }
    }

    /// Takes note of the rules that are loaded when reading stands at a position. The first set is
    /// in force from the beginning; a rule seen once keeps its date, also when it was away. Tells
    /// whether anything is new to a later reader of the checkpoint.
    pub fn note(&mut self, rules: &RuleSet, position: Timestamp) -> bool {
        let from = std::mem::replace(&mut self.began, true).then_some(position);
        let mut late = Vec::new();
        for rule in rules.rules() {
            if !self.known.contains_key(rule.key()) {
                self.known.insert(rule.key().to_owned(), from);
                late.extend(from.map(|from| (rule.key().to_owned(), from)));
            }
        }
        let changed = !late.is_empty();
        if changed {
            Arc::make_mut(&mut self.late).extend(late);
        }
        changed
    }

    /// The rules that came later, each with its date.
    pub fn from(&self) -> Arc<ActiveFrom> {
        Arc::clone(&self.late)
    }
}

/// What of it is worth keeping at a watermark: a date so old that no late document is from before
/// it says nothing any more. Of very many the youngest are kept.
pub fn kept(active: &ActiveFrom, watermark: Timestamp) -> ActiveFrom {
    let oldest = watermark.checked_sub(MEMORY).unwrap_or(Timestamp::MIN);
    let mut young: Vec<_> = active.iter().filter(|(_, from)| **from > oldest).collect();
    young.sort_by_key(|(_, from)| std::cmp::Reverse(**from));
    let mut bytes = 0;
    young
        .into_iter()
        .take_while(|(rule, _)| {
            bytes += rule.len() + ENTRY_BYTES;
            bytes <= KEPT_BYTES
        })
        .map(|(rule, from)| (rule.clone(), *from))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::test_support::{a_rule, at};

    fn set(names: &[&str]) -> RuleSet {
        RuleSet::new(names.iter().map(|name| a_rule(name, "get", "Enum")))
    }

    fn since(entries: &[(&str, i64)]) -> ActiveFrom {
        let entry = |&(name, second): &(&str, i64)| (format!("security/{name}"), at(second));
        entries.iter().map(entry).collect()
    }

    #[test]
    fn a_rule_is_in_force_since_it_was_seen_first() {
        let mut active = ActiveRules::new(ActiveFrom::new());
        assert!(!active.note(&set(&["first"]), at(0)));
        assert!(active.note(&set(&["first", "second"]), at(10)));
        assert!(!active.note(&set(&["second"]), at(20)));
        assert!(active.note(&set(&["first", "second", "third"]), at(30)));
        assert_eq!(*active.from(), since(&[("second", 10), ("third", 30)]));
    }

    #[test]
    fn a_restart_keeps_the_dates_and_takes_other_rules_for_old() {
        let mut active = ActiveRules::new(since(&[("second", 10)]));
        assert!(!active.note(&set(&["first", "second"]), at(50)));
        assert_eq!(*active.from(), since(&[("second", 10)]));
    }

    #[test]
    fn a_date_is_kept_for_a_day() {
        let active = since(&[("old", 0), ("young", 1)]);
        assert_eq!(kept(&active, at(86_400)), since(&[("young", 1)]));
    }

    #[test]
    fn of_very_many_the_youngest_are_kept() {
        let names: Vec<String> = (0..1000).map(|number| format!("rule-{number}")).collect();
        let active: ActiveFrom = names.iter().cloned().zip((0..1000).map(at)).collect();
        let kept = kept(&active, at(1000));
        assert!(kept.contains_key("rule-999") && !kept.contains_key("rule-0"));
        let bytes: usize = kept.keys().map(|rule| rule.len() + ENTRY_BYTES).sum();
        assert!((512..=KEPT_BYTES).contains(&bytes), "{bytes}");
    }

    #[test]
    fn a_status_takes_all_that_are_kept_however_short_their_names() {
        let letters = || 'a'..='z';
        let names = letters().flat_map(|of| letters().map(move |name| format!("{of}/{name}")));
        let active: ActiveFrom = names.zip((0..).map(at)).collect();
        let kept = kept(&active, at(1000));
        // `maxProperties` in the definition of the status.
        assert!((16..=64).contains(&kept.len()), "{}", kept.len());
    }
}
