//! `verify` against real search servers.

use k8scop_testbed::Flavor;

use super::events::Server;
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
}

async fn proves_that_nothing_was_lost(flavor: Flavor) {
    let server = Server::analysed(flavor, "proof").await;
    assert_eq!(server.verdict(&[]).await.assert_good(), 30);
}

#[tokio::test]
async fn an_analysis_that_is_whole_is_told_so() {
    proves_that_nothing_was_lost(Flavor::Elasticsearch9).await;
}

#[tokio::test]
async fn an_analysis_on_opensearch_is_verified_the_same() {
    proves_that_nothing_was_lost(Flavor::OpenSearch3).await;
}
