//! ElastAlert2: installed from PyPI, configured as its documentation says, run as a process that
//! is started again when it ends.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use k8scop_testbed::elastalert;
use serde_json::{Value, json};
use tokio::{process::Command, task::JoinHandle};

use crate::{
    events::{Pair, RULES},
    receiver::Receiver,
    scenario::Scenario,
    server::Server,
};

/// Two values of ElastAlert2's `buffer_time`: the one of its example, and one that covers every
/// late event of the comparison.
#[derive(Clone, Copy)]
pub enum Buffer {
    QuarterOfAnHour,
    TwoHours,
}

impl Buffer {
    pub fn minutes(self) -> u32 {
        match self {
            Buffer::QuarterOfAnHour => 15,
            Buffer::TwoHours => 120,
        }
    }
}

pub const RUN_EVERY_SECONDS: u32 = 5;

/// How far behind the clock its queries end: as far as K8sCop's do by default.
pub const QUERY_DELAY_SECONDS: u32 = 5;

/// How long it waits at its start for a server that is away: `seconds=`, as its option wants it.
pub const PATIENCE: &str = "seconds=600";

/// How long a supervisor waits before it starts an ended process again.
const RESTART_DELAY: Duration = Duration::from_secs(2);

/// One instance, with a writeback index of its own.
pub struct ElastAlert {
    name: String,
    server: Server,
    receiver: Receiver,
    python: PathBuf,
    folder: tempfile::TempDir,
    process: Option<JoinHandle<()>>,
}

impl ElastAlert {
    /// Writes its configuration and makes its writeback indices.
    pub async fn new(
        scenario: Scenario,
        buffer: Buffer,
        server: Server,
        receiver: Receiver,
    ) -> ElastAlert {
        let python = elastalert().await.expect("ElastAlert2 is installed");
        let name = format!("elastalert-{}-{}", scenario.name, buffer.minutes());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let alert = ElastAlert {
            name,
            server,
            receiver,
            python,
            folder,
            process: None,
        };
        alert.write_configuration(scenario, buffer);
        alert.make_indices().await;
        alert
    }

    /// Starts it, and again whenever it ends.
    pub fn start(&mut self) {
        let mut command = self.command("elastalert.elastalert");
        command.args(["--verbose", "--patience", PATIENCE]);
        self.process = Some(tokio::spawn(async move {
            loop {
                let mut child = command.spawn().expect("Python starts");
                let _ = child.wait().await;
                tokio::time::sleep(RESTART_DELAY).await;
            }
        }));
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.abort();
            let _ = process.await;
        }
    }

    /// Whether every rule has been run once.
    pub async fn is_ready(&self) -> bool {
        let status = format!("{}_status", self.name);
        let runs = self.server.documents(&status, &["rule_name"]).await;
        let ran = |name: &str| {
            runs.iter()
                .flatten()
                .any(|run| run["_source"]["rule_name"] == name)
        };
        RULES.iter().all(|rule| ran(rule.name))
    }

    /// What was posted to the receiver so far.
    pub fn alerts(&self) -> Vec<Pair> {
        self.receiver.received(&self.name)
    }

    fn write_configuration(&self, scenario: Scenario, buffer: Buffer) {
        let (_, port) = self.server.url().rsplit_once(':').expect("it has a port");
        let config = json!({
            "rules_folder": "rules",
            "run_every": {"seconds": RUN_EVERY_SECONDS},
            "buffer_time": {"minutes": buffer.minutes()},
            "es_host": "127.0.0.1",
            "es_port": port.parse::<u16>().expect("a port"),
            "writeback_index": self.name,
            "alert_time_limit": {"days": 2},
            "disable_rules_on_error": false,
        });
        let folder = self.folder.path();
        let write = |path: PathBuf, value: &Value| {
            // JSON is YAML too.
            fs::write(path, value.to_string()).expect("the file can be written");
        };
        write(folder.join("config.yaml"), &config);
        fs::create_dir(folder.join("rules")).expect("the folder can be made");
        for rule in &RULES {
            let terms = rule
                .equals
                .iter()
                .map(|(field, value)| json!({"term": {format!("{field}.keyword"): value}}));
            let file = json!({
                "name": rule.name,
                "type": "any",
                "index": format!("{}-*", scenario.source()),
                "realert": {"minutes": 0},
                "query_delay": {"seconds": QUERY_DELAY_SECONDS},
                "filter": terms.collect::<Vec<_>>(),
                "alert": ["post2"],
                "http_post2_url": self.receiver.address(&self.name, rule.name),
                "http_post2_payload": {"rule": rule.name},
                "http_post2_raw_fields": {"event": "auditID"},
            });
            write(folder.join(format!("rules/{}.yaml", rule.name)), &file);
        }
    }

    async fn make_indices(&self) {
        let mut command = self.command("elastalert.create_index");
        let (_, port) = self.server.url().rsplit_once(':').expect("it has a port");
        command.args(["--host", "127.0.0.1", "--port", port]);
        command.args(["--no-auth", "--no-ssl", "--no-verify-certs"]);
        command.args(["--index", &self.name, "--url-prefix", "", "--old-index", ""]);
        let status = command.status().await.expect("Python starts");
        assert!(status.success(), "the writeback indices are made: {status}");
    }

    fn command(&self, module: &str) -> Command {
        let folder = self.folder.path();
        // Kept, so that one can see what it did.
        let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/versus");
        fs::create_dir_all(&logs).expect("a folder for the logs");
        let log = logs.join(format!("{}.log", self.name));
        let log = fs::File::options().create(true).append(true).open(log);
        let log = log.expect("the log can be written");
        let mut command = Command::new(&self.python);
        command
            .args(["-m", module, "--config", "config.yaml"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log can be shared"))
            .stderr(log)
            .kill_on_drop(true);
        command
    }
}
