//! Documents that are larger than detection parses: what is left of them without bodies may fit.

use super::{
    answer,
    client::Client,
    fault::Operation,
    query::{self, Detail},
};
use crate::{
    detect::{document::Document, json::SIZE_LIMIT},
    pipeline::ports::Fault,
};

/// Whether a document has to be asked for with less detail.
pub(super) fn is_too_large(document: &Document) -> bool {
    document.source.len() > SIZE_LIMIT
}

/// Asks for those that are too large again, without the bodies of request and response.
pub(super) async fn reduce(client: &Client, documents: &mut [Document]) -> Result<(), Fault> {
    for document in documents.iter_mut().filter(|it| is_too_large(it)) {
        let request = query::document(document, Detail::WithoutBodies);
        let found = client.call(Operation::ReadPage, request).await?;
        let page = answer::page(&found.body, 1, 0)?;
        // One that was deleted meanwhile stays as it was read.
        if let Some(reduced) = page.documents.into_iter().next() {
            document.source = reduced.source;
        }
    }
    Ok(())
}
