//! Certificates of servers: of a real one that has its own authority, the apiserver of the testbed,
//! which is no Elasticsearch, but is asked what it is only after its certificate was accepted; and
//! of one with any certificate that a test likes.

use k8scop::{
    elastic::{ConnectionSettings, Credentials, connect},
    pipeline::ports::{Fault, FaultReason, Remedy},
};
use k8scop_testbed::{
    Flavor,
    faults::{Authority, Identity, Proxy},
    shared_control_plane,
};

use super::{seed, sink_plan, source_plan};

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

const HOST: &str = "127.0.0.1";

/// An Elasticsearch that proves who it is with this.
async fn proxy(identity: Identity) -> Proxy {
    let server = seed::server(Flavor::Elasticsearch9).await;
    let proxy = Proxy::before_search_with_tls(server, identity).await;
    proxy.expect("the proxy starts")
}

#[tokio::test]
async fn a_certificate_is_refused_for_the_reason_that_it_has() {
    let authority = Authority::new().expect("an authority");
    let rows = [
        (authority.certify_until_the_past(HOST), "has expired"),
        (authority.certify("elsewhere.example"), "another host name"),
    ];
    for (identity, words) in rows {
        let proxy = proxy(identity.expect("a certificate")).await;
        let fault = refusal(proxy.url(), Some(&authority.pem())).await;
        let why = (fault.reason, fault.remedy);
        assert_eq!(why, (FaultReason::TlsFailed, Remedy::Reconnect), "{fault}");
        assert!(fault.message.contains(words), "{fault}");
        assert!(proxy.journal().is_empty(), "nothing was asked");
    }
}

#[tokio::test]
async fn a_new_authority_counts_from_the_next_connection_on() {
    let [old, new] = [(); 2].map(|()| Authority::new().expect("an authority"));
    let proxy = proxy(new.certify(HOST).expect("a certificate")).await;
    let fault = refusal(proxy.url(), Some(&old.pem())).await;
    assert!(fault.message.contains("unknown authority"), "{fault}");
    let bundle = old.pem() + &new.pem();
    let settings = ConnectionSettings::new(proxy.url(), Credentials::None, Some(&bundle));
    let settings = settings.expect("valid");
    let connected = connect(&settings, &source_plan("logs"), &sink_plan("alerts")).await;
    assert!(connected.is_ok());
}
