//! Audit events in a real search server, for the commands that read there.

use std::process::Stdio;

use k8scop_testbed::{Flavor, faults::Proxy, shared_search_server};
use serde_json::{Value, json};
use tokio::process::Command;

use super::Ran;
use crate::support::search::Search;

/// Some secrets are read in `shop`, one a minute from midnight on.
pub fn secret_read(minute: usize) -> Value {
    json!({
        "kind": "Event",
        "@timestamp": format!("2019-02-01T00:{minute:02}:00.000Z"),
        "auditID": format!("a-{minute}"),
        "stage": "ResponseComplete",
        "verb": "get",
        "requestURI": "/api/v1/namespaces/shop/secrets/db",
        "user": {"username": "mallory"},
        "sourceIPs": ["203.0.113.9"],
        "objectRef": {"resource": "secrets", "namespace": "shop", "name": "db", "apiVersion": "v1"},
        "responseStatus": {"code": 200},
        "annotations": {"authorization.k8s.io/decision": "allow"},
        "requestReceivedTimestamp": format!("2019-02-01T00:{minute:02}:00.000000Z"),
    })
}

/// A server with audit events under a prefix of this test's own.
pub struct Server {
    pub search: Search,
    pub prefix: String,
}

impl Server {
    pub async fn with_events(flavor: Flavor, test: &str, events: usize) -> Server {
        let server = shared_search_server(flavor)
            .await
            .expect("the server starts");
        let search = Search::new(server.url());
        let prefix = format!("{test}-{}", std::process::id());
        let documents: Vec<_> = (0..events)
            .map(|minute| (Some(minute.to_string()), secret_read(minute)))
            .collect();
        search
            .index(&format!("{prefix}-2019.02.01"), &documents)
            .await;
        Server { search, prefix }
    }

    /// A server that is not there.
    pub fn away(prefix: &str) -> Server {
        Server {
            search: Search::new("http://127.0.0.1:9"),
            prefix: prefix.to_owned(),
        }
    }

    /// The same events and alerts by way of a proxy.
    pub fn behind(&self, proxy: &Proxy) -> Server {
        Server {
            search: Search::new(proxy.url()),
            prefix: self.prefix.clone(),
        }
    }

    /// The flags of 2019, in their short form.
    pub fn analyze(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_k8scop"));
        command
            .arg("analyze")
            .args(self.flags())
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Server, source, sink and start.
    pub fn flags(&self) -> Vec<String> {
        let host = self.search.url().trim_start_matches("http://");
        let flags = [
            "-E",
            host,
            "-I",
            &self.prefix,
            "-i",
            &self.alerts(),
            "-s",
            "2019-2-1-0-0-0",
        ];
        flags.map(str::to_owned).to_vec()
    }

    pub async fn ran(&self, more: &[&str]) -> Ran {
        let output = self.analyze(more).output().await;
        output.expect("the command starts").into()
    }

    pub fn alerts(&self) -> String {
        format!("alerts-of-{}", self.prefix)
    }

    pub async fn alerts_on(&self, day: &str) -> u64 {
        self.search.count(&format!("{}-{day}", self.alerts())).await
    }
}
