//! `verify` against real search servers.

use std::process::Stdio;

use k8scop_testbed::{
    Flavor,
    faults::{Act, On, Proxy},
};
use serde_json::{Value, json};
use tokio::process::Command;

use super::{Ran, events::Server};
use crate::support::verify::{Verdict, verify};

mod cluster;

const SPAN: [&str; 2] = ["-e", "2019-2-1-0-30-0"];

impl Server {
    async fn analysed(flavor: Flavor, test: &str) -> Server {
        let server = Server::with_events(flavor, test, 40).await;
        let ran = server.ran(&["-e", "2019-2-1-0-30-0", "-A", "static"]).await;
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        server
    }

    async fn verdict(&self, more: &[&str]) -> Verdict {
        self.search.refresh(&format!("{}-*", self.alerts())).await;
        let flags = self.flags();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        verify(&[&flags, &SPAN[..], more].concat(), "").await
    }

    /// The same in the form for people.
    async fn table(&self, more: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_k8scop"));
        command
            .arg("verify")
            .args(self.flags())
            .args(SPAN)
            .args(more);
        let output = command.stdin(Stdio::null()).output().await;
        output.expect("the command starts").into()
    }

    /// The alert of the event of this minute.
    async fn alert(&self, minute: usize) -> Value {
        self.search.alerts(&self.alerts()).await[minute].clone()
    }

    /// Writes an alert to where somebody might have written it.
    async fn put(&self, end: &str, id: &str, alert: &Value) {
        let index = format!("{}-{end}", self.alerts());
        let document = (Some(id.to_owned()), alert["_source"].clone());
        self.search.index(&index, &[document]).await;
    }
}

fn id(alert: &Value) -> &str {
    alert["_id"].as_str().expect("an alert has an id")
}

async fn finds_what_is_not_right(flavor: Flavor) {
    let server = Server::analysed(flavor, "verify").await;
    assert_eq!(server.verdict(&[]).await.assert_good(), 30);

    let lost = server.alert(3).await;
    server.search.delete(&lost).await;
    let verdict = server.verdict(&[]).await;
    assert_eq!((verdict.code, verdict.bad()), (Some(1), [1, 0, 0]));
    let expected = json!([{
        "id": id(&lost), "index": lost["_index"], "rule": "k8scop/secret-read",
        "time": "2019-02-01T00:03:00Z",
        "source": {"index": format!("{}-2019.02.01", server.prefix), "id": "3"},
    }]);
    assert_eq!(verdict.account["missingAlerts"], expected);

    let copied = server.alert(5).await;
    server.put("2019.02.02", id(&copied), &copied).await;
    server.put("2019.02.01", "another-id", &copied).await;
    let verdict = server.verdict(&[]).await;
    assert_eq!(verdict.bad(), [1, 2, 0]);

    let mut made_up = server.alert(7).await;
    made_up["_source"]["k8scop"]["fingerprint"] = json!("0".repeat(64));
    server.put("2019.02.01", "made-up", &made_up).await;
    made_up["_source"]["k8scop"]["job"] = json!("another");
    server.put("2019.02.01", "of-another-job", &made_up).await;
    made_up["_source"]["k8scop"]["job"] = json!("analyze");
    made_up["_source"]["k8scop"]["source"]["time"] = json!("2019-02-01T00:30:00Z");
    server.put("2019.02.01", "of-another-span", &made_up).await;
    let verdict = server.verdict(&[]).await;
    assert_eq!((verdict.code, verdict.bad()), (Some(1), [1, 2, 1]));
    assert_eq!(verdict.account["foreignAlerts"][0]["id"], "made-up");
}

#[tokio::test]
async fn what_is_missing_double_or_foreign_is_found() {
    finds_what_is_not_right(Flavor::Elasticsearch9).await;
}

#[tokio::test]
async fn what_is_missing_double_or_foreign_is_found_in_opensearch() {
    finds_what_is_not_right(Flavor::OpenSearch3).await;
}

#[tokio::test]
async fn what_is_missing_double_or_foreign_is_found_without_points_in_time() {
    finds_what_is_not_right(Flavor::Elasticsearch7).await;
}

#[tokio::test]
async fn an_id_that_another_alert_holds_proves_nothing() {
    let server = Server::analysed(Flavor::Elasticsearch9, "taken").await;
    let mut squatted = server.alert(1).await;
    squatted["_source"]["k8scop"]["fingerprint"] = json!("0".repeat(64));
    server.put("2019.02.01", id(&squatted), &squatted).await;
    let mut renamed = server.alert(2).await;
    renamed["_source"]["k8scop"]["rule"] = json!({"uid": "other", "match_hash": "other"});
    server.put("2019.02.01", id(&renamed), &renamed).await;
    let verdict = server.verdict(&[]).await;
    // The rules of this analysis come from files, so they have no uid that could differ.
    assert_eq!((verdict.code, verdict.bad()), (Some(1), [1, 0, 0]));
    assert_eq!(verdict.account["missingAlerts"][0]["id"], id(&squatted));
}

