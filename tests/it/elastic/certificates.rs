//! Certificates of a real server that has its own authority: the apiserver of the testbed, which
//! is no Elasticsearch, but is asked what it is only after its certificate was accepted.

use k8scop::{
    elastic::{ConnectionSettings, Credentials, connect},
    pipeline::ports::{Fault, FaultReason, Remedy},
};
use k8scop_testbed::shared_control_plane;

use super::{sink_plan, source_plan};

async fn refusal(address: &str, ca: Option<&str>) -> Fault {
    let settings = ConnectionSettings::new(address, Credentials::None, ca).expect("valid");
    connect(&settings, &source_plan("logs"), &sink_plan("alerts"))
        .await
        .err()
        .expect("an apiserver is no Elasticsearch")
}

#[tokio::test]
async fn a_server_of_an_unknown_authority_is_refused() {
    let server = shared_control_plane().await.expect("the apiserver starts");
    let fault = refusal(server.url(), None).await;
    assert_eq!(
        (fault.reason, fault.remedy),
        (FaultReason::TlsFailed, Remedy::Reconnect)
    );
    assert!(fault.message.contains("unknown authority"), "{fault}");
}

#[tokio::test]
async fn a_ca_bundle_makes_its_authority_known() {
    let server = shared_control_plane().await.expect("the apiserver starts");
    let fault = refusal(server.url(), Some(server.ca_pem())).await;
    assert_eq!(fault.reason, FaultReason::Forbidden, "{fault}");
}
