//! ElastAlert2, which K8sCop is compared with, in a virtual environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cache::{Artefact, run_build_step};

/// The version of the package.
pub const ELASTALERT_VERSION: &str = "2.31.0";

/// The Python that has ElastAlert2, installed if this machine has not got it yet.
///
/// `-m elastalert.elastalert` and `-m elastalert.create_index` run it.
pub async fn elastalert() -> Result<PathBuf> {
    tokio::task::spawn_blocking(install)
        .await
        .context("the installation panicked")?
}

fn install() -> Result<PathBuf> {
    let python = python()?;
    let artefact = Artefact {
        name: "elastalert2",
        version: ELASTALERT_VERSION,
        inputs: vec![python.display().to_string()],
        remark: "the first time takes about a minute",
    };
    let folder = artefact.get(|folder| build(&python, folder))?;
    Ok(folder.join("bin/python"))
}

fn build(python: &Path, folder: &Path) -> Result<()> {
    let remedy = "install Python 3.12 or newer with its module venv";
    run_build_step(
        Command::new(python).args(["-m", "venv"]).arg(folder),
        remedy,
    )?;
    let package = format!("elastalert2=={ELASTALERT_VERSION}");
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        &package,
    ]);
    run_build_step(&mut pip, remedy)
}

/// A Python that ElastAlert2 can be installed for: `$PYTHON`, one on PATH, or one of pyenv's.
fn python() -> Result<PathBuf> {
    let set = std::env::var_os("PYTHON").filter(|python| !python.is_empty());
    let on_path = ["python3", "python3.14", "python3.13", "python3.12"];
    let mut candidates: Vec<PathBuf> = set.into_iter().map(PathBuf::from).collect();
    candidates.extend(on_path.map(PathBuf::from));
    if let Some(home) = std::env::var_os("HOME") {
        let versions = std::fs::read_dir(Path::new(&home).join(".pyenv/versions"));
        let folders = versions.into_iter().flatten().flatten();
        candidates.extend(folders.map(|version| version.path().join("bin/python3")));
    }
    let found = candidates.into_iter().find(|python| is_new_enough(python));
    found.context("ElastAlert2 needs Python 3.12 or newer: install it, or set PYTHON to it")
}

fn is_new_enough(python: &Path) -> bool {
    let program = "import sys; sys.exit(sys.version_info < (3, 12))";
    let output = Command::new(python).args(["-c", program]).output();
    output.is_ok_and(|output| output.status.success())
}
