//! The operator as its users run it: the binary, in a process of its own.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::{Child, Command};

use super::{eventually, signal};

/// A running `k8scop run`; killed when dropped.
pub struct Operator {
    child: Child,
    address: String,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl Operator {
    /// Starts the operator with the given rights and server, and waits until it is ready.
    pub async fn start(kubeconfig: &Path, elasticsearch: &str, more: &[&str]) -> Operator {
        let operator = Operator::spawn(kubeconfig, elasticsearch, more).await;
        operator.ready().await;
        operator
    }

    /// Starts the operator without waiting.
    pub async fn spawn(kubeconfig: &Path, elasticsearch: &str, more: &[&str]) -> Operator {
        Operator::spawn_with(kubeconfig, elasticsearch, more, &[]).await
    }

    /// Starts the operator with more in its environment, without waiting.
    pub async fn spawn_with(
        kubeconfig: &Path,
        elasticsearch: &str,
        more: &[&str],
        environment: &[(&str, &str)],
    ) -> Operator {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("operator.log");
        let address = format!("127.0.0.1:{}", free_port());
        let child = Command::new(env!("CARGO_BIN_EXE_k8scop"))
            .args([
                "run",
                "--elasticsearch",
                elasticsearch,
                "--listen",
                &address,
            ])
            .args(more)
            .env_clear()
            .env("KUBECONFIG", kubeconfig)
            .env("RUST_LOG", "info,k8scop=debug")
            // Tests share a cluster; who wants an election names a lease of its own.
            .env("K8SCOP_LEADER_ELECT", "false")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("the log can be created"))
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        Operator {
            child,
            address,
            log,
            _folder: folder,
        }
    }

    /// Waits until `/readyz` says so.
    pub async fn ready(&self) {
        eventually("the operator is ready", Duration::from_secs(30), || async {
            self.get("/readyz")
                .await
                .filter(|(status, _)| *status == 200)
        })
        .await;
    }

    /// The text of `/metrics`.
    pub async fn metrics(&self) -> String {
        self.get("/metrics").await.expect("metrics are served").1
    }

    /// The values of a metric, of every series that it has.
    pub async fn gauge(&self, name: &str) -> Option<Vec<f64>> {
        let (_, metrics) = self.get("/metrics").await?;
        let series = metrics.lines().filter(|line| line.starts_with(name));
        Some(
            series
                .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
                .collect(),
        )
    }

    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        let answer = reqwest::get(format!("http://{}{path}", self.address))
            .await
            .ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// The id of the process; nothing if it has ended by itself.
    pub fn id(&mut self) -> Option<u32> {
        let ended = self.child.try_wait().expect("the operator can be asked");
        ended.is_none().then(|| self.child.id()).flatten()
    }

    /// MiB that it takes.
    pub fn memory(&mut self) -> f64 {
        self.id().and_then(resident).expect("the operator runs")
    }

    /// Sends it a signal, for example `STOP`.
    pub async fn signal(&self, name: &str) {
        signal(&self.child, name).await;
    }

    /// `kill -9`.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("the operator can be killed");
    }

    /// Waits until it dies by SIGABRT, as a crash point makes it.
    pub async fn aborts(mut self, what: &str, limit: Duration) {
        use std::os::unix::process::ExitStatusExt;
        let ended = tokio::time::timeout(limit, self.child.wait()).await;
        let Ok(status) = ended else {
            panic!("{what}: the point was never reached within {limit:?}");
        };
        let signal = status.expect("the operator can be waited for").signal();
        assert_eq!(signal, Some(6), "{what}: it should die by SIGABRT");
    }

    /// SIGTERM; waits for the end and returns the exit code.
    pub async fn stop(mut self) -> i32 {
        signal(&self.child, "TERM").await;
        let ended = tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await;
        ended
            .expect("the operator ends within 30 s of SIGTERM")
            .expect("the operator can be waited for")
            .code()
            .expect("the operator ends by itself")
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of the operator\n{}", self.log());
        }
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}

/// MiB that a process takes; nothing if it has ended.
pub fn resident(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes / 1_024.0)
}
