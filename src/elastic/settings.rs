//! How to reach one server: address, credentials, certificates. Checked whole before anything is
//! dialled, and never printed with a secret in it.

use std::{fmt, time::Duration};

use elasticsearch::{
    cert::{Certificate, CertificateValidation},
    http::transport::TransportBuilder,
};
use url::Url;

use super::fault;
use crate::pipeline::ports::{Fault, FaultReason, Remedy};

/// A checked address with credentials and certificate authorities.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionSettings {
    url: Url,
    credentials: Credentials,
    ca_pem: Option<String>,
    limits: Limits,
}

/// Time limits of a call, from dialling to the last byte of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of everything but writing.
    pub search: Duration,
    /// Of writing a batch of alerts.
    pub bulk: Duration,
}

impl Default for Limits {
    /// 30 and 60 seconds.
    fn default() -> Self {
        Self {
            search: Duration::from_secs(30),
            bulk: Duration::from_secs(60),
        }
    }
}

/// What proves to the server who we are.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Credentials {
    /// Nothing is sent.
    #[default]
    None,
    /// HTTP basic authentication.
    Basic {
        /// Name of the user, without a colon.
        username: String,
        /// The password.
        password: String,
    },
    /// An API key in its encoded form, as Elasticsearch gives it out.
    ApiKey(String),
}

/// What is wrong with connection settings, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The address cannot be read.
    #[error("address is not a URL: write https://host:9200, http://host:9200 or host:9200")]
    UrlSyntax,
    /// Neither http nor https.
    #[error("address must start with https:// or http://, not {scheme}://")]
    UrlScheme {
        /// The scheme that was given.
        scheme: String,
    },
    /// User or password within the address.
    #[error("address must not contain credentials: give them as username and password, or API key")]
    UrlCredentials,
    /// A question mark or hash within the address.
    #[error("address must not contain a query or fragment: end it after the path")]
    UrlQuery,
    /// A path with `.`, `..`, `//`, an escape or a backslash in it.
    #[error("path of the address must consist of plain segments, for example /elastic")]
    UrlPath,
    /// A user name that basic authentication cannot carry.
    #[error("username must not be empty or contain a colon or control characters")]
    Username,
    /// A password with a line break, the usual trace of a badly encoded secret.
    #[error("password contains control characters: is there a line break at its end?")]
    Password,
    /// An API key that no header can carry.
    #[error(
        "API key must be the encoded form, in letters, digits and +/=_-: is there a line break at its end?"
    )]
    ApiKey,
    /// A key where certificates belong.
    #[error("CA bundle contains a private key: give certificates only, and replace that key")]
    CaPrivateKey,
    /// No certificate, or a broken one.
    #[error(
        "CA bundle holds no valid certificate: give PEM blocks that begin with -----BEGIN CERTIFICATE-----"
    )]
    CaInvalid,
}

impl ConnectionSettings {
    /// Checks an address (`https://host:9200`, `http://host:9200/path` or `host:9200`, the last
    /// meaning plain http), credentials, and a bundle of PEM certificates that are trusted beside
    /// the usual authorities. Returns everything that is wrong.
    pub fn new(
        address: &str,
        credentials: Credentials,
        ca_pem: Option<&str>,
    ) -> Result<Self, Vec<SettingsError>> {
        let mut problems = Vec::new();
        let url = parse_address(address.trim()).map_err(|problem| problems.push(problem));
        problems.extend(credentials.problem());
        problems.extend(ca_pem.and_then(ca_problem));
        match url {
            Ok(url) if problems.is_empty() => Ok(Self {
                url,
                credentials,
                ca_pem: ca_pem.map(str::to_owned),
                limits: Limits::default(),
            }),
            _ => Err(problems),
        }
    }

    /// The same with other limits in time.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// `scheme://host:port`, the port always written; what credentials are bound to.
    pub fn origin(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or_default();
        format!("{}://{host}:{port}", self.url.scheme())
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(super) fn ca(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }
}

impl fmt::Debug for ConnectionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionSettings")
            .field("url", &self.url.as_str())
            .field("credentials", &self.credentials)
            .field("ca_pem", &self.ca_pem.as_ref().map(|_| "…"))
            .field("limits", &self.limits)
            .finish()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic(…)",
            Self::ApiKey(_) => "ApiKey(…)",
        })
    }
}

impl Credentials {
    fn problem(&self) -> Option<SettingsError> {
        match self {
            Self::None => None,
            Self::Basic { username, password } => {
                if username.is_empty() || username.contains(|c: char| c == ':' || c.is_control()) {
                    Some(SettingsError::Username)
                } else if password.contains(char::is_control) {
                    Some(SettingsError::Password)
                } else {
                    None
                }
            }
            Self::ApiKey(key) => {
                let encoded = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
                (key.is_empty() || !key.chars().all(encoded)).then_some(SettingsError::ApiKey)
            }
        }
    }
}

impl From<SettingsError> for Fault {
    fn from(error: SettingsError) -> Self {
        let reason = match error {
            SettingsError::UrlSyntax
            | SettingsError::UrlScheme { .. }
            | SettingsError::UrlCredentials
            | SettingsError::UrlQuery
            | SettingsError::UrlPath => FaultReason::OriginNotAllowed,
            SettingsError::Username
            | SettingsError::Password
            | SettingsError::ApiKey
            | SettingsError::CaPrivateKey
            | SettingsError::CaInvalid => FaultReason::SecretInvalid,
        };
        fault::new(reason, Remedy::Reconnect, error.to_string())
    }
}

fn parse_address(address: &str) -> Result<Url, SettingsError> {
    let given = match address.split_once("://") {
        Some(_) => address.to_owned(),
        None => format!("http://{address}"),
    };
    let (scheme, rest) = given.split_once("://").ok_or(SettingsError::UrlSyntax)?;
    if !matches!(scheme, "http" | "https") {
        let scheme = scheme.chars().filter(char::is_ascii_alphanumeric).take(16);
        return Err(SettingsError::UrlScheme {
            scheme: scheme.collect(),
        });
    }
    if rest.contains(['?', '#']) {
        return Err(SettingsError::UrlQuery);
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err(SettingsError::UrlCredentials);
    }
    if authority.is_empty()
        || authority.contains(['\\', '%'])
        || authority.contains(char::is_whitespace)
    {
        return Err(SettingsError::UrlSyntax);
    }
    if !path.trim_end_matches('/').split('/').all(is_plain_segment) && !path.is_empty() {
        return Err(SettingsError::UrlPath);
    }
    Url::parse(&given).map_err(|_| SettingsError::UrlSyntax)
}

fn is_plain_segment(segment: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
    !matches!(segment, "" | "." | "..") && segment.chars().all(plain)
}

fn ca_problem(pem: &str) -> Option<SettingsError> {
    if pem.contains("PRIVATE KEY-----") {
        return Some(SettingsError::CaPrivateKey);
    }
    // The certificates themselves are looked into only when a transport is built of them.
    let builds = |authorities| {
        let validation = CertificateValidation::Full(authorities);
        TransportBuilder::default()
            .cert_validation(validation)
            .build()
            .is_ok()
    };
    let valid = Certificate::from_pem(pem.as_bytes()).is_ok_and(builds);
    (!valid).then_some(SettingsError::CaInvalid)
}

#[cfg(test)]
mod tests;
