//! How many documents to ask for at once: fewer after an answer that was too large, more again
//! when answers are small.

use std::sync::atomic::{AtomicU8, Ordering};

use super::client::LARGEST_ANSWER;

/// Documents of the largest page. For each page the server finds the documents of the window anew, so
/// that small pages cost it more.
const LARGEST_PAGE: usize = 4_000;

/// The rung with 1,000 documents, where nothing is known of their size.
const FIRST: u8 = 2;

/// The rung with one document.
const ONE: u8 = 11;

/// A ladder of page sizes, shared by the windows of a source.
#[derive(Debug)]
pub(super) struct PageSize {
    rung: AtomicU8,
}

impl Default for PageSize {
    fn default() -> Self {
        Self {
            rung: AtomicU8::new(FIRST),
        }
    }
}

impl PageSize {
    /// Documents to ask for, at least one.
    pub(super) fn size(&self) -> usize {
        (LARGEST_PAGE >> self.rung.load(Ordering::Relaxed)).max(1)
    }

    /// Asks for fewer documents from now on, but for one at least.
    pub(super) fn shrink(&self) {
        self.step(|rung| (rung < ONE).then_some(rung + 1));
    }

    /// Asks for more from now on if an answer of this size leaves room for it, and for fewer if it
    /// takes much memory.
    pub(super) fn adapt_to(&self, bytes: usize) {
        if bytes < LARGEST_ANSWER / 4 {
            self.step(|rung| rung.checked_sub(1));
        } else if bytes > LARGEST_ANSWER / 2 {
            self.shrink();
        }
    }

    fn step(&self, step: impl FnMut(u8) -> Option<u8>) {
        // Refused only at an end of the ladder.
        let _ = self
            .rung
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shrinks_to_one_document_and_no_further() {
        let page = PageSize::default();
        let steps = [(); 12].map(|()| {
            let size = page.size();
            page.shrink();
            size
        });
        assert_eq!(steps, [1000, 500, 250, 125, 62, 31, 15, 7, 3, 1, 1, 1]);
    }

    #[test]
    fn a_page_grows_after_small_answers_and_shrinks_after_large_ones() {
        let page = PageSize::default();
        let sizes = [0, LARGEST_ANSWER, LARGEST_ANSWER / 2, 1000, 0].map(|bytes| {
            page.adapt_to(bytes);
            page.size()
        });
        assert_eq!(sizes, [2000, 1000, 1000, 2000, 4000]);
    }
}
