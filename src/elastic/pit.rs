//! The pages of a window over a point in time, by time.

use async_trait::async_trait;
use serde_json::Value;

use super::{
    answer::Page,
    query::Reading,
    view::{Handle, View, miscounted, uncounted},
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

/// A window that is read page after page.
pub(super) struct PitPages {
    view: View,
    handle: Handle,
    position: Position,
}

/// How far a window has been read.
#[derive(Debug, Default)]
struct Position {
    /// Sort values of the last document.
    after: Option<Vec<Value>>,
    seen: u64,
    /// Documents in the window and their marks, told by the first page.
    counted: Option<(u64, Census)>,
}

impl PitPages {
    pub(super) async fn open(mut view: View, source: &SourcePlan) -> Result<Self, Fault> {
        Ok(Self {
            handle: view.open(source).await?,
            view,
            position: Position::default(),
        })
    }
}

#[async_trait]
impl Pages for PitPages {
    async fn next(&mut self) -> Result<Option<Vec<Document>>, Fault> {
        if self.position.is_at_end() {
            return Ok(None);
        }
        let after = self.position.after.as_deref();
        let page = self.view.page(&self.handle, Reading::ByTime, after).await;
        let mut page = page?;
        self.handle.note(&mut page);
        let counted = self.view.marks(&mut page);
        self.position.advance(page, counted)
    }

    fn total(&self) -> Option<u64> {
        self.position.counted.as_ref().map(|(total, _)| *total)
    }

    fn census(&self) -> Option<&Census> {
        self.position.counted.as_ref().map(|(_, census)| census)
    }

    fn pushdown(&self) -> Pushdown {
        self.view.pushdown()
    }

    async fn close(self: Box<Self>) {
        self.view.close(&self.handle).await;
    }
}

impl Position {
    /// As many were read as were counted.
    fn is_at_end(&self) -> bool {
        let total = self.counted.as_ref().map(|(total, _)| *total);
        total == Some(self.seen)
    }

    fn advance(
        &mut self,
        page: Page,
        counted: Option<(u64, Census)>,
    ) -> Result<Option<Vec<Document>>, Fault> {
        if self.counted.is_none() {
            self.counted = Some(counted.ok_or_else(uncounted)?);
        }
        let total = self.counted.as_ref().map_or(0, |(total, _)| *total);
        self.seen += page.documents.len() as u64;
        if self.seen > total || (page.documents.is_empty() && self.seen < total) {
            return Err(miscounted());
        }
        self.after = page.last_sort;
        Ok((!page.documents.is_empty()).then_some(page.documents))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::pipeline::ports::FaultReason;

    /// Takes a page of so many documents, which may tell how many there are in all.
    fn advance(
        position: &mut Position,
        documents: usize,
        total: Option<u64>,
    ) -> Result<Option<Vec<Document>>, Fault> {
        let counted = total.map(|total| (total, Census::default()));
        position.advance(page(documents), counted)
    }

    fn page(documents: usize) -> Page {
        let document = |id: usize| Document {
            index: "i".to_owned(),
            id: id.to_string(),
            time: None,
            source: Bytes::new(),
            is_rebuilt: false,
        };
        Page {
            documents: (0..documents).map(document).collect(),
            last_sort: (documents > 0).then(|| vec![json!(documents)]),
            total: None,
            view: None,
            shards: 1,
            skipped: 0,
            census: None,
        }
    }

    #[test]
    fn the_end_is_believed_when_as_many_were_read_as_were_counted() {
        let mut position = Position::default();
        assert!(advance(&mut position, 2, Some(3)).expect("first").is_some());
        assert!(!position.is_at_end());
        assert!(advance(&mut position, 1, None).expect("second").is_some());
        assert!(position.is_at_end());
    }

    #[test]
    fn a_window_counted_as_empty_is_at_its_end() {
        let mut position = Position::default();
        assert_eq!(advance(&mut position, 0, Some(0)), Ok(None));
        assert!(position.is_at_end());
    }

    #[test]
    fn an_early_end_opens_the_window_again() {
        let mut position = Position::default();
        advance(&mut position, 2, Some(3)).expect("first");
        assert_eq!(advance(&mut position, 0, None), Err(miscounted()));
    }

    #[test]
    fn more_than_was_counted_opens_the_window_again() {
        let mut position = Position::default();
        assert_eq!(advance(&mut position, 4, Some(3)), Err(miscounted()));
    }

    #[test]
    fn a_window_that_was_not_counted_is_not_believed_to_be_empty() {
        let fault = advance(&mut Position::default(), 0, None).unwrap_err();
        assert_eq!(fault.reason, FaultReason::ElasticsearchUnavailable);
    }
}
