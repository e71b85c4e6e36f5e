//! The Java development kits of this machine.

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// An installed Java development kit.
pub struct Jdk {
    home: PathBuf,
    version: u32,
}

impl Jdk {
    /// The newest kit whose version is in the range, of `JAVA_HOME`, `PATH` and `/usr/lib/jvm`.
    pub fn find(versions: &RangeInclusive<u32>) -> Result<Jdk> {
        let kits = homes().into_iter().filter_map(|home| Jdk::at(&home));
        let fitting = kits.filter(|jdk| versions.contains(&jdk.version));
        fitting.max_by_key(|jdk| jdk.version).with_context(|| {
            let wanted = match (versions.start(), versions.end()) {
                (oldest, &u32::MAX) => format!("version {oldest} or newer"),
                (oldest, newest) => format!("version {oldest} to {newest}"),
            };
            format!("no JDK of {wanted} in JAVA_HOME, PATH or /usr/lib/jvm: install one")
        })
    }

    pub fn java(&self) -> PathBuf {
        self.home.join("bin/java")
    }

    pub fn javac(&self) -> PathBuf {
        self.home.join("bin/javac")
    }

    /// The kit in a folder, if there is one and not just a runtime.
    fn at(home: &Path) -> Option<Jdk> {
        let release = fs::read_to_string(home.join("release")).ok()?;
        let version = release
            .lines()
            .find_map(|line| line.strip_prefix("JAVA_VERSION=\""))?;
        let major = version.split(|c: char| !c.is_ascii_digit()).next()?;
        let jdk = Jdk {
            home: home.to_owned(),
            version: major.parse().ok()?,
        };
        (jdk.java().is_file() && jdk.javac().is_file()).then_some(jdk)
    }
}

/// The folders in which a kit may be.
fn homes() -> Vec<PathBuf> {
    let mut homes: Vec<PathBuf> = std::env::var_os("JAVA_HOME")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    for folder in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()) {
        // On the path there is often only a link to the program.
        if let Ok(java) = folder.join("java").canonicalize() {
            homes.extend(java.ancestors().nth(2).map(Path::to_owned));
        }
    }
    for entry in fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten() {
        homes.push(entry.path());
    }
    homes
}