#[tokio::test]
async fn what_the_index_refused_counts_as_found_where_it_is_kept() {
    let server = Server::analysed(Flavor::Elasticsearch9, "refused").await;
    let mut reduced = server.alert(1).await;
    reduced["_source"]["k8scop"]["reduced"] = json!(true);
    server.put("2019.02.01", id(&reduced), &reduced).await;
    let kept = server.alert(2).await;
    server.search.delete(&kept).await;
    server.put("quarantine", id(&kept), &kept).await;
    let verdict = server.verdict(&[]).await;
    assert_eq!(verdict.assert_good(), 30);
    let apart = ["reduced", "quarantined"].map(|name| verdict.count(name));
    assert_eq!(apart, [1, 1]);
}

#[tokio::test]
async fn a_person_reads_counts_and_the_first_alerts_of_each_kind() {
    let server = Server::analysed(Flavor::Elasticsearch9, "table").await;
    for alert in &server.search.alerts(&server.alerts()).await[..22] {
        server.search.delete(alert).await;
    }
    let Ran { code, out, err } = server.table(&[]).await;
    let table = "\
EXPECTED   FOUND   MISSING   DUPLICATE   FOREIGN
30         8       22        0           0
";
    assert_eq!((code, out.as_str()), (Some(1), table), "{err}");
    let named = err.lines().filter(|line| {
        line.starts_with("missing: ") && line.contains(" of rule k8scop/secret-read at 2019-02-01T")
    });
    assert_eq!(named.count(), 20, "{err}");
    assert!(
        err.contains("\nmissing: 2 more; -o json prints them all\n"),
        "{err}"
    );
}

#[tokio::test]
async fn without_any_alert_index_all_are_missing() {
    let server = Server::with_events(Flavor::Elasticsearch9, "none", 2).await;
    let verdict = server.verdict(&[]).await;
    assert_eq!((verdict.code, verdict.bad()), (Some(1), [2, 0, 0]));
}

#[tokio::test]
async fn another_tenant_has_other_alerts() {
    let server = Server::analysed(Flavor::Elasticsearch9, "tenant").await;
    let verdict = server
        .verdict(&["--tenant", "security", "--job", "prod"])
        .await;
    assert_eq!((verdict.code, verdict.bad()), (Some(1), [30, 0, 0]));
}

#[tokio::test]
async fn rules_of_a_cluster_are_taken_from_standard_input() {
    let server = Server::analysed(Flavor::Elasticsearch9, "stdin").await;
    let rule = std::fs::read_to_string("manifests/rules/secret-read.yaml");
    let rule = rule.expect("the rule is there").replacen(
        "metadata:\n",
        "metadata:\n  namespace: k8scop\n  uid: 11111111-2222-3333-4444-555555555555\n",
        1,
    );
    server
        .search
        .refresh(&format!("{}-*", server.alerts()))
        .await;
    let flags = server.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let own = ["--no-builtin", "-R", "-"];
    let verdict = verify(&[&flags, &SPAN[..], &own].concat(), &rule).await;
    assert_eq!(verdict.assert_good(), 30);
}

#[tokio::test]
async fn verifying_writes_nothing() {
    let server = Server::analysed(Flavor::Elasticsearch9, "reads").await;
    let proxy = Proxy::before_search(server.search.url())
        .await
        .expect("a proxy starts");
    let asked = server.behind(&proxy).verdict(&[]).await;
    assert_eq!(asked.assert_good(), 30);
    let reads = [
        "_search",
        "_msearch",
        "_field_caps",
        "_mget",
        "_pit",
        "_refresh",
    ];
    for exchange in proxy.journal() {
        let call = exchange.path.rsplit('/').next().unwrap_or_default();
        assert!(
            exchange.method == "GET" || reads.contains(&call),
            "{exchange:?}"
        );
    }
}

#[tokio::test]
async fn a_bad_day_is_no_verdict() {
    let server = Server::analysed(Flavor::Elasticsearch9, "bad-day").await;
    let proxy = Proxy::before_search(server.search.url())
        .await
        .expect("a proxy starts");
    let behind = server.behind(&proxy);
    let cases = [
        (On::any("*"), Act::unauthorized(), "(AuthFailed)"),
        (On::any("*/_search"), Act::forbidden(), "(Forbidden)"),
        (On::post("*/_mget"), Act::unauthorized(), "(AuthFailed)"),
        (On::post("*/_mget"), Act::forbidden(), "(Forbidden)"),
        (
            On::post("*/_mget"),
            Act::bad_gateway(),
            "(ElasticsearchUnavailable)",
        ),
    ];
    for (on, act, reason) in cases {
        proxy.clear();
        proxy.rule(on, act);
        let verdict = behind.verdict(&["--patience", "1"]).await;
        assert_eq!((verdict.code, &verdict.account), (Some(2), &Value::Null));
        let last = verdict.words.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("error: ") && last.ends_with(reason),
            "{}",
            verdict.words
        );
    }
    let Ran { code, out, err } = Server::away("away").table(&["--patience", "1"]).await;
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.ends_with("(ElasticsearchUnavailable)\n"), "{err}");
}

#[tokio::test]
async fn what_passes_is_waited_for() {
    let server = Server::analysed(Flavor::Elasticsearch9, "passes").await;
    let proxy = Proxy::before_search(server.search.url())
        .await
        .expect("a proxy starts");
    proxy.rule(On::post("*/_mget").first(2), Act::unavailable());
    proxy.rule(On::post("*/_search").nth(1), Act::shard_failed());
    assert_eq!(server.behind(&proxy).verdict(&[]).await.assert_good(), 30);
}
