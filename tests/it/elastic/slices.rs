//! Windows read in several parts at once, in no order.

use std::collections::BTreeSet;

use k8scop::{
    detect::document::Document,
    pipeline::{
        ledger::Census,
        ports::{Fault, FaultReason, Pages, Remedy, Source},
        window::Window,
    },
};
use k8scop_testbed::Flavor;
use serde_json::{Value, json};

use super::{
    connected, seed,
    seed::{date, on_every_server},
    window,
    wire::{Call, Wire, error, hit, page},
};

on_every_server!(
    the_parts_of_a_window_hold_each_document_once,
    an_empty_window_ends_at_once,
    a_view_that_is_lost_asks_to_be_opened_again,
);

fn a_minute() -> Window {
    window("2026-11-23T07:40:00Z", "2026-11-23T07:41:00Z")
}

async fn unordered(source: &dyn Source) -> Result<Box<dyn Pages>, Fault> {
    source.open_unordered(a_minute(), None).await
}

/// All documents of a window by index and id, and what it is marked by.
async fn read(mut pages: Box<dyn Pages>) -> Result<(Vec<Document>, Option<Census>), Fault> {
    let mut documents = Vec::new();
    while let Some(page) = pages.next().await? {
        assert!(
            pages.total().is_some(),
            "the total is known with the first page"
        );
        documents.extend(page);
    }
    let total = pages.total();
    assert_eq!(total, Some(documents.len() as u64));
    let census = pages.census().cloned();
    pages.close().await;
    documents.sort_by(|a, b| (&a.index, &a.id).cmp(&(&b.index, &b.id)));
    Ok((documents, census))
}

async fn the_parts_of_a_window_hold_each_document_once(flavor: Flavor) {
    let url = seed::server(flavor).await;
    let nanos = json!({"@timestamp": {"type": "date_nanos"}});
    for (index, mapping, shards, count) in [
        ("parts-a", date(), 1, 4_000),
        ("parts-b", nanos, 3, 7_000),
        ("parts-c", date(), 2, 2),
        ("parts-d", json!({}), 1, 0),
    ] {
        seed::index(url, index, mapping, shards).await;
        let document = |number: usize| {
            let second = number * 37 % 61;
            let time = format!("2026-11-23T07:40:{second:02}.{:03}Z", number % 1_000);
            let time = time.replace("07:40:60", "07:41:00");
            (number.to_string(), json!({"@timestamp": time}))
        };
        seed::documents(url, index, (0..count).map(document)).await;
    }
    let (source, _) = connected(url, "parts-*", "alerts").await.expect("connects");
    let ordered = source.open(a_minute(), None).await;
    let ordered = read(ordered.expect("view opens")).await;
    let unordered = unordered(&*source).await.expect("view opens");
    let unordered = read(unordered).await.expect("window is read");
    let distinct: BTreeSet<(&str, &str)> = unordered
        .0
        .iter()
        .map(|document| (&*document.index, &*document.id))
        .collect();
    assert_eq!(distinct.len(), unordered.0.len());
    assert!(unordered.0.len() > 10_000);
    assert_eq!(Ok(unordered), ordered);
}

async fn an_empty_window_ends_at_once(flavor: Flavor) {
    let url = seed::server(flavor).await;
    seed::index(url, "no-parts", date(), 2).await;
    let (source, _) = connected(url, "no-parts", "alerts")
        .await
        .expect("connects");
    let pages = unordered(&*source).await.expect("view opens");
    let empty = (Vec::new(), Some(Census::default()));
    assert_eq!(read(pages).await, Ok(empty));
}

async fn a_view_that_is_lost_asks_to_be_opened_again(flavor: Flavor) {
    let url = seed::server(flavor).await;
    let fill = async || {
        seed::index(url, "lost-parts", date(), 1).await;
        let document = |number: usize| {
            let document = json!({"@timestamp": "2026-11-23T07:40:07Z"});
            (number.to_string(), document)
        };
        seed::documents(url, "lost-parts", (0..9_000).map(document)).await;
    };
    fill().await;
    let (source, _) = connected(url, "lost-parts", "alerts")
        .await
        .expect("connects");
    let mut pages = unordered(&*source).await.expect("view opens");
    let first = pages.next().await.expect("first page");
    assert!(first.is_some_and(|page| !page.is_empty()));
    fill().await;
    let fault = loop {
        match pages.next().await {
            Ok(page) => assert!(page.is_some(), "the window does not end"),
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault.remedy, Remedy::Reopen, "{fault}");
    pages.close().await;
    let pages = unordered(&*source).await.expect("view opens");
    assert_eq!(read(pages).await.expect("window is read").0.len(), 9_000);
}

fn asked(call: &Call) -> Value {
    serde_json::from_str(&call.body).expect("JSON")
}

/// A server whose view holds so many documents, each slice one of them.
async fn two_documents(
    total: u64,
    script: impl Fn(&Value) -> Option<axum::response::Response> + Clone + Send + Sync + 'static,
) -> Wire {
    Wire::start(move |call| {
        if !call.path.ends_with("_search") {
            return None;
        }
        let asked = asked(call);
        script(&asked).or_else(|| match &asked["slice"]["id"] {
            Value::Null => Some(page(total, json!([]))),
            _ if asked.get("search_after").is_some() => Some(page(total, json!([]))),
            id => Some(page(total, json!([hit(&id.to_string())]))),
        })
    })
    .await
}

#[tokio::test]
async fn a_call_that_failed_for_one_slice_is_repeated_for_that_one() {
    let wire = two_documents(2, {
        let failed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        move |asked| {
            let fails = asked["slice"]["id"] == 1
                && !failed.swap(true, std::sync::atomic::Ordering::Relaxed);
            fails.then(|| error(500, "anything"))
        }
    })
    .await;
    let (source, _) = connected(&wire.url, "logs", "alerts")
        .await
        .expect("connects");
    let mut pages = unordered(&*source).await.expect("view opens");
    let (mut faults, mut ids) = (0, BTreeSet::new());
    loop {
        match pages.next().await {
            Ok(None) => break,
            Ok(Some(page)) => ids.extend(page.into_iter().map(|document| document.id)),
            Err(fault) => {
                assert_eq!(fault.remedy, Remedy::Retry, "{fault}");
                faults += 1;
            }
        }
    }
    let both = ["0", "1"].map(str::to_owned);
    assert_eq!((faults, ids), (1, BTreeSet::from(both)));
}

#[tokio::test]
async fn parts_that_give_another_number_than_was_counted_open_the_window_again() {
    for total in [1, 3] {
        let wire = two_documents(total, |_| None).await;
        let (source, _) = connected(&wire.url, "logs", "alerts")
            .await
            .expect("connects");
        let pages = unordered(&*source).await.expect("view opens");
        let read = read(pages).await.map(|(documents, _)| documents.len());
        let told = read.map_err(|fault| (fault.reason, fault.remedy));
        let miscounted = Err((FaultReason::PartialResults, Remedy::Reopen));
        // With one counted, one is enough, whichever comes first.
        let expected = if total == 1 { Ok(1) } else { miscounted };
        assert_eq!(told, expected, "{total}");
    }
}
