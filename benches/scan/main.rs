//! Bytes per second of `k8scop scan`, the whole process with its start and the reading of its
//! rules: one thread, then two, then `ripgrep` on one thread with as many patterns. The file is in
//! the page cache. All take turns, so that ratios hold on a noisy machine; medians are printed.
//!
//! `K8SCOP_BENCH_MIB` is the size of the file (512), `K8SCOP_BENCH_RG` the path of `rg`.

#![allow(clippy::print_stdout, missing_docs, reason = "it prints a table")]

#[path = "../detect/chance.rs"]
mod chance;
#[path = "../detect/events.rs"]
mod events;
#[path = "../detect/rules.rs"]
#[allow(
    dead_code,
    reason = "the rules themselves are made by the process that is measured"
)]
mod rules;

use std::{
    env,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use serde_json::{Value, json};

const ROUNDS: usize = 5;
const EVENTS: usize = 20_000;
const PATTERNS: usize = 1_000;

fn main() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let folder = folder.path();
    let mib = env::var("K8SCOP_BENCH_MIB").map_or(512, |mib| mib.parse().expect("a number"));
    let (events, file) = write_events(&folder.join("audit.log"), mib << 20);
    let size = fs::metadata(&file).expect("the file is there").len() as f64;
    println!(
        "{events} events in {:.2} GB, medians of {ROUNDS} rounds",
        size / 1e9
    );

    let patterns = patterns();
    let scan = |rules: &Path, threads| Contender::scan(rules, threads, &file, events);
    let few = write_rules(&folder.join("100.yaml"), definitions(100));
    let many = write_rules(&folder.join("1000.yaml"), definitions(1_000));
    let uris = write_rules(&folder.join("uris.yaml"), patterns.iter().map(of_pattern));
    let mut contenders = vec![
        ("100 rules, 1 thread", scan(&few, 1)),
        ("100 rules, 2 threads", scan(&few, 2)),
        ("1,000 rules, 1 thread", scan(&many, 1)),
        ("1,000 rules, 2 threads", scan(&many, 2)),
        ("1,000 URI patterns, 1 thread", scan(&uris, 1)),
    ];
    match ripgrep() {
        Some(rg) => {
            let list = folder.join("patterns");
            let lines: Vec<_> = patterns.iter().map(|it| in_line(it)).collect();
            fs::write(&list, lines.join("\n")).expect("a file can be written");
            contenders.push((
                "rg -j1, the same patterns",
                Contender::rg(&rg, &list, &file),
            ));
        }
        None => println!("no rg on the PATH and none in K8SCOP_BENCH_RG: it is left out"),
    }
    let seconds = take_turns(&contenders);
    for ((name, _), seconds) in contenders.iter().zip(&seconds) {
        println!("{name:<30} {:>6.2} GB/s", size / median(seconds) / 1e9);
    }
    let ratio = |slow: usize, fast: usize| {
        let ratios = seconds[slow].iter().zip(&seconds[fast]);
        median(&ratios.map(|(slow, fast)| slow / fast).collect::<Vec<_>>())
    };
    println!("{:<30} {:>6.2}x", "2 threads to 1, 100 rules", ratio(0, 1));
    println!(
        "{:<30} {:>6.2}x",
        "2 threads to 1, 1,000 rules",
        ratio(2, 3)
    );
    if seconds.len() > 5 {
        println!(
            "{:<30} {:>6.2}x",
            "1 thread to rg, 1,000 patterns",
            ratio(5, 4)
        );
    }
}

/// A command that reads the file.
struct Contender {
    command: Vec<PathBuf>,
    /// How its words on standard error begin.
    says: String,
}

impl Contender {
    fn scan(rules: &Path, threads: usize, file: &Path, events: usize) -> Self {
        let threads = threads.to_string();
        let args = [
            "scan",
            "--no-builtin",
            "-o",
            "json",
            "--threads",
            &threads,
            "--rules",
        ];
        let program = [env!("CARGO_BIN_EXE_k8scop")];
        let command = program.iter().chain(&args).map(PathBuf::from);
        Self {
            command: command.chain([rules.into(), file.into()]).collect(),
            says: format!("{events} events, "),
        }
    }

    fn rg(rg: &Path, patterns: &Path, file: &Path) -> Self {
        let command = [
            rg,
            "-j1".as_ref(),
            "-c".as_ref(),
            "-f".as_ref(),
            patterns,
            file,
        ];
        Self {
            command: command.map(Path::to_path_buf).to_vec(),
            says: String::new(),
        }
    }

    /// Seconds of a run. A faster answer must be the right one.
    fn run(&self) -> f64 {
        let started = Instant::now();
        let (program, args) = self.command.split_first().expect("there is a program");
        let output = Command::new(program)
            .args(args)
            .stdout(Stdio::null())
            .output()
            .expect("the command starts");
        let seconds = started.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with(&self.says), "{said}");
        seconds
    }
}

/// Seconds of each, round by round. The first round warms the page cache and does not count.
fn take_turns(contenders: &[(&str, Contender)]) -> Vec<Vec<f64>> {
    let mut seconds = vec![Vec::new(); contenders.len()];
    for round in 0..=ROUNDS {
        for ((_, contender), seconds) in contenders.iter().zip(&mut seconds) {
            let took = contender.run();
            if round > 0 {
                seconds.push(took);
            }
        }
    }
    seconds
}

/// A file of at least so many bytes, one event a line. Tells how many there are.
fn write_events(path: &Path, bytes: u64) -> (usize, PathBuf) {
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
    (count, path.to_owned())
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

/// A file of rules. JSON is YAML, too.
fn write_rules(path: &Path, definitions: impl Iterator<Item = Value>) -> PathBuf {
    let manifests = definitions.enumerate().map(|(number, definition)| {
        let manifest = json!({
            "apiVersion": "k8scop.io/v1alpha1", "kind": "K8sCopRule",
            "metadata": {"name": format!("rule-{number}"), "namespace": "bench"},
            "spec": definition,
        });
        format!("---\n{manifest}\n")
    });
    fs::write(path, manifests.collect::<String>()).expect("a file can be written");
    path.to_owned()
}

fn ripgrep() -> Option<PathBuf> {
    let named = env::var_os("K8SCOP_BENCH_RG").map(PathBuf::from);
    let rg = named.unwrap_or_else(|| PathBuf::from("rg"));
    let version = Command::new(&rg).arg("--version").output().ok()?;
    print!(
        "{}",
        String::from_utf8_lossy(&version.stdout).lines().next()?
    );
    println!();
    Some(rg)
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
