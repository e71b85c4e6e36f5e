//! The cache of what is built: each artefact once per machine, named by its version and inputs.
//!
//! An artefact is a folder. It appears under its final name only when it is complete, and a file
//! lock lets one process build while the others wait for it.

use std::fs::{self, File};
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// What to build, and everything its content depends on.
pub struct Artefact {
    pub name: &'static str,
    pub version: &'static str,
    /// The texts that decide what is built; a change of any of them makes a new artefact.
    pub inputs: Vec<String>,
    /// What a person who waits should know.
    pub remark: &'static str,
}

impl Artefact {
    /// The artefact's folder, made by `build` if this machine has not got it yet.
    ///
    /// `build` fills the empty folder it is given. Blocks while it or another process builds.
    pub fn get(&self, build: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let cache = cache_folder()?;
        let folder = cache.join(self.folder_name());
        if folder.is_dir() {
            return Ok(folder);
        }
        let lock = lock_file(&cache.join(format!("{}.lock", self.folder_name())))?;
        if lock.try_lock().is_err() {
            say(&format!(
                "waiting for {}, which is being built already",
                self.title()
            ));
            lock.lock()?;
        }
        if folder.is_dir() {
            return Ok(folder);
        }
        say(&format!("building {} ({}) …", self.title(), self.remark));
        let began = Instant::now();
        let unfinished = cache.join(format!("{}.unfinished", self.folder_name()));
        remove_if_there(&unfinished)?;
        fs::create_dir_all(&unfinished)?;
        build(&unfinished).with_context(|| format!("cannot build {}", self.title()))?;
        fs::rename(&unfinished, &folder)?;
        say(&format!(
            "built {} in {} s",
            self.title(),
            began.elapsed().as_secs()
        ));
        Ok(folder)
    }

    fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    fn folder_name(&self) -> String {
        let mut hash = Sha256::new();
        for input in &self.inputs {
            hash.update(input.len().to_le_bytes());
            hash.update(input);
        }
        let hash = hash.finalize();
        let short: String = hash
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{}-{}-{short}", self.name, self.version)
    }
}

/// `$K8SCOP_TESTBED_CACHE`, else `k8scop-testbed` in the user's cache folder.
pub fn cache_folder() -> Result<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let folder = if let Some(folder) = set("K8SCOP_TESTBED_CACHE") {
        folder
    } else if let Some(caches) = set("XDG_CACHE_HOME") {
        caches.join("k8scop-testbed")
    } else if let Some(home) = set("HOME") {
        home.join(".cache/k8scop-testbed")
    } else {
        bail!("no place for the testbed's cache: set K8SCOP_TESTBED_CACHE to a folder");
    };
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the cache folder {}", folder.display()))?;
    folder
        .canonicalize()
        .with_context(|| format!("cannot read {}", folder.display()))
}

/// Opens a file to lock, made if need be.
pub fn lock_file(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("cannot open the lock {}", path.display()))
}

/// Removes a folder with all it holds; that it is not there is no error.
pub fn remove_if_there(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Runs one step of a build. `remedy` tells what to do if the program is not there.
pub fn run_build_step(command: &mut Command, remedy: &str) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("{program} is not on PATH: {remedy}")
        }
        other => other.with_context(|| format!("cannot run {program}"))?,
    };
    if !output.status.success() {
        bail!(
            "{program} ended with {}:\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
    }
    Ok(())
}

/// One line of progress. Written past the capture of the test harness, which would show it only
/// when it is all over.
fn say(line: &str) {
    // A test does not fail because nobody reads its progress.
    let _ = writeln!(stderr(), "testbed: {line}");
}
