//! A window that the server holds still (a point in time), and the asking for its pages: every
//! call may be repeated.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::Value;

use super::{
    answer::{self, NoPage, Page},
    client::Client,
    fault::{self, Operation},
    page_size::PageSize,
    pushdown::Requested,
    query::{self, Detail, PageQuery, Reading, WindowQuery},
    reduce::reduce,
    request::Request,
    scope::Pattern,
    server::Dialect,
};
use crate::pipeline::{
    ledger::Census,
    plan::SourcePlan,
    ports::{Fault, FaultReason, Remedy},
    pushdown::Pushdown,
};

/// How to ask for what is in a view.
pub(super) struct View {
    pub(super) client: Arc<Client>,
    pub(super) dialect: Dialect,
    pub(super) query: WindowQuery,
    pub(super) page_size: Arc<PageSize>,
    pub(super) pattern: Arc<Pattern>,
    /// What may be left out of it.
    pub(super) requested: Requested,
    /// Whether the server has answered a search of it.
    pub(super) answered: AtomicBool,
    /// Whether some of its documents make answers unreadable as they are stored.
    pub(super) rewritten: AtomicBool,
}

/// What the server calls a view, and what every answer about it must cover. Both may change from
/// answer to answer.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    id: String,
    shards: u64,
}

impl Handle {
    /// Takes note of what an answer says about the view.
    pub(super) fn note(&mut self, page: &mut Page) {
        self.shards = self.shards.max(page.shards);
        if let Some(id) = page.view.take() {
            self.id = id;
        }
    }
}

impl View {
    /// Freezes the window, and finds out what of it can be left out.
    pub(super) async fn open(&mut self, source: &SourcePlan) -> Result<Handle, Fault> {
        let request = query::open_view(self.dialect, source);
        let opened = self.client.call(Operation::OpenView, request).await;
        let opened = opened.and_then(|opened| answer::view(&opened.body));
        let view = opened.inspect_err(|fault| self.pattern.doubt_after(fault))?;
        self.requested
            .decide(&self.client, source, self.dialect, &self.pattern.trust)
            .await;
        self.query.pushdown = self.requested.filter();
        Ok(Handle {
            id: view.id,
            // A server that does not tell its shards covers at least one, or its pattern none at all.
            shards: view.shards.unwrap_or(1),
        })
    }

    /// The page after these sort values. A document that is too large for an answer comes alone, with
    /// as much of it as fits.
    pub(super) async fn page(
        &self,
        handle: &Handle,
        reading: Reading,
        after: Option<&[Value]>,
    ) -> Result<Page, Fault> {
        let mut detail = match self.rewritten.load(Ordering::Relaxed) {
            true => Detail::Rewritten,
            false => Detail::Whole,
        };
        loop {
            let size = match detail.is_whole() {
                true => self.page_size.size(),
                false => 1,
            };
            let page = PageQuery {
                reading,
                size,
                detail,
                after,
            };
            let request = query::page(self.dialect, &handle.id, &self.query, page);
            match self.ask(handle, request, reading.time_at()).await {
                Ok((mut page, bytes)) => {
                    // A document that was too large says nothing about the next one.
                    if detail.is_whole() {
                        self.page_size.adapt_to(bytes);
                        let reduced = reduce(&self.client, &mut page.documents).await;
                        reduced.map_err(|fault| self.doubt_after(fault))?;
                    }
                    let documents = &mut page.documents;
                    self.pattern.mark_rebuilt(&self.client, documents).await;
                    return Ok(page);
                }
                Err(NoPage::Unreadable) if detail == Detail::Whole => {
                    self.rewritten.store(true, Ordering::Relaxed);
                    detail = Detail::Rewritten;
                }
                Err(NoPage::Fault(fault)) if fault.remedy == Remedy::Shrink && size > 1 => {
                    self.page_size.shrink();
                }
                Err(NoPage::Fault(fault)) if fault.remedy == Remedy::Shrink => {
                    detail = detail.less().ok_or(fault)?;
                }
                Err(no_page) => {
                    let fault = Fault::from(no_page);
                    if fault.reason == FaultReason::TooManyRequests {
                        self.page_size.shrink();
                    }
                    return Err(self.doubt_after(fault));
                }
            }
        }
    }

    /// How many documents the view holds, and their marks.
    pub(super) async fn count(&self, handle: &mut Handle) -> Result<(u64, Census), Fault> {
        let request = query::view_census(&handle.id, &self.query);
        let counted = self.ask(handle, request, 0).await;
        let (mut page, _) = counted.map_err(|no_page| self.doubt_after(no_page.into()))?;
        handle.note(&mut page);
        self.marks(&mut page).ok_or_else(uncounted)
    }

    /// What an answer counts, if it was asked to.
    pub(super) fn marks(&self, page: &mut Page) -> Option<(u64, Census)> {
        let census = page.census.take()?;
        Some((page.total?, census.within(self.query.window)))
    }

    /// Whether something is left out.
    pub(super) fn pushdown(&self) -> Pushdown {
        self.requested.told()
    }

    /// A first search that fails may do so for what it leaves out: the window is then read again
    /// whole.
    fn doubt_after(&self, fault: Fault) -> Fault {
        let is_first = !self.answered.load(Ordering::Relaxed);
        if is_first && self.query.pushdown.is_some() && self.pattern.trust.doubt_after(&fault) {
            return Fault {
                remedy: Remedy::Reopen,
                ..fault
            };
        }
        self.pattern.doubt_after(&fault);
        fault
    }

    async fn ask(
        &self,
        handle: &Handle,
        request: Request,
        time_at: usize,
    ) -> Result<(Page, usize), NoPage> {
        let answer = self.client.call(Operation::ReadPage, request).await?;
        let mut page = answer::page(&answer.body, handle.shards, time_at)?;
        if self.dialect == Dialect::OpenSearch && !self.query.is_in_nanoseconds() {
            page.forget_times();
        }
        self.answered.store(true, Ordering::Relaxed);
        Ok((page, answer.body.len()))
    }

    /// Gives the view up.
    pub(super) async fn close(&self, handle: &Handle) {
        let request = query::close_view(self.dialect, &handle.id);
        // The server gives it up by itself in two minutes.
        let _ = self.client.send(Operation::ReadPage, request).await;
    }
}

/// The fault of an answer that does not tell what it was asked to count.
pub(super) fn uncounted() -> Fault {
    fault::unavailable("server did not count the documents of a window")
}

/// The fault of a view that gave more or fewer documents than it counted.
pub(super) fn miscounted() -> Fault {
    fault::new(
        FaultReason::PartialResults,
        Remedy::Reopen,
        "server gave another number of documents than it had counted in the window",
    )
}
