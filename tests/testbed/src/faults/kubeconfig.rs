//! Kubeconfigs that lead through a proxy.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::Value;

/// Copies a kubeconfig of the testbed, next to it, with another address of the server. The tokens
/// stay; there is no TLS on the way to the proxy.
pub(super) fn through(proxy: &str, kubeconfig: &Path) -> Result<PathBuf> {
    let text = fs::read_to_string(kubeconfig)
        .with_context(|| format!("cannot read {}", kubeconfig.display()))?;
    let mut config: Value = serde_json::from_str(&text).context("it is none of the testbed")?;
    config["clusters"][0]["cluster"] = serde_json::json!({ "server": proxy });
    let port = proxy.rsplit(':').next().unwrap_or_default();
    let path = kubeconfig.with_extension(format!("through-{port}.kubeconfig"));
    fs::write(&path, config.to_string())
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
