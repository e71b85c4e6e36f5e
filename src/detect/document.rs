//! One stored document as a source hands it over, before anything of it is understood, and why it
//! may not be understood at all.

use bytes::Bytes;

/// A document that holds one audit event or several, in any layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The index (or file) the document was read from.
    pub index: String,
    /// The document's id in that index (or the line number in the file, counted from 1).
    pub id: String,
    /// The document's own time field as stored, RFC 3339; used only where the event has no time.
    pub time: Option<String>,
    /// The JSON of the document, unparsed: one hostile document cannot spoil its page.
    pub source: Bytes,
    /// Whether the store rebuilt the document from its index (synthetic or derived `_source`), so
    /// that lists may be sorted, merged and without duplicates.
    pub is_rebuilt: bool,
}

/// Documents that are checked to be text before the first of them is read.
const AHEAD: usize = 16;

/// Documents and their sources as text, where they are UTF-8. Some are checked ahead: the check is
/// fast and brings them near in one go, where reading them would wait for each.
pub fn with_texts(documents: &[Document]) -> impl Iterator<Item = (&Document, Option<&str>)> {
    documents.chunks(AHEAD).flat_map(|documents| {
        let mut texts = [None; AHEAD];
        for (text, document) in texts.iter_mut().zip(documents) {
            *text = std::str::from_utf8(&document.source).ok();
        }
        documents.iter().zip(texts)
    })
}

/// Why a document is not an audit event: it is set aside, counted, and its page goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Larger than 16 MiB.
    #[error("document is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// Not JSON.
    #[error("document is not valid JSON: {0}")]
    NotJson(String),
    /// A part of a text with several documents, of which the beginning or the end is missing.
    #[error("part of the document is not valid JSON")]
    Torn,
    /// JSON, but no audit event in any known layout.
    #[error("document holds no Kubernetes audit event")]
    NotAnAuditEvent,
    /// An audit event whose members are not under their names, and cannot be put back there.
    #[error(
        "the keys of the audit event were renamed in a way that cannot be undone; \
         store events with the names of audit.k8s.io/v1"
    )]
    Renamed,
    /// No audit event at the only place where one is looked for.
    #[error(
        "document holds no Kubernetes audit event at {path}, the layout path; correct or remove it"
    )]
    NothingAtPath {
        /// The place.
        path: String,
    },
    /// The analysis broke by a fault of our own.
    #[error("analysis of the document failed by a fault of k8scop's own: please report it")]
    AnalysisFailed,
}
