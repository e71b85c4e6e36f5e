//! Valgrind: the one on the search path, else Debian's package, unpacked into the cache. Neither
//! needs rights of the administrator.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::cache::{Artefact, run_build_step};

/// What to do where there is no Debian.
const REMEDY: &str = "install valgrind";

/// Where a program is that counts what other programs do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Valgrind {
    program: PathBuf,
    /// Its tools, where they are not in the place that the program knows.
    tools: Option<PathBuf>,
}

impl Valgrind {
    /// Finds it, or gets it. Blocks meanwhile.
    pub fn get() -> Result<Self> {
        if Command::new("valgrind").arg("--version").output().is_ok() {
            return Ok(Self {
                program: PathBuf::from("valgrind"),
                tools: None,
            });
        }
        let package = Artefact {
            name: "valgrind",
            version: "debian",
            inputs: Vec::new(),
            remark: "a download of 14 MB",
        };
        let folder = package.get(unpack)?;
        Ok(Self {
            program: folder.join("usr/bin/valgrind.bin"),
            tools: Some(folder.join("usr/libexec/valgrind")),
        })
    }

    /// A command that begins with it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(tools) = &self.tools {
            command.env("VALGRIND_LIB", tools);
        }
        command
    }
}

fn unpack(folder: &Path) -> Result<()> {
    if download(folder, &[]).is_err() {
        // This machine has no lists of packages, or old ones.
        let lists = folder.join("lists");
        fs::create_dir_all(lists.join("partial"))?;
        let own = format!("Dir::State::Lists={}", lists.display());
        let options = ["-o", own.as_str()];
        apt_get(folder, &options, &["update"])?;
        download(folder, &options)?;
        fs::remove_dir_all(lists)?;
    }
    let is_package = |path: &PathBuf| path.extension().is_some_and(|it| it == "deb");
    let mut paths = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let package = paths.find(is_package).context("apt-get left no package")?;
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("-x").arg(&package).arg(folder);
    run_build_step(&mut unpack, REMEDY)?;
    fs::remove_file(package)?;
    Ok(())
}

fn download(folder: &Path, options: &[&str]) -> Result<()> {
    apt_get(folder, options, &["download", "valgrind"])
}

fn apt_get(folder: &Path, options: &[&str], arguments: &[&str]) -> Result<()> {
    let mut apt_get = Command::new("apt-get");
    apt_get.args(["-o", "APT::Sandbox::User=root"]);
    apt_get.args(options).args(arguments).current_dir(folder);
    run_build_step(&mut apt_get, REMEDY)
}
