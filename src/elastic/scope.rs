//! The part of a pattern that can be read: found out before the first search, now and then, and after a
//! fault that one index may be to blame for. An index that cannot be read is left out, so that the
//! others are read; when it can be read again, its documents are late ones.

mod ask;
mod inquiry;
mod reason;
mod rebuilt;
mod roster;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;

use self::{
    reason::{Reason, TimeField},
    roster::Roster,
};
use super::{
    answer,
    client::Client,
    fault::{self, Operation},
    pushdown::Trust,
    query::{self, WindowQuery},
};
use crate::{
    detect::document::Document,
    pipeline::{
        plan::SourcePlan,
        ports::{Coverage, Fault, FaultReason, Remedy},
        progress::Degraded,
        window::Window,
    },
};

/// Time for which a scope holds in which an index is left out.
const RECHECK: Duration = Duration::from_secs(30);

/// Time for which a scope holds in which no index is left out.
const REFRESH: Duration = Duration::from_secs(300);

/// Time for which a shard may be away before its index is left out: each new index lacks shards for a
/// moment, and each node that starts again.
const PATIENCE: Duration = Duration::from_secs(10);

/// The marks of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marks {
    /// Their number and the sum of their sequence numbers.
    Sequence,
    /// Their number alone: an index of the source keeps no sequence numbers.
    Count,
}

/// The part of a source that can be read.
#[derive(Debug)]
pub(super) struct Scope {
    /// The source, with a pattern for what can be read.
    pub(super) source: SourcePlan,
    pub(super) marks: Marks,
    left_out: BTreeMap<String, Reason>,
    rebuilt: BTreeSet<String>,
    roster: Option<Roster>,
}

/// The pattern of a source, and what is known of it.
#[derive(Debug)]
pub(super) struct Pattern {
    plan: SourcePlan,
    state: Mutex<State>,
    /// Whether the server can be asked to leave documents out.
    pub(super) trust: Trust,
}

#[derive(Debug, Default)]
struct State {
    scope: Option<Arc<Scope>>,
    surveyed: Option<Instant>,
    /// A fault since then that one index may be to blame for.
    doubt: Option<Doubt>,
    /// Sequence numbers were refused once.
    is_unmarked: bool,
    /// Since when indices lack a shard.
    lacking: BTreeMap<String, Instant>,
    /// Indices that were looked for in vain.
    unknown: BTreeSet<String>,
}

/// The meaning of a fault for a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// A search was refused for what it asks.
    Refused,
    /// Something could not be found or answered.
    Failed,
}

impl Scope {
    /// The query for a window.
    pub(super) fn query(&self, window: Window) -> WindowQuery {
        WindowQuery {
            timestamp_field: self.source.timestamp_field.clone(),
            filter: self.source.filter.clone(),
            window,
            marks: self.marks,
            pushdown: None,
        }
    }

    fn keeps(&self) -> Duration {
        match self.left_out.is_empty() {
            true => REFRESH,
            false => RECHECK,
        }
    }

    /// Indices that were found out by a search of each, and may be healthy again.
    fn ailing(&self) -> BTreeSet<&str> {
        let found = |reason: &Reason| !matches!(reason, Reason::NoDate(_) | Reason::Unsortable);
        let ailing = self.left_out.iter().filter(|(_, reason)| found(reason));
        ailing.map(|(index, _)| index.as_str()).collect()
    }
}

impl Pattern {
    pub(super) fn new(plan: SourcePlan) -> Self {
        Self {
            plan,
            state: Mutex::default(),
            trust: Trust::default(),
        }
    }

    /// The part that can be read. A wrong time field would otherwise look like a source without events.
    /// Somebody who may search but not see mappings is believed.
    pub(super) async fn scope(&self, client: &Client) -> Result<Arc<Scope>, Fault> {
        let fresh = {
            let state = self.state();
            let age = state.surveyed.map(|surveyed| surveyed.elapsed());
            let scope = state.scope.clone().filter(|_| state.doubt.is_none());
            scope.filter(|scope| age.is_some_and(|age| age < scope.keeps()))
        };
        match fresh {
            Some(scope) => Ok(scope),
            None => self.survey(client).await,
        }
    }

