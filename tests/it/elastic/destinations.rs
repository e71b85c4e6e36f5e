//! Where alerts go, and where they must not, on real servers.

use k8scop::pipeline::ports::{FaultReason, Outcome};
use k8scop_testbed::Flavor;
use serde_json::{Value, json};

use super::{
    alerts::{alert, clear, push, reasons, sink},
    seed,
    seed::on_every_server,
};

on_every_server!(
    an_alias_in_place_of_an_alert_index_is_refused,
    an_alias_that_is_the_sink_is_refused_unless_it_only_gathers_alerts,
    an_alert_that_an_alias_leads_elsewhere_is_held,
    a_data_stream_is_refused,
    a_strict_template_that_wins_is_refused,
);

type Refusal = Result<(), FaultReason>;

const NOT_DETERMINISTIC: Refusal = Err(FaultReason::SinkNotDeterministic);

async fn prepare(sink: &dyn k8scop::pipeline::ports::Sink) -> Refusal {
    sink.prepare().await.map_err(|fault| fault.reason)
}

async fn make(url: &str, index: &str, alias: &str) {
    clear(url, index).await;
    seed::call("PUT", url, index, json!({"aliases": {alias: {}}})).await;
}

async fn an_alias_in_place_of_an_alert_index_is_refused(flavor: Flavor) {
    let (url, sink) = sink(flavor, "aliased").await;
    make(url, "real-aliased-1", "aliased-2026.11.22").await;
    assert_eq!(prepare(&*sink).await, NOT_DETERMINISTIC);
    clear(url, "real-aliased-1").await;
    assert_eq!(prepare(&*sink).await, Ok(()));
}

async fn an_alias_that_is_the_sink_is_refused_unless_it_only_gathers_alerts(flavor: Flavor) {
    let (url, sink) = sink(flavor, "gathered").await;
    make(url, "gathered-2026.11.22", "gathered").await;
    assert_eq!(prepare(&*sink).await, Ok(()));
    make(url, "gathered-000001", "gathered").await;
    assert_eq!(prepare(&*sink).await, NOT_DETERMINISTIC);
    clear(url, "gathered-000001").await;
    clear(url, "gathered-2026.11.22").await;
}

async fn an_alert_that_an_alias_leads_elsewhere_is_held(flavor: Flavor) {
    let (url, sink) = sink(flavor, "led").await;
    sink.prepare().await.expect("template is installed");
    make(url, "real-led-1", "led-2026.11.23").await;
    for _ in 0..2 {
        let outcomes = push(&*sink, &[alert("led-2026.11.23", "a")]).await;
        assert!(matches!(&outcomes[..], [Outcome::Retry(_)]), "{outcomes:?}");
        assert_eq!(reasons(&outcomes), ["SinkNotDeterministic"]);
    }
    clear(url, "real-led-1").await;
}

/// The servers make a data stream where a document comes to a name that its template is for;
/// Elasticsearch 7.10 without its default modules knows none.
async fn a_data_stream_is_refused(flavor: Flavor) {
    if flavor == Flavor::Elasticsearch7 {
        return;
    }
    let (url, sink) = sink(flavor, "streamed").await;
    let template = json!({
        "index_patterns": ["streamed-20*"], "priority": 900, "data_stream": {},
    });
    seed::call("PUT", url, "_index_template/streams", template).await;
    let event = json!({"@timestamp": "2026-11-23T00:00:00Z"});
    seed::call("POST", url, "streamed-2026.11.23/_doc", event).await;
    assert_eq!(prepare(&*sink).await, NOT_DETERMINISTIC);
}

async fn a_strict_template_that_wins_is_refused(flavor: Flavor) {
    let (url, sink) = sink(flavor, "strict").await;
    let template = json!({
        "index_patterns": ["strict-20*"], "priority": 900,
        "template": {"mappings": {"dynamic": "strict"}},
    });
    let path = "_index_template/strict-foreign";
    seed::call("PUT", url, path, template).await;
    let refusal = Err(FaultReason::SinkTemplateMissing);
    assert_eq!(prepare(&*sink).await, refusal);
    seed::call("DELETE", url, path, Value::Null).await;
    assert_eq!(prepare(&*sink).await, Ok(()));
}
