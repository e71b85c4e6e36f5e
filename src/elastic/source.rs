//! The source port: one pattern of indices on one server.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    answer::{self, Page},
    client::Client,
    fault::Operation,
    mapping::Mapping,
    page_size::PageSize,
    pit::{PitPages, uncounted},
    pushdown,
    query::{self, WindowQuery},
    request::Request,
    scroll::ScrollPages,
    server::Reader,
    source_filter::SourceFilter,
};
use crate::pipeline::{
    ledger::Census,
    plan::SourcePlan,
    ports::{Fault, FieldSet, Pages, Source},
    window::Window,
};

/// Audit events in Elasticsearch or OpenSearch.
pub(super) struct ElasticSource {
    client: Arc<Client>,
    reader: Reader,
    plan: SourcePlan,
    page_size: Arc<PageSize>,
    mapping: Arc<Mapping>,
}

impl ElasticSource {
    pub(super) fn new(client: Arc<Client>, reader: Reader, plan: SourcePlan) -> Self {
        Self {
            client,
            reader,
            plan,
            page_size: Arc::default(),
            mapping: Arc::default(),
        }
    }

    /// The answer to a search that counts, as whole as that to one that reads.
    async fn count(&self, request: Request) -> Result<Page, Fault> {
        let counted = self.client.call(Operation::Count, request).await;
        let found = counted.inspect_err(|fault| self.mapping.doubt_after(fault))?;
        match answer::page(&found.body, 0)? {
            Page { shards: 0, .. } => Err(answer::no_index()),
            counts => Ok(counts),
        }
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
        let query = WindowQuery {
            timestamp_field: self.plan.timestamp_field.clone(),
            filter: self.plan.filter.clone(),
            window,
            fields: SourceFilter::new(fields),
            marks: self.mapping.check(&self.client, &self.plan).await?,
            pushdown: None,
        };
        let client = Arc::clone(&self.client);
        let page_size = Arc::clone(&self.page_size);
        match self.reader {
            Reader::Scroll => Ok(Box::new(
                ScrollPages::open(client, &self.plan, query, page_size, &self.mapping).await?,
            )),
            Reader::Pit(dialect) => {
                let mapping = Arc::clone(&self.mapping);
                let plan = &self.plan;
                let mut pages =
                    PitPages::open(client, dialect, plan, query, page_size, mapping).await?;
                if let Some(requirement) = &fields.requirement {
                    let trust = &self.mapping.trust;
                    let filter = pushdown::filter(&self.client, plan, requirement, trust);
                    pages.leave_out(filter.await);
                }
                Ok(Box::new(pages))
            }
        }
    }

    async fn census(&self, span: Window) -> Result<Census, Fault> {
        let marks = self.mapping.check(&self.client, &self.plan).await?;
        let counts = self.count(query::census(&self.plan, span, marks)).await?;
        let census = counts.census.ok_or_else(uncounted)?;
        Ok(census.within(span))
    }

    async fn without_time(&self) -> Result<u64, Fault> {
        let counts = self.count(query::without_time(&self.plan)).await?;
        counts.total.ok_or_else(uncounted)
    }
}
