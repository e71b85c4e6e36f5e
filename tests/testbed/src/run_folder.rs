//! Where running servers keep their data and logs, and the ports they listen on.
//!
//! The folder goes when its owner lets go of it. If the owner was killed, or just ended while a
//! static held the folder, the next owner of any run folder removes it: a file lock held for life
//! tells the living from the dead.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cache::{cache_folder, lock_file, remove_if_there};

/// A folder of one's own for as long as the value lives.
pub struct RunFolder {
    path: PathBuf,
    _alive: File,
}

impl RunFolder {
    pub fn new(name: &str) -> Result<RunFolder> {
        let runs = cache_folder()?.join("run");
        fs::create_dir_all(&runs)?;
        // Held until the new folder's own lock is taken, so that nobody takes it for a dead one.
        let all = lock_file(&runs.join(".lock"))?;
        all.lock()?;
        remove_the_dead(&runs)?;
        let path = runs.join(format!(
            "{name}-{}-{:08x}",
            std::process::id(),
            random() as u32
        ));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let alive = lock_file(&path.join(ALIVE))?;
        alive.lock()?;
        Ok(RunFolder {
            path,
            _alive: alive,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run.
        let _ = remove_if_there(&self.path);
    }
}

const ALIVE: &str = ".alive";

fn remove_the_dead(runs: &Path) -> Result<()> {
    for entry in fs::read_dir(runs)? {
        let folder = entry?.path();
        let Ok(lock) = File::open(folder.join(ALIVE)) else {
            continue;
        };
        if lock.try_lock().is_ok() {
            remove_if_there(&folder)?;
        }
    }
    Ok(())
}

/// A port nobody listens on.
///
/// Taken from below the range that systems use for outgoing connections, so that it is still free
/// when a server that was killed is started again.
pub fn free_port() -> Result<u16> {
    for _ in 0..1000 {
        let port = 20_000 + (random() % 10_000) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port between 20000 and 30000 on 127.0.0.1")
}

fn random() -> u64 {
    RandomState::new().hash_one(0)
}
