//! `k8scop analyze` as a process of its own, as anybody would run it.

use std::{
    fs::{self, File},
    io::{Read, Seek},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::json;

use crate::{RULES, rules};

/// A run of the program.
pub struct Analysis {
    process: Child,
    words: File,
}

impl Analysis {
    /// Starts with the rules of a file and these further arguments.
    pub fn start(url: &str, rules: &Path, arguments: &[&str]) -> Self {
        let words = tempfile::tempfile().unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_k8scop"))
            .args(["analyze", "-E", url, "--no-builtin", "-R"])
            .arg(rules)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(words.try_clone().unwrap())
            .spawn()
            .unwrap();
        Self { process, words }
    }

    /// Waits for its end; gives its last line.
    pub fn finish(mut self) -> String {
        let status = self.process.wait().unwrap();
        let mut words = String::new();
        self.words.rewind().unwrap();
        self.words.read_to_string(&mut words).unwrap();
        assert!(status.success(), "{words}");
        words.lines().last().unwrap_or_default().to_owned()
    }

    /// MiB of memory that it takes now, and the most that it took.
    pub fn memory(&self) -> (f64, f64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.unwrap_or_default();
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            kib.unwrap_or_default() / 1024.0
        };
        (mib("VmRSS:"), mib("VmHWM:"))
    }

    /// Ends it.
    pub fn stop(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Writes the rules to a file.
pub fn write_rules(path: &Path) {
    let manifest = |(number, definition)| {
        let name = format!("rule-{number}");
        json!({
            "apiVersion": "k8scop.io/v1alpha1",
            "kind": "K8sCopRule",
            "metadata": {"name": name},
            "spec": definition,
        })
    };
    let definitions = rules::definitions(RULES, 2);
    let manifests: Vec<String> = definitions
        .iter()
        .enumerate()
        .map(|numbered| manifest(numbered).to_string())
        .collect();
    fs::write(path, manifests.join("\n---\n")).unwrap();
}
