//! The watches: one for each kind and watched namespace, each with its own backoff, so that none
//! can hold up another. Objects arrive unread: reading them is the index's matter, and one that
//! cannot be read breaks no watch.

use std::{collections::BTreeSet, fmt, time::Duration};

use futures::{Stream, StreamExt, stream};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    runtime::{
        WatchStreamExt,
        utils::Backoff,
        watcher::{self, Config, DefaultBackoff, Event, watcher},
    },
};

use crate::api::{job::AnalysisJob, rule::K8sCopRule};

/// Seconds after which the server ends a watch and it is begun again: a connection that died in
/// silence is noticed no later than five seconds after that.
const WATCH_SECONDS: u32 = 120;

/// One of the two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `K8sCopRule`
    Rule,
    /// `AnalysisJob`
    Job,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Rule, Self::Job];

    /// What the API server calls it.
    pub fn resource(self) -> ApiResource {
        match self {
            Self::Rule => ApiResource::erase::<K8sCopRule>(&()),
            Self::Job => ApiResource::erase::<AnalysisJob>(&()),
        }
    }
}

/// One watch.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Watch {
    /// What is watched.
    pub kind: Kind,
    /// Where; none means everywhere.
    pub namespace: Option<String>,
}

impl Watch {
    /// The watches over some namespaces, one for each of them; no namespace means all.
    pub fn over(namespaces: &[String]) -> Vec<Self> {
        let everywhere = namespaces.is_empty().then_some(None);
        let scopes: BTreeSet<_> = namespaces
            .iter()
            .cloned()
            .map(Some)
            .chain(everywhere)
            .collect();
        Kind::ALL
            .into_iter()
            .flat_map(|kind| {
                scopes
                    .iter()
                    .cloned()
                    .map(move |namespace| Self { kind, namespace })
            })
            .collect()
    }

    /// Whether objects of a namespace belong to this watch.
    pub fn covers(&self, namespace: &str) -> bool {
        self.namespace.as_deref().is_none_or(|own| own == namespace)
    }

    fn api(&self, client: Client) -> Api<DynamicObject> {
        let resource = self.kind.resource();
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &resource),
            None => Api::all_with(client, &resource),
        }
    }
}

impl fmt::Display for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = self.kind.resource().plural;
        match &self.namespace {
            Some(namespace) => write!(f, "{plural} in {namespace}"),
            None => f.write_str(&plural),
        }
    }
}

/// The usual pauses, which grow from one failure to the next and start over after two minutes
/// without one. The beginning of a list, which every attempt yields, says nothing of success.
#[derive(Default)]
struct Patience(DefaultBackoff);

impl Iterator for Patience {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next()
    }
}

impl Backoff for Patience {
    fn reset(&mut self) {}
}

/// The events of all watches, without end; an error is told and its watch goes on after a pause.
pub fn events(
    client: &Client,
    watches: &[Watch],
) -> impl Stream<Item = (Watch, Result<Event<DynamicObject>, watcher::Error>)> + use<> {
    stream::select_all(watches.iter().cloned().map(|watch| {
        let config = Config::default().timeout(WATCH_SECONDS);
        watcher(watch.api(client.clone()), config)
            .backoff(Patience::default())
            .map(move |event| (watch.clone(), event))
            .boxed()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_although_every_attempt_begins_a_list() {
        let mut patience = Patience::default();
        let mut longest = Duration::ZERO;
        for _ in 0..10 {
            longest = longest.max(patience.next().expect("there is no last attempt"));
            patience.reset();
        }
        assert!(longest > Duration::from_secs(15), "{longest:?}");
    }

    #[test]
    fn a_namespace_that_is_named_twice_is_watched_once() {
        let twice = ["shop", "security", "shop"].map(str::to_owned);
        let once = ["security", "shop"].map(str::to_owned);
        assert_eq!(Watch::over(&twice), Watch::over(&once));
    }
}
