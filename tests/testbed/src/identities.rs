//! Who may speak to the testbed's API server, and the kubeconfig files they do it with.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

/// The user with all rights.
pub const ADMIN: &str = "admin";

/// The users without any rights but those a test gives them.
pub const USERS: [&str; 3] = ["alice", "bob", "mallory"];

/// The group of all [`USERS`].
const GROUP: &str = "developers";

/// The static token of a user. It is no secret: the server listens on the loopback interface only.
fn token(user: &str) -> String {
    format!("testbed-{user}")
}

/// The API server's `--token-auth-file`.
pub fn token_file() -> String {
    let mut lines = format!("{},{ADMIN},{ADMIN},system:masters\n", token(ADMIN));
    for user in USERS {
        lines += &format!("{},{user},{user},{GROUP}\n", token(user));
    }
    lines
}

/// Where in the control plane's folder the kubeconfig of an identity is.
pub fn kubeconfig_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.kubeconfig"))
}

/// Writes the kubeconfig of the administrator and of each user.
pub fn write_kubeconfigs(folder: &Path, url: &str) -> Result<()> {
    for user in USERS.into_iter().chain([ADMIN]) {
        write_kubeconfig(folder, url, user, &token(user))?;
    }
    Ok(())
}

/// Writes the kubeconfig of an identity that has a bearer token.
///
/// It is written as JSON, which is YAML too.
pub fn write_kubeconfig(folder: &Path, url: &str, name: &str, token: &str) -> Result<PathBuf> {
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "testbed",
            "cluster": { "server": url, "certificate-authority": folder.join("ca.crt") },
        }],
        "users": [{ "name": name, "user": { "token": token } }],
        "contexts": [{ "name": "testbed", "context": { "cluster": "testbed", "user": name } }],
        "current-context": "testbed",
    });
    let path = kubeconfig_path(folder, name);
    fs::write(&path, format!("{kubeconfig:#}\n"))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The API server's address in a kubeconfig written by [`write_kubeconfig`].
pub fn server_of(kubeconfig: &Path) -> Result<String> {
    let text = fs::read_to_string(kubeconfig)
        .with_context(|| format!("cannot read {}", kubeconfig.display()))?;
    let kubeconfig: serde_json::Value = serde_json::from_str(&text)?;
    let server = kubeconfig["clusters"][0]["cluster"]["server"].as_str();
    Ok(server.context("it names no server")?.to_owned())
}
