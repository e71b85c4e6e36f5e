//! The source port: one pattern of indices on one server.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    answer,
    client::Client,
    fault::Operation,
    page_size::PageSize,
    pit::PitPages,
    query::{self, WindowQuery},
    scroll::ScrollPages,
    server::Reader,
    source_filter::SourceFilter,
};
use crate::pipeline::{
    plan::SourcePlan,
    ports::{Fault, FaultReason, FieldSet, Pages, Source},
    window::Window,
};

/// Audit events in Elasticsearch or OpenSearch.
pub(super) struct ElasticSource {
    client: Arc<Client>,
    reader: Reader,
    plan: SourcePlan,
    page_size: Arc<PageSize>,
    /// The time field was found to be a date.
    mapping_checked: AtomicBool,
}

impl ElasticSource {
    pub(super) fn new(client: Arc<Client>, reader: Reader, plan: SourcePlan) -> Self {
        Self {
            client,
            reader,
            plan,
            page_size: Arc::default(),
            mapping_checked: AtomicBool::new(false),
        }
    }

    /// A wrong time field would otherwise look like a source without events. Somebody who may
    /// search but not see mappings is believed.
    async fn check_mapping(&self) -> Result<(), Fault> {
        if self.mapping_checked.load(Ordering::Relaxed) {
            return Ok(());
        }
        let request = query::mapping(&self.plan);
        match self.client.call(Operation::ReadMapping, request).await {
            Ok(found) => answer::mapping(&found.body, &self.plan.timestamp_field)?,
            Err(fault) if fault.reason == FaultReason::Forbidden => {}
            Err(fault) => return Err(fault),
        }
        self.mapping_checked.store(true, Ordering::Relaxed);
        Ok(())
    }
}

#[async_trait]
impl Source for ElasticSource {
    async fn now(&self) -> Result<Timestamp, Fault> {
        let found = self
            .client
            .call(Operation::ReadClock, query::clock(&self.plan))
            .await?;
        answer::clock(&found.body)
    }

    async fn open(&self, window: Window, fields: &FieldSet) -> Result<Box<dyn Pages>, Fault> {
        self.check_mapping().await?;
        let query = WindowQuery {
            timestamp_field: self.plan.timestamp_field.clone(),
            filter: self.plan.filter.clone(),
            window,
            fields: SourceFilter::new(fields),
        };
        let client = Arc::clone(&self.client);
        let page_size = Arc::clone(&self.page_size);
        match self.reader {
            Reader::Scroll => Ok(Box::new(
                ScrollPages::open(client, &self.plan, query, page_size).await?,
            )),
            Reader::Pit(dialect) => Ok(Box::new(
                PitPages::open(client, dialect, &self.plan, query, page_size).await?,
            )),
        }
    }
}
