//! The pages of a window over a point in time: every call may be repeated.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::{
    answer::{self, Page},
    client::Client,
    fault::{self, Operation},
    mapping::Mapping,
    page_size::PageSize,
    pushdown::Filter,
    query::{self, Detail, PageQuery, WindowQuery},
    server::Dialect,
};
use crate::{
    detect::document::Document,
    pipeline::{
        ledger::Census,
        plan::SourcePlan,
        ports::{Fault, FaultReason, Pages, Remedy},
        pushdown::Pushdown,
    },
};

/// A window that the server holds still.
pub(super) struct PitPages {
    client: Arc<Client>,
    dialect: Dialect,
    view: String,
    query: WindowQuery,
    page_size: Arc<PageSize>,
    mapping: Arc<Mapping>,
    position: Position,
    pushdown: Pushdown,
}

/// How far a window has been read.
#[derive(Debug)]
struct Position {
    /// Shards that every page must answer for.
    shards: u64,
    /// Sort values of the last document.
    after: Option<Vec<Value>>,
    seen: u64,
    /// Documents in the window, told by the first page.
    total: Option<u64>,
    /// Marks of the window, told by the first page.
    census: Option<Census>,
}

impl PitPages {
    pub(super) async fn open(
        client: Arc<Client>,
        dialect: Dialect,
        source: &SourcePlan,
        query: WindowQuery,
        page_size: Arc<PageSize>,
        mapping: Arc<Mapping>,
    ) -> Result<Self, Fault> {
        let request = query::open_view(dialect, source);
        let opened = client.call(Operation::OpenView, request).await?;
        let view = answer::view(&opened.body)?;
        // A server that does not tell its shards covers at least one, or its pattern none at all.
        let position = Position {
            shards: view.shards.unwrap_or(1),
            after: None,
            seen: 0,
            total: None,
            census: None,
        };
        Ok(Self {
            client,
            dialect,
            view: view.id,
            query,
            page_size,
            mapping,
            position,
            pushdown: Pushdown::Off("nothing was asked for".to_owned()),
        })
    }

    /// Hands out only what passes a filter; or everything, for a reason. To be said before the first
    /// page.
    pub(super) fn leave_out(&mut self, filter: Result<Filter, String>) {
        match filter {
            Ok(filter) => {
                self.pushdown = filter.told();
                self.query.pushdown = Some(filter);
            }
            Err(why) => self.pushdown = Pushdown::Off(why),
        }
    }

    /// Whether it was the first page that failed, with a filter: it is then asked for without.
    fn give_up_filter(&mut self, fault: &Fault) -> bool {
        let is_suspect = self.position.total.is_none() && self.query.pushdown.take().is_some();
        if is_suspect {
            self.mapping.trust.doubt_after(fault);
        }
        is_suspect
    }

    async fn page(&self, size: usize, detail: Detail) -> Result<(Page, usize), Fault> {
        let page = PageQuery {
            size,
            detail,
            after: self.position.after.as_deref(),
        };
        let request = query::page(self.dialect, &self.view, &self.query, page);
        let answer = self.client.call(Operation::ReadPage, request).await?;
        let mut page = answer::page(&answer.body, self.position.shards)?;
        page.census = page.census.map(|census| census.within(self.query.window));
        Ok((page, answer.body.len()))
    }
}

#[async_trait]
impl Pages for PitPages {
    async fn next(&mut self) -> Result<Option<Vec<Document>>, Fault> {
        if self.position.is_at_end() {
            return Ok(None);
        }
        let mut detail = Detail::Fields;
        loop {
            let size = match detail {
                Detail::Fields => self.page_size.size(),
                Detail::WithoutBodies | Detail::IdOnly => 1,
            };
            match self.page(size, detail).await {
                Ok((mut page, bytes)) => {
                    // A document that was too large says nothing about the next one.
                    if detail == Detail::Fields {
                        self.page_size.grow_after(bytes);
                    }
                    if let Some(view) = page.view.take() {
                        self.view = view;
                    }
                    return self.position.advance(page);
                }
                Err(fault) if fault.remedy == Remedy::Shrink && size > 1 => self.page_size.shrink(),
                Err(fault) if fault.remedy == Remedy::Shrink => {
                    detail = detail.less().ok_or(fault)?;
                }
                Err(fault) => {
                    if fault.reason == FaultReason::TooManyRequests {
                        self.page_size.shrink();
                    }
                    if !self.give_up_filter(&fault) {
                        self.mapping.doubt_after(&fault);
                    }
                    return Err(fault);
                }
            }
        }
    }

