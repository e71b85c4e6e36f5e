//! Certificates for a proxy, right ones and wrong ones.

use std::sync::Arc;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

/// An authority of a test's own.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What a server proves with who it is.
pub struct Identity(TlsAcceptor);

impl Authority {
    /// A new authority, which nobody knows yet.
    pub fn new() -> Result<Authority> {
        let mut params = CertificateParams::default();
        // Of two authorities with one name, either would be taken for the other, and its signature
        // for a forged one.
        let name = format!("Authority {:016x}", fastrand::u64(..));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Authority(CertifiedIssuer::self_signed(
            params,
            KeyPair::generate()?,
        )?))
    }

    /// Its certificate, for those who are to trust it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a host.
    pub fn certify(&self, host: &str) -> Result<Identity> {
        self.sign(CertificateParams::new([host.to_owned()])?)
    }

    /// A certificate for a host that was good until some years ago.
    pub fn certify_until_the_past(&self, host: &str) -> Result<Identity> {
        let mut params = CertificateParams::new([host.to_owned()])?;
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Result<Identity> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.0)?;
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Identity(TlsAcceptor::from(Arc::new(config))))
    }
}

impl Identity {
    pub(super) fn acceptor(self) -> TlsAcceptor {
        self.0
    }
}
