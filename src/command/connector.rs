//! Who connects plans to Elasticsearch: with the flags of the process, or with a server that the
//! job names and the flags allow.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, Client};

use super::connection::{ConnectionError, Server};
use crate::{
    elastic::{self, ConnectionSettings, Credentials},
    pipeline::{
        plan::{Connection, Plan},
        ports::{Connector, Fault, FaultReason, Remedy, Sink, Source},
    },
};

/// Connects plans. Files and secrets are read at each connection, so that a change of them counts.
pub struct ElasticConnector {
    default: Option<Server>,
    foreign: Option<Foreign>,
}

/// What jobs may use beside the default server.
pub struct Foreign {
    allowed: BTreeSet<String>,
    client: Client,
}

impl ElasticConnector {
    /// A connector with a default server and what jobs may use beside it.
    pub fn new(default: Option<Server>, foreign: Option<Foreign>) -> Self {
        Self { default, foreign }
    }

    async fn settings(&self, plan: &Plan) -> Result<ConnectionSettings, Fault> {
        match &plan.connection {
            Connection::Default => {
                let server = self.default.as_ref().ok_or_else(no_default)?;
                server.settings().map_err(Fault::from)
            }
            Connection::Origin { url, secret } => {
                let foreign = self.foreign.as_ref().ok_or_else(not_allowed)?;
                foreign
                    .settings(&plan.id.namespace, url, secret.as_deref())
                    .await
            }
        }
    }
}

#[async_trait]
impl Connector for ElasticConnector {
    async fn connect(&self, plan: &Plan) -> Result<(Arc<dyn Source>, Arc<dyn Sink>), Fault> {
        let settings = self.settings(plan).await?;
        elastic::connect(&settings, &plan.source, &plan.sink).await
    }
}

impl Foreign {
    /// Servers at these addresses, with credentials out of the cluster of the client.
    pub fn new(addresses: &[String], client: Client) -> Result<Self, ConnectionError> {
        let origin = |address: &String| {
            let settings = ConnectionSettings::new(address, Credentials::None, None);
            Ok(settings.map_err(ConnectionError::Settings)?.origin())
        };
        let allowed = addresses.iter().map(origin).collect::<Result<_, _>>()?;
        Ok(Self { allowed, client })
    }

    /// Reads credentials only for an origin that is allowed.
    async fn settings(
        &self,
        namespace: &str,
        url: &str,
        secret: Option<&str>,
    ) -> Result<ConnectionSettings, Fault> {
        let bare = with_secret(url, &BTreeMap::new())?;
        if !self.allowed.contains(&bare.origin()) {
            return Err(not_allowed());
        }
        match secret {
            None => Ok(bare),
            Some(name) => with_secret(url, &self.read(namespace, name).await?),
        }
    }

    async fn read(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<BTreeMap<String, ByteString>, Fault> {
        let secrets = Api::<Secret>::namespaced(self.client.clone(), namespace);
        match secrets.get(name).await {
            Ok(secret) => Ok(secret.data.unwrap_or_default()),
            Err(kube::Error::Api(status)) if status.code == 404 => Err(secret_fault(format!(
                "Secret {name} does not exist in namespace {namespace}"
            ))),
            Err(kube::Error::Api(status)) if status.code == 403 => Err(secret_fault(format!(
                "operator may not read Secret {name}: bind a Role of namespace {namespace} that \
                 allows `get` of it to the operator's service account"
            ))),
            Err(_) => Err(secret_fault(format!(
                "Secret {name} cannot be read for the moment"
            ))),
        }
    }
}

/// The settings that the data of a secret makes of an address.
fn with_secret(
    url: &str,
    data: &BTreeMap<String, ByteString>,
) -> Result<ConnectionSettings, Fault> {
    let text = |key: &str| {
        data.get(key)
            .map(|bytes| std::str::from_utf8(&bytes.0))
            .transpose()
            .map_err(|_| {
                secret_fault(format!(
                    "key {key} of the Secret holds something else than text"
                ))
            })
    };
    let ca = text("ca.crt")?;
    let credentials = match (text("apiKey")?, text("username")?, text("password")?) {
        (None, None, None) => Credentials::None,
        (Some(key), None, None) => Credentials::ApiKey(key.to_owned()),
        (None, Some(username), Some(password)) => Credentials::Basic {
            username: username.to_owned(),
            password: password.to_owned(),
        },
        _ => {
            let words = "Secret must have the key apiKey, or the keys username and password";
            return Err(secret_fault(words));
        }
    };
    ConnectionSettings::new(url, credentials, ca)
        .map_err(|problems| Fault::from(ConnectionError::Settings(problems)))
}

impl From<ConnectionError> for Fault {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::Read { .. } => secret_fault(error.to_string()),
            ConnectionError::Settings(problems) => problems.into_iter().next().map_or_else(
                || secret_fault("connection settings are not valid"),
                Fault::from,
            ),
        }
    }
}

fn secret_fault(message: impl Into<String>) -> Fault {
    fault(FaultReason::SecretInvalid, message)
}

fn no_default() -> Fault {
    fault(
        FaultReason::ElasticsearchUnavailable,
        "operator was started without --elasticsearch: name a server in spec.elasticsearch",
    )
}

/// The same words for every origin, so that nobody learns about hosts by asking.
fn not_allowed() -> Fault {
    fault(
        FaultReason::OriginNotAllowed,
        "host is not in the allowed list: ask for it in the operator's --allowed-origins",
    )
}

fn fault(reason: FaultReason, message: impl Into<String>) -> Fault {
    Fault {
        reason,
        message: message.into(),
        remedy: Remedy::Reconnect,
        retry_after: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://es.example:9200";

    fn secret(pairs: &[(&str, &str)]) -> BTreeMap<String, ByteString> {
        let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
        pairs
            .iter()
            .map(|(key, text)| ((*key).to_owned(), bytes(text)))
            .collect()
    }

    #[test]
    fn a_secret_holds_an_api_key_or_a_user() {
        let with = |credentials| {
            ConnectionSettings::new(URL, credentials, None).expect("the settings are right")
        };
        let key = with_secret(URL, &secret(&[("apiKey", "a2V5")])).expect("a key is enough");
        assert!(key == with(Credentials::ApiKey("a2V5".into())));
        let user = with_secret(URL, &secret(&[("username", "u"), ("password", "p")]));
        let expected = Credentials::Basic {
            username: "u".into(),
            password: "p".into(),
        };
        assert!(user.expect("a user is enough") == with(expected));
    }

    #[test]
    fn a_secret_that_is_half_or_double_is_refused_without_its_content() {
        for pairs in [
            &[("username", "hunter2")][..],
            &[
                ("apiKey", "hunter2"),
                ("username", "hunter2"),
                ("password", "hunter2"),
            ],
            &[("apiKey", "hunter2\n")],
        ] {
            let fault = with_secret(URL, &secret(pairs)).expect_err("it is not right");
            assert_eq!(fault.reason, FaultReason::SecretInvalid);
            assert!(!fault.message.contains("hunter2"), "{}", fault.message);
        }
    }
}
