//! `k8scop analyze` as a process of its own, as anybody would run it.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::json;

use crate::{RULES, rules};

/// A run of the program.
pub struct Analysis(Child);

impl Analysis {
    /// Starts with the rules of a file and these further arguments.
    pub fn start(url: &str, rules: &Path, arguments: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_k8scop"))
            .args(["analyze", "-E", url, "--no-builtin", "-R"])
            .arg(rules)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }

    /// Waits for its end; gives its last line.
    pub fn finish(self) -> String {
        let output = self.0.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words}");
        words.lines().last().unwrap_or_default().to_owned()
    }

    /// MiB of memory that it takes now, and the most that it took.
    pub fn memory(&self) -> (f64, f64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()));
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
        self.0.kill().unwrap();
        self.0.wait().unwrap();
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