    /// The indices that are left out or rebuilt, as far as they are known.
    pub(super) fn coverage(&self) -> Coverage {
        let scope = self.state().scope.clone();
        scope.map_or_else(Coverage::default, |scope| Coverage {
            left_out: scope
                .left_out
                .iter()
                .map(|(index, reason)| Degraded {
                    index: index.clone(),
                    message: reason.message(),
                })
                .collect(),
            rebuilt: scope.rebuilt.iter().cloned().collect(),
        })
    }

    /// Finds out again next time if one index may be to blame for a fault: one that came since can
    /// differ from the others, and one that was healthy may be so no more.
    pub(super) fn doubt_after(&self, fault: &Fault) {
        let doubt = match fault.reason {
            FaultReason::TimestampFieldInvalid => Doubt::Refused,
            FaultReason::PartialResults | FaultReason::IndexNotFound => Doubt::Failed,
            _ => return,
        };
        self.state().doubt = Some(doubt);
    }

    /// Marks the documents that were rebuilt.
    pub(super) async fn mark_rebuilt(&self, client: &Client, documents: &mut [Document]) {
        if let Some(index) = self.unknown(documents) {
            // Without an answer what is known holds.
            let _ = self.survey(client).await;
            self.state().unknown.insert(index);
        }
        let Some(scope) = self.state().scope.clone() else {
            return;
        };
        if !scope.rebuilt.is_empty() {
            for document in documents {
                document.is_rebuilt = scope.rebuilt.contains(&document.index);
            }
        }
    }

    /// An index of these documents that was not there when it was last asked.
    fn unknown(&self, documents: &[Document]) -> Option<String> {
        let state = self.state();
        let roster = state.scope.as_ref()?.roster.as_ref()?;
        let indices: BTreeSet<&str> = documents.iter().map(|it| it.index.as_str()).collect();
        let mut indices = indices.into_iter();
        let unknown = indices.find(|it| !roster.holds(it) && !state.unknown.contains(*it));
        unknown.map(str::to_owned)
    }

    async fn survey(&self, client: &Client) -> Result<Arc<Scope>, Fault> {
        let (before, doubt) = {
            let state = self.state();
            (state.scope.clone(), state.doubt)
        };
        let roster = self.roster(client).await;
        let mut left_out = match &roster {
            Some(roster) => {
                self.unreadable(client, roster, before.as_deref(), doubt)
                    .await?
            }
            None => BTreeMap::new(),
        };
        let marks = self.time_field(client, &roster, &mut left_out).await;
        // Shards that are not there say nothing of a mapping either.
        let marks = marks.inspect_err(|_| self.state().doubt = Some(Doubt::Failed))?;
        let scope = Scope {
            source: self.reduced(roster.as_ref(), &left_out)?,
            marks,
            left_out,
            rebuilt: self.rebuilt(client).await,
            roster,
        };
        Ok(self.enter(scope, before.as_deref(), doubt))
    }

    /// Takes note of a scope.
    fn enter(&self, mut scope: Scope, before: Option<&Scope>, doubt: Option<Doubt>) -> Arc<Scope> {
        let is_known = |index| before.is_some_and(|before| before.left_out.contains_key(index));
        let is_explained = !scope.left_out.keys().all(is_known);
        let mut state = self.state();
        // Elasticsearch 9.5 lets one index with sequence numbers speak for all: where no index is
        // to blame it is they that were refused.
        state.is_unmarked |= doubt == Some(Doubt::Refused) && !is_explained;
        if state.is_unmarked {
            scope.marks = Marks::Count;
        }
        let scope = Arc::new(scope);
        state.scope = Some(Arc::clone(&scope));
        state.surveyed = Some(Instant::now());
        state.doubt = None;
        scope
    }

