//! Programs built from Go modules: the Kubernetes control plane and the command-line tools.
//!
//! The modules under `go/` hold no code. They pin versions and checksums, and name the programs
//! as tools, which are then built from their own `main` packages.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cache::{Artefact, run_build_step};

/// A command-line tool of the testbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Kubectl,
    Helm,
}

/// The path of a command-line tool, built if this machine has not got it yet.
pub async fn tool(tool: Tool) -> Result<PathBuf> {
    match tool {
        Tool::Kubectl => KUBECTL.path().await,
        Tool::Helm => HELM.path().await,
    }
}

/// A program of one of the modules under `go/`.
pub struct GoProgram {
    name: &'static str,
    version: &'static str,
    package: &'static str,
    link_flags: &'static str,
    go_mod: &'static str,
    go_sum: &'static str,
}

const KUBERNETES_MOD: &str = include_str!("../go/kubernetes/go.mod");
const KUBERNETES_SUM: &str = include_str!("../go/kubernetes/go.sum");
// Without these the programs say they are version 0.0.0.
const KUBERNETES_FLAGS: &str = "-s -w \
    -X k8s.io/component-base/version.gitVersion=v1.36.3 \
    -X k8s.io/component-base/version.gitMajor=1 \
    -X k8s.io/component-base/version.gitMinor=36";

pub const ETCD: GoProgram = GoProgram {
    name: "etcd",
    version: "3.6.8",
    package: "go.etcd.io/etcd/server/v3",
    link_flags: "-s -w",
    go_mod: KUBERNETES_MOD,
    go_sum: KUBERNETES_SUM,
};

pub const KUBE_APISERVER: GoProgram = GoProgram {
    name: "kube-apiserver",
    version: "1.36.3",
    package: "k8s.io/kubernetes/cmd/kube-apiserver",
    link_flags: KUBERNETES_FLAGS,
    go_mod: KUBERNETES_MOD,
    go_sum: KUBERNETES_SUM,
};

const KUBECTL: GoProgram = GoProgram {
    name: "kubectl",
    version: "1.36.3",
    package: "k8s.io/kubernetes/cmd/kubectl",
    link_flags: KUBERNETES_FLAGS,
    go_mod: KUBERNETES_MOD,
    go_sum: KUBERNETES_SUM,
};

const HELM: GoProgram = GoProgram {
    name: "helm",
    version: "3.22.0",
    package: "helm.sh/helm/v3/cmd/helm",
    link_flags: "-s -w",
    go_mod: include_str!("../go/helm/go.mod"),
    go_sum: include_str!("../go/helm/go.sum"),
};

impl GoProgram {
    /// The path of the program, built if this machine has not got it yet.
    pub async fn path(self) -> Result<PathBuf> {
        tokio::task::spawn_blocking(move || self.build())
            .await
            .context("the build panicked")?
    }

    fn build(&self) -> Result<PathBuf> {
        let inputs = [self.package, self.link_flags, self.go_mod, self.go_sum];
        let artefact = Artefact {
            name: self.name,
            version: self.version,
            inputs: inputs.map(String::from).to_vec(),
            remark: "the first time takes some minutes",
        };
        let folder = artefact.get(|folder| {
            fs::write(folder.join("go.mod"), self.go_mod)?;
            fs::write(folder.join("go.sum"), self.go_sum)?;
            let mut go = Command::new("go");
            go.args([
                "build",
                "-trimpath",
                "-ldflags",
                self.link_flags,
                "-o",
                self.name,
            ])
            .arg(self.package)
            .current_dir(folder)
            .env("CGO_ENABLED", "0")
            // A developer's settings for other projects must not change what is built.
            .env("GOFLAGS", "-mod=readonly")
            .env("GOWORK", "off")
            .env_remove("GOOS")
            .env_remove("GOARCH");
            run_build_step(&mut go, "install Go 1.26 or newer")
        })?;
        Ok(folder.join(self.name))
    }
}
