//! The pages of a window over a point in time, in several parts at once and in no order.
//!
//! The documents are counted by a call of their own, which knows nothing of the parts: a window
//! whose parts do not give as many is no whole one.

use std::{panic::resume_unwind, sync::Arc};

use async_trait::async_trait;
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;

use super::{
    answer::Page,
    query::Reading,
    view::{Handle, View, miscounted},
};
use crate::{
    detect::document::Document,
    pipeline::{
        ledger::Census,
        plan::SourcePlan,
        ports::{Fault, Pages},
        pushdown::Pushdown,
    },
};

/// A window that is read in slices. Each has its next page under way while others are handed on.
pub(super) struct SlicedPages {
    view: Arc<View>,
    handle: Handle,
    slices: Vec<Slice>,
    under_way: FuturesUnordered<BoxFuture<'static, (usize, Result<Page, Fault>)>>,
    /// Documents in the window and their marks.
    counted: Option<(u64, Census)>,
    seen: u64,
}

/// A part of a window.
#[derive(Clone, Debug, Default)]
struct Slice {
    state: State,
    /// Sort values of the last document.
    after: Option<Vec<Value>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Its next page is to be asked for.
    #[default]
    Idle,
    Asked,
    Ended,
}

impl SlicedPages {
    pub(super) async fn open(
        mut view: View,
        source: &SourcePlan,
        slices: usize,
    ) -> Result<Self, Fault> {
        Ok(Self {
            handle: view.open(source).await?,
            view: Arc::new(view),
            slices: vec![Slice::default(); slices],
            under_way: FuturesUnordered::new(),
            counted: None,
            seen: 0,
        })
    }

    /// Asks for the next page of every slice that has none under way.
    fn ask(&mut self) {
        let of = self.slices.len();
        for (slice, part) in self.slices.iter_mut().enumerate() {
            if part.state != State::Idle {
                continue;
            }
            part.state = State::Asked;
            let (view, handle) = (Arc::clone(&self.view), self.handle.clone());
            let after = part.after.clone();
            let asking = AbortOnDropHandle::new(tokio::spawn(async move {
                let reading = Reading::AsStored { slice, of };
                view.page(&handle, reading, after.as_deref()).await
            }));
            self.under_way.push(Box::pin(async move {
                let page = match asking.await {
                    Ok(page) => page,
                    Err(error) => match error.try_into_panic() {
                        Ok(panic) => resume_unwind(panic),
                        // The runtime is shutting down, and will not poll this task again.
                        Err(_) => std::future::pending().await,
                    },
                };
                (slice, page)
            }));
        }
    }

    async fn count(&mut self) -> Result<u64, Fault> {
        if self.counted.is_none() {
            self.counted = Some(self.view.count(&mut self.handle).await?);
        }
        Ok(self.counted.as_ref().map_or(0, |(total, _)| *total))
    }

    /// Takes note of a page of a slice. One without documents is its last.
    fn take(&mut self, slice: usize, mut page: Page) -> Vec<Document> {
        self.handle.note(&mut page);
        self.seen += page.documents.len() as u64;
        self.slices[slice] = match page.documents.is_empty() {
            true => Slice {
                state: State::Ended,
                after: None,
            },
            false => Slice {
                state: State::Idle,
                after: page.last_sort,
            },
        };
        page.documents
    }
}

#[async_trait]
impl Pages for SlicedPages {
    async fn next(&mut self) -> Result<Option<Vec<Document>>, Fault> {
        // Many windows of a long catch-up are empty: no slice of them is asked for.
        let total = self.count().await?;
        while self.seen < total {
            self.ask();
            // Every slice has ended.
            let Some((slice, answer)) = self.under_way.next().await else {
                return Err(miscounted());
            };
            let page = answer.inspect_err(|_| self.slices[slice].state = State::Idle)?;
            let documents = self.take(slice, page);
            if self.seen > total {
                return Err(miscounted());
            }
            if !documents.is_empty() {
                if self.seen < total {
                    self.ask();
                }
                return Ok(Some(documents));
            }
        }
        Ok(None)
    }

    fn total(&self) -> Option<u64> {
        self.counted.as_ref().map(|(total, _)| *total)
    }

    fn census(&self) -> Option<&Census> {
        self.counted.as_ref().map(|(_, census)| census)
    }

    fn pushdown(&self) -> Pushdown {
        self.view.pushdown()
    }

    async fn close(mut self: Box<Self>) {
        self.under_way.clear();
        self.view.close(&self.handle).await;
    }
}
