//! A search server that dies or freezes, and an operator that is told to stop meanwhile.

use std::time::{Duration, Instant};

use k8scop_testbed::{
    Flavor, SearchServer,
    faults::{Act, On},
};

use super::{own, shared, slow_searches};
use crate::support::{eventually, search::Search, site::Site, workload::JOBS};

const SOON: Duration = Duration::from_secs(60);
/// Kubernetes kills after thirty seconds.
const GRACE: Duration = Duration::from_secs(25);

#[tokio::test]
async fn alerts_that_are_under_way_at_the_end_are_written() {
    let mut site = Site::new(Flavor::Elasticsearch9, shared("stopped")).await;
    let proxy = site.proxy().await;
    proxy.rule(On::post("*/_bulk"), Act::Delay(Duration::from_millis(500)));
    let operator = site.operator(proxy.url(), "").await;
    proxy
        .until("delay", JOBS.len(), SOON)
        .await
        .expect("the jobs write");
    let told = Instant::now();
    assert_eq!(operator.stop().await, 0);
    assert!(told.elapsed() < GRACE, "{:?}", told.elapsed());
    site.nothing_is_missing_before_the_watermarks().await;
    let journal = proxy.journal();
    let unanswered = journal
        .iter()
        .filter(|it| it.path == "/_bulk" && it.status.is_none());
    assert_eq!(unanswered.count(), 0, "every write was waited for");

    let operator = site.operator(site.search.url(), "").await;
    site.all_done(&operator).await;
    assert_eq!(operator.stop().await, 0);
    site.verdict().await;
}

#[tokio::test]
async fn a_server_that_freezes_dies_and_comes_back_loses_nothing() {
    let mut server = SearchServer::start(Flavor::Elasticsearch9)
        .await
        .expect("it starts");
    let search = Search::new(server.url());
    let mut site = Site::on(search, own("outage", true)).await;

    // Frozen in the middle, and the operator told to stop: it does not wait for ever.
    let proxy = site.proxy().await;
    slow_searches(&proxy);
    let operator = site.operator(proxy.url(), "").await;
    let written = async || (site.search.count(&site.sink()).await > 0).then_some(());
    eventually("the first alerts are written", SOON, written).await;
    server.freeze().expect("it is ours");
    let told = Instant::now();
    assert_eq!(operator.stop().await, 0);
    assert!(told.elapsed() < GRACE, "{:?}", told.elapsed());
    server.thaw().expect("it is ours");
    site.nothing_is_missing_before_the_watermarks().await;

    // Killed in the middle, away for a while, and back on the same port.
    let proxy = site.proxy().await;
    slow_searches(&proxy);
    let operator = site.operator(proxy.url(), "").await;
    let known = site.search.count(&site.sink()).await;
    let more = async || (site.search.count(&site.sink()).await > known).then_some(());
    eventually("more alerts are written", SOON, more).await;
    server.kill().await.expect("it is ours");
    let noticed = async || {
        let faults = operator.gauge("k8scop_elasticsearch_faults_total").await?;
        (faults.iter().sum::<f64>() >= 6.0).then_some(())
    };
    eventually("the jobs notice", SOON, noticed).await;
    server.start_again().await.expect("it starts again");
    site.all_done(&operator).await;

    // Frozen until somebody waits for it, and thawed.
    server.freeze().expect("it is ours");
    let asked = proxy.journal().len();
    let waits = async || (proxy.journal().len() > asked + 1).then_some(());
    eventually("the jobs ask", SOON, waits).await;
    server.thaw().expect("it is ours");
    let behind = site.add_now().await;
    site.beyond(&operator, behind).await;
    // A server that has just thawed shows what is written later than the safety lag allows.
    site.swept().await;
    assert_eq!(operator.stop().await, 0);
    site.verdict().await;
}
