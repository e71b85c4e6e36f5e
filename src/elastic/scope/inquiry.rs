//! The asking of a server about the indices of a pattern.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Pattern, ask,
    reason::{Reason, verdict},
    rebuilt,
    roster::Roster,
};
use crate::{
    elastic::{answer, client::Client, fault::Operation},
    pipeline::ports::Fault,
};

/// Indices that are searched by one call.
const PROBES: usize = 200;

impl Pattern {
    /// The indices behind the pattern, if the server shows them.
    pub(super) async fn roster(&self, client: &Client) -> Option<Roster> {
        // What lies in another cluster cannot be left out by its name.
        if self.plan.index.contains(':') {
            return None;
        }
        let asked = ask::roster(&self.plan);
        let found = client.call(Operation::ReadMapping, asked).await.ok()?;
        let mut roster = Roster::read(&found.body)?;
        let aliases = roster.aliases(&self.plan.index);
        if !aliases.is_empty() {
            let asked = ask::aliases(&aliases);
            let found = client.call(Operation::ReadMapping, asked).await;
            if let Ok(definitions) = found.and_then(|found| answer::parse(&found.body)) {
                roster.note_plain(&aliases, &definitions);
            }
        }
        Some(roster)
    }

    /// The indices that rebuild documents, if the server shows them.
    pub(super) async fn rebuilt(&self, client: &Client) -> BTreeSet<String> {
        let asked = ask::settings(&self.plan);
        let found = client.call(Operation::ReadMapping, asked).await.ok();
        let rebuilt = found.and_then(|found| rebuilt::read(&found.body));
        rebuilt.unwrap_or_default()
    }

    /// Searches each of these indices alone.
    pub(super) async fn probe(
        &self,
        client: &Client,
        indices: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, Reason>, Fault> {
        let mut bad = BTreeMap::new();
        let indices: Vec<&str> = indices.iter().copied().collect();
        for indices in indices.chunks(PROBES) {
            let request = ask::probes(&self.plan, indices.iter().copied());
            let found = client.call(Operation::Count, request).await?;
            let answers = answer::parse::<Value>(&found.body)?;
            let responses = answers["responses"].as_array().into_iter().flatten();
            for (index, response) in indices.iter().zip(responses) {
                if let Some(reason) = verdict(response) {
                    bad.insert((*index).to_owned(), reason);
                }
            }
        }
        Ok(bad)
    }
}
