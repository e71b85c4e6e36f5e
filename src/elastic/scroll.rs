//! The pages of a window over a scroll, for servers that have no better. A call whose answer was
//! lost cannot be repeated without a gap, so that any failure of the scroll opens the window again.
//!
//! A scroll cannot ask for less of one document only. Where pages have shrunk to one document, the
//! scroll tells the names of documents, and each is read by itself.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;

use super::{
    answer::{self, NoPage, Page},
    client::Client,
    fault::{self, Operation},
    page_size::PageSize,
    query::{self, Detail, PageQuery, Reading, WindowQuery},
    reduce::{is_too_large, reduce},
    request::Request,
    scope::Pattern,
    view::{miscounted, uncounted},
};
use crate::{
    detect::document::Document,
    pipeline::{
        ledger::Census,
        plan::SourcePlan,
        ports::{Fault, Pages, Remedy},
        pushdown::Pushdown,
    },
};

/// Documents that are named at once: few enough to be read before the scroll expires.
const NAMES: usize = 100;

/// In which form scrolls of a source are asked for.
pub(super) struct Form {
    pub(super) page_size: Arc<PageSize>,
    /// Whether documents are written anew by the server: from a page that cannot be read as they
    /// are stored to the end of its window.
    pub(super) rewritten: Arc<AtomicBool>,
}

impl Form {
    /// The first page of a scroll; `names` is the number of documents that are named at once.
    fn first_page(&self, names: usize) -> PageQuery<'static> {
        let (size, detail) = match self.page_size.size() {
            1 => (names, Detail::IdOnly),
            size if self.rewritten.load(Ordering::Relaxed) => (size, Detail::Rewritten),
            size => (size, Detail::Whole),
        };
        PageQuery {
            reading: Reading::ByTime,
            size,
            detail,
            after: None,
        }
    }
}

/// A window that the server hands out page by page.
pub(super) struct ScrollPages {
    client: Arc<Client>,
    form: Form,
    scroll: String,
    /// Shards that every page must answer for.
    shards: u64,
    total: u64,
    census: Census,
    seen: u64,
    /// The page that came with the scroll, not handed on yet.
    first: Option<Vec<Document>>,
    pattern: Arc<Pattern>,
    /// The sort values of documents are their times.
    has_times: bool,
    one_by_one: bool,
    /// Documents that were named and are still to be read.
    named: VecDeque<Document>,
    lost: bool,
    largest_answer: usize,
}

impl ScrollPages {
    pub(super) async fn open(
        client: Arc<Client>,
        source: &SourcePlan,
        query: WindowQuery,
        form: Form,
        pattern: Arc<Pattern>,
    ) -> Result<Self, Fault> {
        let mut names = NAMES;
        let (page, one_by_one, largest_answer) = loop {
            let first = form.first_page(names);
            let one_by_one = first.detail == Detail::IdOnly;
            let request = query::open_scroll(source, &query, first);
            match client.call(Operation::OpenView, request).await {
                Ok(found) => match answer::page(&found.body, 0, 0) {
                    Err(NoPage::Unreadable) if first.detail == Detail::Whole => {
                        form.rewritten.store(true, Ordering::Relaxed);
                    }
                    page => break (page?, one_by_one, found.body.len()),
                },
                Err(fault) if fault.remedy == Remedy::Shrink && !one_by_one => {
                    form.page_size.shrink();
                }
                Err(fault) if fault.remedy == Remedy::Shrink && names > 1 => names /= 2,
                Err(fault) => {
                    pattern.doubt_after(&fault);
                    return Err(fault);
                }
            }
        };
        if page.shards == 0 {
            return Err(answer::no_index());
        }
        let Some(scroll) = page.view else {
            return Err(fault::unavailable("server opened no scroll"));
        };
        let (Some(total), Some(census)) = (page.total, page.census) else {
            return Err(uncounted());
        };
        Ok(Self {
            client,
            form,
            scroll,
            // A scroll knows nothing of the shards that were skipped.
            shards: page.shards.saturating_sub(page.skipped),
            total,
            census: census.within(query.window),
            seen: 0,
            first: Some(page.documents),
            pattern,
            has_times: query.is_in_nanoseconds(),
            one_by_one,
            named: VecDeque::new(),
            lost: false,
            largest_answer,
        })
    }

