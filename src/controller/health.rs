//! How the controller itself does: what the probes of the process ask.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::{entry::RuleEntry, watch::Watch};

/// A watch whose last error is older than this is taken for mended: a watch that works says
/// nothing while nothing changes.
const ERROR_HOLDS: Duration = Duration::from_secs(90);

/// How each watch does.
#[derive(Clone, Debug, Default)]
pub struct Health {
    watches: BTreeMap<Watch, WatchHealth>,
    rules: RuleCounts,
    /// Why the checkpoints of jobs are not stored.
    refused: Option<String>,
}

/// How many rules there are, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCounts {
    /// In force.
    pub loaded: u64,
    /// Valid, and told to rest.
    pub disabled: u64,
    /// Not valid as they are now; the last good form may be in force.
    pub refused: u64,
}

impl RuleCounts {
    /// Counts rules.
    pub fn of<'a>(rules: impl IntoIterator<Item = &'a RuleEntry>) -> Self {
        let mut counts = Self::default();
        for rule in rules {
            match &rule.outcome {
                Ok(_) if rule.disabled => counts.disabled += 1,
                Ok(_) => counts.loaded += 1,
                Err(_) => counts.refused += 1,
            }
        }
        counts
    }
}

#[derive(Clone, Debug, Default)]
struct WatchHealth {
    listed: bool,
    failing: Option<Failing>,
}

#[derive(Clone, Debug)]
struct Failing {
    since: Instant,
    last: Instant,
    error: String,
}

impl Health {
    /// The health of watches that have not answered yet.
    pub fn new(watches: impl IntoIterator<Item = Watch>) -> Self {
        Self {
            watches: watches
                .into_iter()
                .map(|watch| (watch, WatchHealth::default()))
                .collect(),
            rules: RuleCounts::default(),
            refused: None,
        }
    }

    /// How many rules there are.
    pub fn rules(&self) -> RuleCounts {
        self.rules
    }

    /// The rules were counted.
    pub(super) fn counted(&mut self, rules: RuleCounts) {
        self.rules = rules;
    }

    /// Whether checkpoints of jobs cannot be stored.
    pub fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// Checkpoints cannot be stored, or can be.
    pub(super) fn refused(&mut self, why: Option<String>) {
        self.refused = why;
    }

    /// What keeps the controller from being ready, one line each: watches that have not listed
    /// what there is, watches that fail, and checkpoints that are not stored.
    pub fn obstacles(&self, now: Instant) -> Vec<String> {
        let tell = |(watch, health): (&Watch, &WatchHealth)| {
            let what = watch.to_string();
            match (health.current(now), health.listed) {
                (Some(failing), _) => Some(format!("{what}: {}", failing.error)),
                (None, false) => Some(format!("{what}: the first list is not complete")),
                (None, true) => None,
            }
        };
        let watches = self.watches.iter().filter_map(tell);
        watches.chain(self.refused.clone()).collect()
    }

    /// For how long some watch has failed without a break.
    pub fn failing_for(&self, now: Instant) -> Option<Duration> {
        let failing = self.watches.values().filter_map(|watch| watch.current(now));
        failing.map(|failing| now - failing.since).max()
    }

    /// A watch has listed what there is.
    pub(super) fn listed(&mut self, watch: &Watch) {
        let health = self.watches.entry(watch.clone()).or_default();
        health.listed = true;
        health.failing = None;
    }

    /// A watch has brought something.
    pub(super) fn moved(&mut self, watch: &Watch) {
        self.watches.entry(watch.clone()).or_default().failing = None;
    }

    /// A watch has failed.
    pub(super) fn failed(&mut self, watch: &Watch, error: String, now: Instant) {
        let health = self.watches.entry(watch.clone()).or_default();
        let since = health.current(now).map_or(now, |failing| failing.since);
        health.failing = Some(Failing {
            since,
            last: now,
            error,
        });
    }
}

impl WatchHealth {
    fn current(&self, now: Instant) -> Option<&Failing> {
        let failing = self.failing.as_ref();
        failing.filter(|failing| now - failing.last < ERROR_HOLDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_fails_is_named_until_its_error_is_old() {
        let [rules, jobs] = Watch::over(&[]).try_into().expect("two kinds");
        let mut health = Health::new([rules.clone(), jobs.clone()]);
        health.listed(&rules);
        let begin = Instant::now();
        health.failed(&rules, "forbidden".to_owned(), begin);
        tokio::time::advance(Duration::from_secs(60)).await;
        health.failed(&rules, "forbidden".to_owned(), Instant::now());
        assert_eq!(
            (
                health.obstacles(Instant::now()),
                health.failing_for(Instant::now())
            ),
            (
                vec![
                    "k8scoprules: forbidden".to_owned(),
                    "analysisjobs: the first list is not complete".to_owned(),
                ],
                Some(Duration::from_secs(60)),
            )
        );
        health.listed(&jobs);
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(health.obstacles(Instant::now()), Vec::<String>::new());
        assert_eq!(health.failing_for(Instant::now()), None);
    }
}