    fn total(&self) -> Option<u64> {
        self.position.total
    }

    fn census(&self) -> Option<&Census> {
        self.position.census.as_ref()
    }

    fn pushdown(&self) -> Pushdown {
        self.pushdown.clone()
    }

    async fn close(self: Box<Self>) {
        let request = query::close_view(self.dialect, &self.view);
        // The server gives it up by itself in two minutes.
        let _ = self.client.send(Operation::ReadPage, request).await;
    }
}

impl Position {
    /// As many were read as were counted.
    fn is_at_end(&self) -> bool {
        self.total == Some(self.seen)
    }

    fn advance(&mut self, page: Page) -> Result<Option<Vec<Document>>, Fault> {
        self.shards = self.shards.max(page.shards);
        if self.total.is_none() {
            let (Some(total), Some(census)) = (page.total, page.census) else {
                return Err(uncounted());
            };
            (self.total, self.census) = (Some(total), Some(census));
        }
        let total = self.total.unwrap_or_default();
        self.seen += page.documents.len() as u64;
        if self.seen > total || (page.documents.is_empty() && self.seen < total) {
            return Err(miscounted());
        }
        self.after = page.last_sort;
        Ok((!page.documents.is_empty()).then_some(page.documents))
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    fn start() -> Position {
        Position {
            shards: 1,
            after: None,
            seen: 0,
            total: None,
            census: None,
        }
    }

    fn page(documents: usize, total: Option<u64>) -> Page {
        let document = |id: usize| Document {
            index: "i".to_owned(),
            id: id.to_string(),
            time: None,
            source: Bytes::new(),
        };
        Page {
            documents: (0..documents).map(document).collect(),
            last_sort: (documents > 0).then(|| vec![json!(documents)]),
            total,
            view: None,
            shards: 1,
            census: total.map(|_| Census::default()),
        }
    }

    #[test]
    fn the_end_is_believed_when_as_many_were_read_as_were_counted() {
        let mut position = start();
        assert!(position.advance(page(2, Some(3))).expect("first").is_some());
        assert!(!position.is_at_end());
        assert!(position.advance(page(1, None)).expect("second").is_some());
        assert!(position.is_at_end());
    }

    #[test]
    fn a_window_counted_as_empty_is_at_its_end() {
        let mut position = start();
        assert_eq!(position.advance(page(0, Some(0))), Ok(None));
        assert!(position.is_at_end());
    }

    #[test]
    fn an_early_end_opens_the_window_again() {
        let mut position = start();
        position.advance(page(2, Some(3))).expect("first");
        assert_eq!(position.advance(page(0, None)), Err(miscounted()));
    }

    #[test]
    fn more_than_was_counted_opens_the_window_again() {
        let mut position = start();
        assert_eq!(position.advance(page(4, Some(3))), Err(miscounted()));
    }

    #[test]
    fn a_window_that_was_not_marked_is_asked_for_again() {
        let unmarked = Page {
            census: None,
            ..page(2, Some(2))
        };
        let mut position = start();
        assert_eq!(position.advance(unmarked), Err(uncounted()));
        assert!(position.advance(page(2, Some(2))).expect("again").is_some());
    }

    #[test]
    fn a_window_that_was_not_counted_is_not_believed_to_be_empty() {
        let fault = start().advance(page(0, None)).unwrap_err();
        assert_eq!(fault.reason, FaultReason::ElasticsearchUnavailable);
    }
}