    async fn call(&mut self, request: Request, shards: u64) -> Result<Page, NoPage> {
        let found = self.client.call(Operation::ReadPage, request).await?;
        self.largest_answer = self.largest_answer.max(found.body.len());
        answer::page(&found.body, shards, 0)
    }

    async fn fetch(&mut self) -> Result<Vec<Document>, Fault> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        if self.lost {
            return Err(miscounted());
        }
        let next = query::next_scroll(&self.scroll);
        let page = match self.call(next, self.shards).await {
            Ok(page) => page,
            Err(no_page) => {
                self.lost = true;
                if no_page == NoPage::Unreadable {
                    self.form.rewritten.store(true, Ordering::Relaxed);
                }
                let fault = Fault::from(no_page);
                if fault.remedy == Remedy::Shrink {
                    self.form.page_size.shrink();
                }
                return Err(Fault {
                    remedy: reopened(fault.remedy),
                    ..fault
                });
            }
        };
        if let Some(scroll) = page.view {
            self.scroll = scroll;
        }
        Ok(page.documents)
    }

    /// The next page of the scroll, which is not at its end.
    async fn page(&mut self) -> Result<Vec<Document>, Fault> {
        let mut documents = self.fetch().await?;
        if self.seen + documents.len() as u64 > self.total || documents.is_empty() {
            self.lost = true;
            return Err(miscounted());
        }
        if let Err(fault) = reduce(&self.client, &mut documents).await {
            self.lost = true;
            return Err(Fault {
                remedy: reopened(fault.remedy),
                ..fault
            });
        }
        Ok(documents)
    }

    /// The next document by itself. Until it is read it stays named, so that this may be repeated.
    async fn one(&mut self) -> Result<Document, Fault> {
        if self.named.is_empty() {
            self.named = self.page().await?.into();
        }
        let named = self.named.front().cloned().ok_or_else(miscounted)?;
        let document = self.read(named).await?;
        self.named.pop_front();
        Ok(document)
    }

    /// Reads as much of a document as fits into an answer; at the least its name remains.
    async fn read(&mut self, named: Document) -> Result<Document, Fault> {
        let mut detail = Detail::Whole;
        while detail != Detail::IdOnly {
            let request = query::document(&named, detail);
            match self.call(request, 1).await {
                Ok(page) => {
                    let read = page.documents.into_iter().next().ok_or_else(miscounted)?;
                    if !is_too_large(&read) || !detail.is_whole() {
                        return Ok(Document {
                            source: read.source,
                            ..named
                        });
                    }
                    detail = Detail::WithoutBodies;
                }
                Err(NoPage::Unreadable) if detail == Detail::Whole => detail = Detail::Rewritten,
                Err(NoPage::Fault(fault)) if fault.remedy == Remedy::Shrink => {
                    detail = detail.less().ok_or(fault)?;
                }
                Err(no_page) => return Err(no_page.into()),
            }
        }
        Ok(named)
    }
}

/// A connection that has to be made anew comes with new windows anyway.
fn reopened(remedy: Remedy) -> Remedy {
    match remedy {
        Remedy::Reconnect => Remedy::Reconnect,
        Remedy::Retry | Remedy::Reopen | Remedy::Shrink => Remedy::Reopen,
    }
}

#[async_trait]
impl Pages for ScrollPages {
    async fn next(&mut self) -> Result<Option<Vec<Document>>, Fault> {
        if self.seen == self.total && self.first.as_ref().is_none_or(Vec::is_empty) {
            self.form.page_size.adapt_to(self.largest_answer);
            self.form.rewritten.store(false, Ordering::Relaxed);
            return Ok(None);
        }
        let mut documents = if self.one_by_one {
            vec![self.one().await?]
        } else {
            self.page().await?
        };
        self.seen += documents.len() as u64;
        if !self.has_times {
            documents
                .iter_mut()
                .for_each(|document| document.time = None);
        }
        self.pattern
            .mark_rebuilt(&self.client, &mut documents)
            .await;
        Ok(Some(documents))
    }

    fn total(&self) -> Option<u64> {
        Some(self.total)
    }

    fn census(&self) -> Option<&Census> {
        Some(&self.census)
    }

    fn pushdown(&self) -> Pushdown {
        Pushdown::Off("this server is too old: it is read over a scroll".to_owned())
    }

    async fn close(self: Box<Self>) {
        let request = query::close_scroll(&self.scroll);
        // The server gives it up by itself in two minutes.
        let _ = self.client.send(Operation::ReadPage, request).await;
    }
}
