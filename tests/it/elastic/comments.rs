//! Documents with comments. They are not JSON, but servers store them, and repeat them as they came:
//! then the whole answer is none.

use std::collections::BTreeSet;

use k8scop::{
    detect::document::Document,
    pipeline::ports::{Fault, Remedy, Source},
};
use k8scop_testbed::Flavor;
use serde_json::Value;

use super::{
    connected, read, seed,
    seed::{date, on_every_server},
    window,
};

on_every_server!(
    documents_with_comments_are_read_with_all_others,
    comments_do_not_hide_what_stands_between_them,
    a_comment_on_a_late_page_is_read_as_well,
);

const TIME: &str = r#""@timestamp":"2026-11-23T07:40:07Z""#;

/// An event whose text goes on like this.
fn event(id: usize, rest: &str) -> (String, String) {
    (id.to_string(), format!(r#"{{{TIME},"verb":"get"{rest}"#))
}

async fn source(flavor: Flavor, index: &str) -> std::sync::Arc<dyn Source> {
    let url = seed::server(flavor).await;
    connected(url, index, "alerts").await.expect("connects").0
}

/// Stores documents, and reads them in both ways: all have to come, and each by itself.
async fn come_all(flavor: Flavor, index: &str, documents: Vec<(String, String)>) {
    let url = seed::server(flavor).await;
    seed::index(url, index, date(), 1).await;
    let stored: BTreeSet<String> = documents.iter().map(|(id, _)| id.clone()).collect();
    seed::documents(url, index, documents).await;
    let source = source(flavor, index).await;
    for read in [in_order(&*source).await, unordered(&*source).await] {
        let documents = read.expect("the window is read");
        assert_eq!(documents.len(), stored.len());
        let ids: BTreeSet<_> = documents.iter().map(|it| it.id.clone()).collect();
        assert_eq!(ids, stored);
        for document in documents {
            let event: Value = serde_json::from_slice(&document.source).expect("it is JSON");
            assert_eq!(event["verb"], "get");
        }
    }
}

fn minute() -> k8scop::pipeline::window::Window {
    window("2026-11-23T07:40:00Z", "2026-11-23T07:41:00Z")
}

/// As the pipeline does, opens the window again where that is the remedy.
async fn in_order(source: &dyn Source) -> Result<Vec<Document>, Fault> {
    match read(source, minute()).await {
        Err(fault) if fault.remedy == Remedy::Reopen => read(source, minute()).await,
        answer => answer,
    }
}

async fn unordered(source: &dyn Source) -> Result<Vec<Document>, Fault> {
    let mut pages = source.open_unordered(minute(), None).await?;
    let mut documents = Vec::new();
    loop {
        match pages.next().await {
            Ok(Some(page)) => documents.extend(page),
            Ok(None) => break,
            Err(fault) if fault.remedy == Remedy::Reopen => {
                documents.clear();
                pages = source.open_unordered(minute(), None).await?;
            }
            Err(fault) => return Err(fault),
        }
    }
    pages.close().await;
    Ok(documents)
}

async fn documents_with_comments_are_read_with_all_others(flavor: Flavor) {
    let documents = [
        "}",
        "/* } */}",
        "}// end",
        "}/* \" { */",
        r#","requestObject":{"a":[]/*,*/,"b.c":null}}"#,
    ];
    let documents = documents.iter().enumerate();
    let documents = documents.map(|(id, rest)| event(id, rest)).collect();
    come_all(flavor, "comments", documents).await;
}

/// By brackets and quotes alone, the first document would go on to the end of the last.
async fn comments_do_not_hide_what_stands_between_them(flavor: Flavor) {
    let documents = vec![
        event(0, r#"/*"*/}"#),
        event(1, r#","user":{"username":"intruder"}}"#),
        event(2, r#"/*"*/}"#),
    ];
    come_all(flavor, "comments-around", documents).await;
}

async fn a_comment_on_a_late_page_is_read_as_well(flavor: Flavor) {
    let plain = (0..1_500).map(|id| event(id, "}"));
    let documents = plain.chain([event(1_500, "}// }")]).collect();
    come_all(flavor, "comments-late", documents).await;
}
