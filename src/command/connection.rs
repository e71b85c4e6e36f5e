//! The Elasticsearch that the flags name.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::elastic::{ConnectionSettings, Credentials, SettingsError};

/// How to prove to Elasticsearch who we are, and how it proves who it is.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct CredentialArgs {
    /// User name, with a password file
    #[arg(
        long = "elasticsearch-username",
        env = "ELASTICSEARCH_USERNAME",
        hide_env_values = true,
        value_name = "NAME",
        help_heading = "Elasticsearch",
        requires = "password_file"
    )]
    username: Option<String>,
    /// File that holds the password
    #[arg(
        long = "elasticsearch-password-file",
        env = "ELASTICSEARCH_PASSWORD_FILE",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Elasticsearch",
        requires = "username",
        conflicts_with = "api_key_file"
    )]
    password_file: Option<PathBuf>,
    /// File that holds an API key in its encoded form
    #[arg(
        long = "elasticsearch-api-key-file",
        env = "ELASTICSEARCH_API_KEY_FILE",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Elasticsearch"
    )]
    api_key_file: Option<PathBuf>,
    /// File of PEM certificates that are trusted beside the usual ones
    #[arg(
        long = "elasticsearch-ca-file",
        env = "ELASTICSEARCH_CA_FILE",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Elasticsearch"
    )]
    ca_file: Option<PathBuf>,
}

/// Why the flags give no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// A file that a flag names cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Address or credentials are not right.
    #[error("Elasticsearch {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings(Vec<SettingsError>),
}

/// An address and the files that belong to it.
#[derive(Clone, Debug)]
pub struct Server {
    address: String,
    credentials: CredentialArgs,
}

impl Server {
    /// A server whose files are there and right, for now.
    pub fn new(address: String, credentials: CredentialArgs) -> Result<Self, ConnectionError> {
        let server = Self {
            address,
            credentials,
        };
        server.settings()?;
        Ok(server)
    }

    /// The settings, with the files as they are now.
    pub fn settings(&self) -> Result<ConnectionSettings, ConnectionError> {
        self.credentials.connect_to(&self.address)
    }

    /// What to tell a person whose secrets and events would cross a network unencrypted.
    pub fn warning(&self) -> Option<String> {
        let origin = self.settings().ok()?.origin();
        let host = url::Url::parse(&origin)
            .ok()
            .filter(|url| url.scheme() == "http")?;
        (!is_loopback(&host)).then(|| {
            format!("{origin} is not encrypted: anybody on the way can read and change; use https")
        })
    }
}

fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

impl CredentialArgs {
    /// Reads the files as they are now, and checks everything together with the address.
    fn connect_to(&self, address: &str) -> Result<ConnectionSettings, ConnectionError> {
        let ca = self.ca_file.as_deref().map(read).transpose()?;
        ConnectionSettings::new(address, self.credentials()?, ca.as_deref())
            .map_err(ConnectionError::Settings)
    }

    fn credentials(&self) -> Result<Credentials, ConnectionError> {
        if let Some(path) = &self.api_key_file {
            return Ok(Credentials::ApiKey(read_secret(path)?));
        }
        match (&self.username, &self.password_file) {
            (Some(username), Some(path)) => Ok(Credentials::Basic {
                username: username.clone(),
                password: read_secret(path)?,
            }),
            _ => Ok(Credentials::None),
        }
    }
}

/// Editors and `echo` end a file with a line break that is no part of a secret.
fn read_secret(path: &Path) -> Result<String, ConnectionError> {
    let text = read(path)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn read(path: &Path) -> Result<String, ConnectionError> {
    fs::read_to_string(path).map_err(|source| ConnectionError::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_anew_at_each_connection() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("key");
        let args = CredentialArgs {
            api_key_file: Some(file.clone()),
            ..CredentialArgs::default()
        };
        let with = |key: &str| {
            ConnectionSettings::new("es:9200", Credentials::ApiKey(key.to_owned()), None)
                .expect("the key is well-formed")
        };
        for key in ["Zmlyc3Q=", "c2Vjb25k"] {
            fs::write(&file, format!("{key}\n")).expect("a file can be written");
            assert!(args.connect_to("es:9200").expect("all is well") == with(key));
        }
    }

    #[test]
    fn only_plain_http_over_a_network_is_warned_of() {
        let warns = |address: &str| {
            let server = Server::new(address.to_owned(), CredentialArgs::default());
            server.expect("the address is right").warning().is_some()
        };
        let addresses = [
            "10.0.0.1:9200",
            "http://es:9200",
            "https://es:9200",
            "localhost:9200",
            "127.0.0.1:9200",
            "http://[::1]:9200",
        ];
        assert_eq!(
            addresses.map(warns),
            [true, true, false, false, false, false]
        );
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_and_no_secret_with_it() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("key");
        fs::write(&file, "hunter2 hunter2").expect("a file can be written");
        let args = CredentialArgs {
            api_key_file: Some(file),
            ..CredentialArgs::default()
        };
        let error = args
            .connect_to("ftp://es")
            .expect_err("both are wrong")
            .to_string();
        assert!(
            error.contains("ftp") && error.contains("API key"),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }
}
