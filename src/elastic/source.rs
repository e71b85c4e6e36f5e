//! The source port: one pattern of indices on one server.

use std::sync::{Arc, atomic::AtomicBool};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    answer::{self, Page},
    client::Client,
    fault::Operation,
    page_size::PageSize,
    pit::PitPages,
    pushdown::Requested,
    query::{self, WindowQuery},
    request::Request,
    scope::{Pattern, Scope},
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
        ports::{Coverage, Fault, FaultReason, Pages, Source},
        window::Window,
    },
};

/// Parts of a window that are read at once where order does not matter.
const SLICES: usize = 2;

/// Audit events in Elasticsearch or OpenSearch.
pub(super) struct ElasticSource {
    client: Arc<Client>,
    reader: Reader,
    page_size: Arc<PageSize>,
    pattern: Arc<Pattern>,
    /// Whether the next scroll asks for documents that the server writes anew.
    rewritten: Arc<AtomicBool>,
}

impl ElasticSource {
    pub(super) fn new(client: Arc<Client>, reader: Reader, plan: SourcePlan) -> Self {
        Self {
            client,
            reader,
            page_size: Arc::default(),
            pattern: Arc::new(Pattern::new(plan)),
            rewritten: Arc::default(),
        }
    }

    /// The part of the pattern that can be read.
    async fn scope(&self) -> Result<Arc<Scope>, Fault> {
        self.pattern.scope(&self.client).await
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
            pattern: Arc::clone(&self.pattern),
            requested: Requested::new(requirement.cloned()),
            answered: AtomicBool::new(false),
            rewritten: AtomicBool::new(false),
        }
    }

    async fn scroll(&self, scope: &Scope, query: WindowQuery) -> Result<Box<dyn Pages>, Fault> {
        let form = Form {
            page_size: Arc::clone(&self.page_size),
            rewritten: Arc::clone(&self.rewritten),
        };
        let (client, pattern) = (Arc::clone(&self.client), Arc::clone(&self.pattern));
        let pages = ScrollPages::open(client, &scope.source, query, form, pattern).await?;
        Ok(Box::new(pages))
    }

    /// The answer to a search that counts, as whole as that to one that reads.
    async fn count(&self, request: Request) -> Result<Page, Fault> {
        let counted = async {
            let found = self.client.call(Operation::Count, request).await?;
            match answer::page(&found.body, 0, 0)? {
                Page { shards: 0, .. } => Err(answer::no_index()),
                counts => Ok(counts),
            }
        };
        counted
            .await
            .inspect_err(|fault| self.pattern.doubt_after(fault))
    }
}

#[async_trait]
impl Source for ElasticSource {
    async fn now(&self) -> Result<Timestamp, Fault> {
        let scope = self.scope().await?;
        let request = query::clock(&scope.source);
        let found = self.client.call(Operation::ReadClock, request).await;
        found
            .and_then(|found| answer::clock(&found.body))
            .inspect_err(|fault| self.pattern.doubt_after(fault))
    }

    async fn open(
        &self,
        window: Window,
        requirement: Option<&Arc<Requirement>>,
    ) -> Result<Box<dyn Pages>, Fault> {
        let scope = self.scope().await?;
        let query = scope.query(window);
        match self.reader {
            Reader::Scroll => self.scroll(&scope, query).await,
            Reader::Pit(dialect) => {
                let view = self.view(dialect, query, requirement);
                Ok(Box::new(PitPages::open(view, &scope.source).await?))
            }
        }
    }

    async fn open_unordered(
        &self,
        window: Window,
        requirement: Option<&Arc<Requirement>>,
    ) -> Result<Box<dyn Pages>, Fault> {
        let scope = self.scope().await?;
        let query = scope.query(window);
        match self.reader {
            Reader::Scroll => self.scroll(&scope, query).await,
            Reader::Pit(dialect) => {
                let view = self.view(dialect, query, requirement);
                let pages = SlicedPages::open(view, &scope.source, SLICES).await?;
                Ok(Box::new(pages))
            }
        }
    }

    async fn census(&self, span: Window) -> Result<Census, Fault> {
        let scope = self.scope().await?;
        let request = query::census(&scope.source, span, scope.marks);
        let counts = self.count(request).await?;
        let census = counts.census.ok_or_else(uncounted)?;
        Ok(census.within(span))
    }

    async fn census_of(&self, index: &str, span: Window) -> Result<Census, Fault> {
        let scope = self.scope().await?;
        let one = SourcePlan {
            index: index.to_owned(),
            ..scope.source.clone()
        };
        match self.count(query::census(&one, span, scope.marks)).await {
            Ok(counts) => Ok(counts.census.ok_or_else(uncounted)?.within(span)),
            Err(fault) if fault.reason == FaultReason::IndexNotFound => Ok(Census::default()),
            Err(fault) => Err(fault),
        }
    }

    async fn without_time(&self) -> Result<u64, Fault> {
        let scope = self.scope().await?;
        let counts = self.count(query::without_time(&scope.source)).await?;
        counts.total.ok_or_else(uncounted)
    }

    fn coverage(&self) -> Coverage {
        self.pattern.coverage()
    }
}
