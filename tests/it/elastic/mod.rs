//! `k8scop::elastic` against real servers, and against scripted ones for what real servers do not
//! show on demand.

mod alerts;
mod bad_indices;
mod bulks;
mod census;
mod certificates;
mod comments;
mod conflicts;
mod destinations;
mod forms;
mod oversized;
mod pushdown;
mod rebuilt;
mod refusals;
mod seed;
mod slices;
mod windows;
mod wire;
mod years;

use std::sync::Arc;

use k8scop::{
    detect::{document::Document, layout::Layout},
    elastic::{ConnectionSettings, Credentials, connect},
    pipeline::{
        plan::{SinkPlan, SourcePlan},
        ports::{Fault, Pages, Sink, Source},
        window::Window,
    },
};

fn settings(address: &str) -> ConnectionSettings {
    ConnectionSettings::new(address, Credentials::None, None).expect("settings are valid")
}

fn source_plan(index: &str) -> SourcePlan {
    SourcePlan {
        index: index.to_owned(),
        timestamp_field: "@timestamp".to_owned(),
        layout: Layout::Auto,
        layout_path: None,
        filter: Vec::new(),
    }
}

fn sink_plan(index: &str) -> SinkPlan {
    SinkPlan {
        index: index.to_owned(),
    }
}

async fn connected(
    address: &str,
    index: &str,
    sink: &str,
) -> Result<(Arc<dyn Source>, Arc<dyn Sink>), Fault> {
    connect(&settings(address), &source_plan(index), &sink_plan(sink)).await
}

fn window(start: &str, end: &str) -> Window {
    Window {
        start: start.parse().expect("start is a timestamp"),
        end: end.parse().expect("end is a timestamp"),
    }
}

async fn open(source: &dyn Source, window: Window) -> Result<Box<dyn Pages>, Fault> {
    source.open(window, None).await
}

/// All documents of a window, in order.
async fn read(source: &dyn Source, window: Window) -> Result<Vec<Document>, Fault> {
    let mut pages = open(source, window).await?;
    let mut documents = Vec::new();
    while let Some(page) = pages.next().await? {
        documents.extend(page);
    }
    pages.close().await;
    Ok(documents)
}
