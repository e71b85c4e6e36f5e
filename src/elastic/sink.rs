//! The sink port: alerts into daily indices of one server.

use std::sync::Arc;

use async_trait::async_trait;

use super::{bulk, client::Client, fault::Operation, server::FreeObject, template};
use crate::pipeline::{
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

    /// Sends items as one request. If each of them is refused for who we are, so is the request.
    async fn write(&self, ids: &[&str], items: &[String]) -> Result<Vec<Outcome>, Fault> {
        let request = bulk::request(items);
        let answer = self.client.call(Operation::Write, request).await?;
        let outcomes = bulk::outcomes(ids.iter().copied(), &answer.body)?;
        match bulk::refused_credentials(&outcomes) {
            Some(fault) => Err(fault),
            None => Ok(outcomes),
        }
    }
}

#[async_trait]
impl Sink for ElasticSink {
    async fn prepare(&self) -> Result<(), Fault> {
        template::install(&self.client, &self.plan, self.free_object).await
    }

    async fn push(&self, alerts: &[AddressedAlert]) -> Result<Vec<Outcome>, Fault> {
        let ids: Vec<&str> = alerts.iter().map(|alert| alert.alert.id.as_str()).collect();
        let items: Vec<String> = alerts.iter().map(bulk::lines).collect();
        let mut waiting = bulk::batches(&items);
        waiting.reverse();
        let mut known = Vec::with_capacity(items.len());
        while let Some(range) = waiting.pop() {
            match self.write(&ids[range.clone()], &items[range.clone()]).await {
                Ok(outcomes) => known.extend(outcomes),
                Err(fault) if fault.remedy == Remedy::Shrink && range.len() > 1 => {
                    let middle = range.start.midpoint(range.end);
                    waiting.extend([middle..range.end, range.start..middle]);
                }
                Err(fault) if fault.remedy == Remedy::Shrink => {
                    known.push(bulk::refused_alone(fault));
                }
                Err(fault) if known.is_empty() => return Err(fault),
                Err(fault) => {
                    known.resize(items.len(), Outcome::Retry(fault));
                    break;
                }
            }
        }
        Ok(known)
    }
}
