//! Elasticsearch and OpenSearch behind the ports of [`pipeline`](crate::pipeline).
//!
//! Promises: a window is read to its last document or not at all; an alert counts as written only
//! when its own item of a bulk answer says so, and as a duplicate only when the stored one was
//! looked at; nothing that a server sends is repeated in a
//! message; no secret is printed.
//!
//! Elasticsearch from 7.12 and OpenSearch from 3.3 are read over a point in time, older ones
//! (from Elasticsearch 7.8 and OpenSearch 1.0) over a scroll.

mod answer;
mod bulk;
mod client;
mod destination;
mod fault;
mod lookup;
mod page_size;
mod pit;
mod pushdown;
mod query;
mod reduce;
mod request;
mod scope;
mod scroll;
mod server;
mod settings;
mod sink;
mod slices;
mod source;
mod stored;
mod template;
mod verification;
mod view;

use std::sync::Arc;

pub use settings::{ConnectionSettings, Credentials, Limits, SettingsError};
pub use stored::{StoredAlert, StoredAlerts};

use self::{client::Client, server::Server, sink::ElasticSink, source::ElasticSource};
use crate::pipeline::{
    plan::{SinkPlan, SourcePlan},
    ports::{Fault, Sink, Source},
};

/// Recognises a server and gives a source and a sink on it.
pub async fn connect(
    settings: &ConnectionSettings,
    source: &SourcePlan,
    sink: &SinkPlan,
) -> Result<(Arc<dyn Source>, Arc<dyn Sink>), Fault> {
    let client = Arc::new(Client::new(settings)?);
    let server = Server::recognise(&client).await?;
    let source = ElasticSource::new(Arc::clone(&client), server.reader(), source.clone());
    let sink = ElasticSink::new(client, sink.clone(), server.free_object());
    Ok((Arc::new(source), Arc::new(sink)))
}