    /// The indices that are closed, not there, or cannot be searched. Where there is doubt every
    /// index is searched, else those that could not be searched before.
    async fn unreadable(
        &self,
        client: &Client,
        roster: &Roster,
        before: Option<&Scope>,
        doubt: Option<Doubt>,
    ) -> Result<BTreeMap<String, Reason>, Fault> {
        let closed = roster.closed().map(|index| (index, Reason::Closed));
        let missing = roster.missing(&self.plan.index);
        let missing = missing.map(|part| (part, Reason::Missing));
        let mut left_out: BTreeMap<_, _> = closed
            .chain(missing)
            .map(|(index, reason)| (index.to_owned(), reason))
            .collect();
        let suspects = match doubt {
            Some(_) => roster.open(),
            None => &roster.open() & &before.map(Scope::ailing).unwrap_or_default(),
        };
        let found = self.probe(client, &suspects).await?;
        if let Some((index, reason)) = self.newly_lacking(&found) {
            return Err(reason.fault_of(index));
        }
        left_out.extend(found);
        Ok(left_out)
    }

    /// An index that lacks a shard, but not for long.
    fn newly_lacking<'r>(
        &self,
        found: &'r BTreeMap<String, Reason>,
    ) -> Option<(&'r str, &'r Reason)> {
        let is_lacking = |(_, reason): &(&String, &Reason)| **reason == Reason::Unavailable;
        let mut before = std::mem::take(&mut self.state().lacking);
        let mut newly = None;
        for (index, reason) in found.iter().filter(is_lacking) {
            let since = before.remove(index).unwrap_or_else(Instant::now);
            if since.elapsed() < PATIENCE {
                newly = Some((index.as_str(), reason));
            }
            self.state().lacking.insert(index.clone(), since);
        }
        newly
    }

    /// Looks at the mapping of the time field; leaves out the indices that map it wrong,
    /// which is also the better reason to refuse a search.
    async fn time_field(
        &self,
        client: &Client,
        roster: &Option<Roster>,
        left_out: &mut BTreeMap<String, Reason>,
    ) -> Result<Marks, Fault> {
        let mut unasked = left_out.clone();
        unasked.retain(|_, reason| *reason != Reason::Refused);
        let source = self.reduced(roster.as_ref(), &unasked)?;
        let found = match client
            .call(Operation::ReadMapping, query::mapping(&source))
            .await
        {
            Ok(found) => found,
            Err(fault) if fault.reason == FaultReason::Forbidden => return Ok(Marks::Sequence),
            Err(fault) => return Err(fault),
        };
        let capabilities = answer::parse::<Value>(&found.body)?;
        let time_field = TimeField::read(&capabilities, &self.plan.timestamp_field);
        let problem = if !time_field.is_mapped {
            "no index of the source has the time field"
        } else if time_field.is_wrong && (roster.is_none() || time_field.wrong.is_empty()) {
            "an index of the source maps the time field as something else than a date that sorts"
        } else {
            left_out.extend(time_field.wrong);
            return Ok(time_field.marks);
        };
        Err(fault::new(
            FaultReason::TimestampFieldInvalid,
            Remedy::Retry,
            format!("{problem}: check source.timestampField and the mapping"),
        ))
    }

    /// The source without what is left out.
    fn reduced(
        &self,
        roster: Option<&Roster>,
        left_out: &BTreeMap<String, Reason>,
    ) -> Result<SourcePlan, Fault> {
        let Some((first, reason)) = left_out.first_key_value() else {
            return Ok(self.plan.clone());
        };
        let names = left_out.keys().map(String::as_str).collect();
        let index = roster.and_then(|roster| roster.without(&self.plan.index, &names));
        let is_nothing_there = left_out.values().all(|it| *it == Reason::Missing);
        let fault = || match is_nothing_there {
            true => answer::no_index(),
            false => reason.fault(first),
        };
        Ok(SourcePlan {
            index: index.ok_or_else(fault)?,
            ..self.plan.clone()
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
