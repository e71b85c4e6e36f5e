//! A server process that cannot outlive the process that started it.
//!
//! Between the two stands a small shell that reads from a pipe nobody writes to. However this
//! process ends, the kernel closes the pipe, and the shell kills the server. A shared server lives
//! in a static, which is never dropped, so destructors alone would not do.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::cache::cache_folder;

/// Runs "$@" until it ends or standard input does. The file $0 tells the server's process id.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
echo "$server" >"$0"
{ read -r _ <&3; kill -9 "$server"; } 2>/dev/null &
guard=$!
exec 3<&-
wait "$server"
status=$?
kill "$guard"
exit "$status"
"#;

/// How long a server may take to answer; on a busy machine a cold JVM needs a minute.
const DEADLINE: Duration = Duration::from_secs(180);

/// A running server. Dropping it kills the server.
pub struct Process {
    name: String,
    guard: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program whose output is appended to the log, which is named after the server.
    pub fn start<Argument: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = Argument>,
        log: &Path,
    ) -> Result<Process> {
        let name = log.file_stem().unwrap_or_default().to_string_lossy();
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        let guard = Command::new("sh")
            .args(["-c", GUARD])
            .arg(log.with_extension("pid"))
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            // Ctrl-C at the terminal is for us; the servers then end with us.
            .process_group(0)
            .spawn()
            .context("cannot run sh")?;
        Ok(Process {
            name: name.into_owned(),
            guard,
            log: log.to_owned(),
        })
    }

    /// Waits until the probe says yes.
    ///
    /// An error if the server ends first or takes too long; it then shows the end of the log.
    pub async fn until_ready(&mut self, probe: impl AsyncFn() -> bool) -> Result<()> {
        let began = Instant::now();
        while !probe().await {
            if let Some(status) = self.guard.try_wait()? {
                let log = self.keep_log()?;
                bail!(
                    "{} ended with {status} before it was ready; {log}",
                    self.name
                );
            }
            if began.elapsed() > DEADLINE {
                let log = self.keep_log()?;
                bail!("{} was not ready after {DEADLINE:?}; {log}", self.name);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Stops the server as a frozen machine would: its connections stay, but nothing answers.
    pub fn freeze(&self) -> Result<()> {
        self.signal("STOP")
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) -> Result<()> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> Result<()> {
        let path = self.log.with_extension("pid");
        let id =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let status = Command::new("kill")
            .args(["-s", name, id.trim()])
            .status()
            .context("cannot run kill")?;
        if !status.success() {
            bail!("{} does not run any more", self.name);
        }
        Ok(())
    }

    /// Saves the log of a server that failed from the removal of its folder, and tells its end.
    fn keep_log(&self) -> Result<String> {
        let folder = cache_folder()?.join("failed");
        fs::create_dir_all(&folder)?;
        let kept = folder.join(format!("{}.log", self.name));
        fs::copy(&self.log, &kept)?;
        let log = fs::read(&kept)?;
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().collect();
        let end = lines[lines.len().saturating_sub(30)..].join("\n");
        Ok(format!("its log {} ends with:\n{end}", kept.display()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // An error means that there is nothing left to wait for.
        let _ = self.guard.wait();
    }
}
