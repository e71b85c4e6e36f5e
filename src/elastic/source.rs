//! The source port: one pattern of indices on one server.

use std::sync::{Arc, atomic::AtomicBool};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    answer::{self, Page},
    client::Client,
    fault::Operation,
    mapping::Mapping,
    page_size::PageSize,
    pit::PitPages,
    pushdown::Requested,
    query::{self, WindowQuery},
    request::Request,
    scroll::{Form, ScrollPages},
    server::{Dialect, Reader},
    slices::SlicedPages,
    view::{View, uncounted},
};
use crate::{
    detect::ruleset::Requirement,
    pipeline::{
        ledger::Census,
        plan::SourcePlan,
        ports::{Fault, Pages, Source},
        window::Window,
    },
};

/// Parts of a window that are read at once where order does not matter.
const SLICES: usize = 2;

/// Audit events in Elasticsearch or OpenSearch.
pub(super) struct ElasticSource {
    client: Arc<Client>,
    reader: Reader,
    plan: SourcePlan,
    page_size: Arc<PageSize>,
    mapping: Arc<Mapping>,
    /// Whether the next scroll asks for documents that the server writes anew.
    rewritten: Arc<AtomicBool>,
}

impl ElasticSource {
    pub(super) fn new(client: Arc<Client>, reader: Reader, plan: SourcePlan) -> Self {
        Self {
            client,
            reader,
            plan,
            page_size: Arc::default(),
            mapping: Arc::default(),
            rewritten: Arc::default(),
        }
    }

    async fn query(&self, window: Window) -> Result<WindowQuery, Fault> {
        Ok(WindowQuery {
            timestamp_field: self.plan.timestamp_field.clone(),
            filter: self.plan.filter.clone(),
            window,
            marks: self.mapping.check(&self.client, &self.plan).await?,
            pushdown: None,
        })
    }

    fn view(
        &self,
        dialect: Dialect,
        query: WindowQuery,
        requirement: Option<&Arc<Requirement>>,
    ) -> View {
        View {
            client: Arc::clone(&self.client),
            dialect,
            query,
            page_size: Arc::clone(&self.page_size),
            mapping: Arc::clone(&self.mapping),
            requested: Requested::new(requirement.cloned()),
            answered: AtomicBool::new(false),
            rewritten: AtomicBool::new(false),
        }
    }

    async fn scroll(&self, query: WindowQuery) -> Result<Box<dyn Pages>, Fault> {
        let form = Form {
            page_size: Arc::clone(&self.page_size),
            rewritten: Arc::clone(&self.rewritten),
        };
        let client = Arc::clone(&self.client);
        let pages = ScrollPages::open(client, &self.plan, query, form, &self.mapping).await?;
        Ok(Box::new(pages))
    }

    /// The answer to a search that counts, as whole as that to one that reads.
    async fn count(&self, request: Request) -> Result<Page, Fault> {
        let counted = self.client.call(Operation::Count, request).await;
        let found = counted.inspect_err(|fault| self.mapping.doubt_after(fault))?;
        match answer::page(&found.body, 0, 0)? {
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

    async fn open(
        &self,
        window: Window,
        requirement: Option<&Arc<Requirement>>,
    ) -> Result<Box<dyn Pages>, Fault> {
        let query = self.query(window).await?;
        match self.reader {
            Reader::Scroll => self.scroll(query).await,
            Reader::Pit(dialect) => {
                let view = self.view(dialect, query, requirement);
                Ok(Box::new(PitPages::open(view, &self.plan).await?))
            }
        }
    }

    async fn open_unordered(
        &self,
        window: Window,
        requirement: Option<&Arc<Requirement>>,
    ) -> Result<Box<dyn Pages>, Fault> {
        let query = self.query(window).await?;
        match self.reader {
            Reader::Scroll => self.scroll(query).await,
            Reader::Pit(dialect) => {
                let view = self.view(dialect, query, requirement);
                let pages = SlicedPages::open(view, &self.plan, SLICES).await?;
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
