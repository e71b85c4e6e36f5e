//! `k8scop scan` as a whole process, with its start and the reading of its rules: on one thread, on
//! two, and beside `ripgrep` with as many patterns. The file is in the page cache.
//!
//! `K8SCOP_BENCH_MIB` is the size of the file (1024), `K8SCOP_BENCH_RG` the path of `rg`.

#![allow(clippy::print_stdout, missing_docs, reason = "it prints tables")]

#[path = "../detect/chance.rs"]
mod chance;
#[path = "../detect/events.rs"]
#[allow(dead_code, reason = "other benches use the rest")]
mod events;
#[path = "../detect/measure.rs"]
#[allow(dead_code, reason = "other benches use the rest")]
mod measure;
#[path = "../detect/rules.rs"]
#[allow(dead_code, reason = "other benches use the rest")]
mod rules;

use std::{
    env,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use measure::{Contender, Race, at_least, row, table};
use serde_json::{Value, json};

const EVENTS: usize = 10_000;
const PATTERNS: usize = 1_000;

/// What is read, and by whom.
struct Bench {
    folder: PathBuf,
    file: PathBuf,
    events: usize,
    bytes: f64,
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("audit.log");
    let mib: u64 = env::var("K8SCOP_BENCH_MIB").map_or(1024, |mib| mib.parse().expect("a number"));
    let events = write_events(&file, mib << 20);
    let bench = Bench {
        folder: folder.path().to_owned(),
        bytes: fs::metadata(&file).expect("the file is there").len() as f64,
        file,
        events,
    };
    bench.by_threads();
    bench.beside_ripgrep();
}

impl Bench {
    fn by_threads(&self) {
        let few = self.rules("100.yaml", definitions(100));
        let many = self.rules("1000.yaml", definitions(1_000));
        let race = Race::run(vec![
            self.scan(&few, 1),
            self.scan(&few, 2),
            self.scan(&many, 1),
            self.scan(&many, 2),
        ]);
        let size = self.bytes / 1e9;
        table(
            &format!("`k8scop scan` of {size:.1} GB, the whole process"),
            &[
                "rules",
                "one thread, GB/s",
                "target",
                "met",
                "two threads, GB/s",
                "times as fast",
                "target",
                "met",
            ],
        );
        for (name, one, two, target) in [("100", 0, 1, 1.0), ("1,000", 2, 3, 0.0)] {
            let [speed, speed_target, speed_met] = match target > 0.0 {
                true => at_least(self.speed(&race, one), target, ""),
                false => [
                    format!("{:.2}", self.speed(&race, one)),
                    "".into(),
                    "".into(),
                ],
            };
            let both = format!("{:.2}", self.speed(&race, two));
            let [ratio, ratio_target, met] = at_least(race.ratio(two, one), 1.5, "×");
            row(&[
                name,
                &speed,
                &speed_target,
                &speed_met,
                &both,
                &ratio,
                &ratio_target,
                &met,
            ]);
        }
    }

    fn beside_ripgrep(&self) {
        let Some((rg, version)) = ripgrep() else {
            println!(
                "\nThere is no `rg` on the path and none in `K8SCOP_BENCH_RG`: it is left out."
            );
            return;
        };
        let patterns = patterns();
        let uris = self.rules("uris.yaml", patterns.iter().map(of_pattern));
        let list = self.folder.join("patterns");
        let lines: Vec<_> = patterns.iter().map(|it| in_line(it)).collect();
        fs::write(&list, lines.join("\n")).expect("a file can be written");
        let race = Race::run(vec![self.scan(&uris, 1), self.ripgrep(rg, list)]);
        table(
            &format!("1,000 patterns over request URIs, beside {version}, one thread each"),
            &["what", "GB/s", "times as fast", "target", "met"],
        );
        let [ratio, target, met] = at_least(race.ratio(0, 1), 3.0, "×");
        let speed = |contender| format!("{:.2}", self.speed(&race, contender));
        row(&[
            "`k8scop scan --threads 1`",
            &speed(0),
            &ratio,
            &target,
            &met,
        ]);
        row(&["`rg -j1 -c -f`", &speed(1), "", "", ""]);
    }

    /// Gigabytes per second.
    fn speed(&self, race: &Race, contender: usize) -> f64 {
        self.bytes / self.events as f64 / race.micros(contender) / 1e3
    }

    fn scan(&self, rules: &Path, threads: usize) -> Contender<'_> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_k8scop"));
        command.args(["scan", "--no-builtin", "-o", "json", "--threads"]);
        command.arg(threads.to_string()).arg("--rules").arg(rules);
        command.arg(&self.file);
        Box::new(move || {
            let said = said(&mut command);
            assert!(
                said.starts_with(&format!("{} events, ", self.events)),
                "{said}"
            );
            self.events
        })
    }

    fn ripgrep(&self, rg: PathBuf, patterns: PathBuf) -> Contender<'_> {
        let mut command = Command::new(rg);
        command
            .args(["-j1", "-c", "-f"])
            .arg(patterns)
            .arg(&self.file);
        Box::new(move || {
            let said = said(&mut command);
            assert!(said.is_empty(), "{said}");
            self.events
        })
    }

    /// A file of rules. JSON is YAML, too.
    fn rules(&self, name: &str, definitions: impl Iterator<Item = Value>) -> PathBuf {
        let manifests = definitions.enumerate().map(|(number, definition)| {
            let manifest = json!({
                "apiVersion": "k8scop.io/v1alpha1", "kind": "K8sCopRule",
                "metadata": {"name": format!("rule-{number}"), "namespace": "bench"},
                "spec": definition,
            });
            format!("---\n{manifest}\n")
        });
        let path = self.folder.join(name);
        fs::write(&path, manifests.collect::<String>()).expect("a file can be written");
        path
    }
}

