//! The sink port: alerts into daily indices of one server.

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;

use super::{
    bulk::{self, Verdict},
    client::Client,
    destination,
    fault::Operation,
    server::FreeObject,
    template, verification,
};
use crate::pipeline::{
    crash,
    plan::SinkPlan,
    ports::{AddressedAlert, Fault, Outcome, Remedy, Sink},
};

/// Alert indices in Elasticsearch or OpenSearch.
pub(super) struct ElasticSink {
    client: Arc<Client>,
    plan: SinkPlan,
    free_object: FreeObject,
}

impl ElasticSink {
    pub(super) fn new(client: Arc<Client>, plan: SinkPlan, free_object: FreeObject) -> Self {
        Self {
            client,
            plan,
            free_object,
        }
    }

    /// Writes all, in halves where a request is refused as a whole.
    async fn write_all(&self, alerts: &[AddressedAlert]) -> Result<Vec<Verdict>, Fault> {
        let mut known = Vec::with_capacity(alerts.len());
        let whole = 0..alerts.len();
        let mut waiting: Vec<Range<usize>> = vec![whole];
        while let Some(range) = waiting.pop().filter(|range| !range.is_empty()) {
            match self.write(&alerts[range.clone()]).await {
                Ok(verdicts) => known.extend(verdicts),
                Err(fault) if fault.remedy == Remedy::Shrink && range.len() > 1 => {
                    let middle = range.start.midpoint(range.end);
                    waiting.extend([middle..range.end, range.start..middle]);
                }
                Err(fault) if fault.remedy == Remedy::Shrink => {
                    known.push(Verdict::Known(bulk::refused_alone(fault)));
                }
                Err(fault) if known.is_empty() => return Err(fault),
                Err(fault) => {
                    known.resize(alerts.len(), Verdict::Known(Outcome::Retry(fault)));
                    break;
                }
            }
        }
        Ok(known)
    }

    async fn write(&self, alerts: &[AddressedAlert]) -> Result<Vec<Verdict>, Fault> {
        let request = bulk::request(alerts);
        let answer = self.client.call(Operation::Write, request).await?;
        bulk::verdicts(alerts, &answer.body)
    }

    /// Looks up who holds the ids of these alerts. Where that fails, they are sent again.
    async fn verify(&self, alerts: &[&AddressedAlert]) -> Vec<Outcome> {
        crash::point("push.after_409_before_verify");
        let request = verification::request(alerts);
        let answer = self.client.call(Operation::Verify, request).await;
        answer
            .and_then(|answer| verification::outcomes(alerts, &answer.body))
            .unwrap_or_else(|fault| vec![Outcome::Retry(fault); alerts.len()])
    }
}

#[async_trait]
impl Sink for ElasticSink {
    async fn prepare(&self) -> Result<(), Fault> {
        destination::refuse_detours(&self.client, &self.plan).await?;
        template::install(&self.client, &self.plan, self.free_object).await?;
        destination::refuse_foreign_template(&self.client, &self.plan).await
    }

    async fn push(&self, alerts: &[AddressedAlert]) -> Result<Vec<Outcome>, Fault> {
        let verdicts = self.write_all(alerts).await?;
        let conflicts = verdicts.iter().zip(alerts);
        let conflicts: Vec<&AddressedAlert> = conflicts
            .filter(|(verdict, _)| **verdict == Verdict::Conflict)
            .map(|(_, alert)| alert)
            .collect();
        let mut verified = match conflicts.is_empty() {
            true => Vec::new(),
            false => self.verify(&conflicts).await,
        }
        .into_iter();
        let outcome = |verdict| match verdict {
            Verdict::Known(outcome) => outcome,
            Verdict::Conflict => verified.next().expect("each conflict was looked up"),
        };
        Ok(verdicts.into_iter().map(outcome).collect())
    }
}
