//! The little HTTP the testbed needs to see that a server answers.

use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::{Certificate, Client, ClientBuilder, redirect::Policy};

/// A client that trusts only the given authority, if any, and gives up after a few seconds.
pub fn client(ca_pem: Option<&str>) -> Result<Client> {
    build(Client::builder().timeout(Duration::from_secs(5)), ca_pem)
}

/// As [`client`], but it waits for ever and takes every answer as it is.
pub fn patient_client(ca_pem: Option<&str>) -> Result<Client> {
    build(Client::builder().redirect(Policy::none()), ca_pem)
}

fn build(builder: ClientBuilder, ca_pem: Option<&str>) -> Result<Client> {
    let mut builder = builder.no_proxy();
    if let Some(pem) = ca_pem {
        builder = builder.add_root_certificate(Certificate::from_pem(pem.as_bytes())?);
    }
    builder.build().context("cannot make an HTTP client")
}

/// Whether a GET of the address is answered with success.
pub async fn answers(client: &Client, url: &str) -> bool {
    let answer = client.get(url).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}