/// Runs a command to its end, and gives its words on standard error.
fn said(command: &mut Command) -> String {
    let output = command.stdout(Stdio::null()).output();
    let output = output.expect("the command starts");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `rg` and its version.
fn ripgrep() -> Option<(PathBuf, String)> {
    let named = env::var_os("K8SCOP_BENCH_RG").map(PathBuf::from);
    let rg = named.unwrap_or_else(|| PathBuf::from("rg"));
    let output = Command::new(&rg).arg("--version").output().ok()?;
    let version = String::from_utf8_lossy(&output.stdout)
        .lines()
        .next()?
        .to_owned();
    Some((rg, version))
}

/// A file of at least so many bytes, one event a line. Tells how many there are.
fn write_events(path: &Path, bytes: u64) -> usize {
    let documents = events::documents(EVENTS, 1);
    let mut file = BufWriter::new(File::create(path).expect("a file can be made"));
    let (mut count, mut written) = (0, 0);
    while written < bytes {
        for document in &documents {
            file.write_all(&document.source).expect("there is room");
            file.write_all(b"\n").expect("there is room");
            written += document.source.len() as u64 + 1;
        }
        count += documents.len();
    }
    file.flush().expect("there is room");
    count
}

fn definitions(count: usize) -> impl Iterator<Item = Value> {
    let definitions = rules::definitions(count, 2).into_iter();
    definitions.map(|definition| serde_json::to_value(definition).expect("it is data"))
}

/// The patterns over request URIs that are in rules of all kinds.
fn patterns() -> Vec<String> {
    let patterns = definitions(20 * PATTERNS).flat_map(|definition| {
        let selections = definition["selections"].as_array().cloned();
        let selections = selections.into_iter().flatten();
        let predicates = selections.flat_map(|it| it["all"].as_array().cloned());
        predicates.flatten().flat_map(patterns_of)
    });
    let patterns: Vec<_> = patterns.take(PATTERNS).collect();
    assert_eq!(patterns.len(), PATTERNS);
    patterns
}

fn patterns_of(predicate: Value) -> Vec<String> {
    let any = predicate["matchesAny"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let all = any.iter().chain([&predicate["matches"]]);
    let patterns = all.filter_map(Value::as_str).map(str::to_owned);
    match predicate["field"] == "requestURI" {
        true => patterns.collect(),
        false => Vec::new(),
    }
}

/// A rule that looks for one pattern.
fn of_pattern(pattern: &String) -> Value {
    json!({
        "title": "A pattern", "severity": "Low",
        "selections": [{"name": "rare", "all": [{"field": "requestURI", "matches": pattern}]}],
    })
}

/// The same pattern over the whole line of an event.
fn in_line(pattern: &str) -> String {
    let anchored = pattern.strip_prefix('^');
    let begun = anchored.map(|rest| format!("\"requestURI\":\"{rest}"));
    begun
        .unwrap_or_else(|| pattern.to_owned())
        .replace('$', "\"")
}
