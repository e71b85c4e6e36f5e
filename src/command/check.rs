//! `k8scop check`: checks rules and jobs.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::Context as _;
use serde_json::json;

use super::{
    examine::{Count, Examined, Located, examine},
    manifests,
};
use crate::{api::manifest::Finding, exit::Exit, terminal};

const EXAMPLES: &str = "\
Examples:
  # Check all rules of a folder before they are applied
  k8scop check rules/

  # What kustomize makes of them, findings as JSON
  kubectl kustomize rules/ | k8scop check -o json -";

/// Check rules and jobs as the operator would
///
/// Reads manifests of rules (K8sCopRule) and jobs (AnalysisJob), reports everything that is wrong
/// with them, and runs the tests that rules bring along. Needs no cluster.
///
/// A warning is about a rule that is valid, but easier to evade than it looks; the code of its
/// kind stands at its end, and docs/rules.md explains it.
///
/// Exit status: 0 when all is right, 1 when there are problems, or warnings with --deny-warnings,
/// 2 when a file could not be read.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct CheckArgs {
    /// Files or folders of manifests; `-` is standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// How to print problems
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
    /// Fail on warnings too
    #[arg(long)]
    deny_warnings: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One line for each: file, line, column, place, problem and remedy
    Text,
    /// One JSON object a line
    Json,
}

/// Checks, and prints problems, warnings and a summary.
pub fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    let examined = examine(&manifests::read(&args.paths)?);
    print(&examined, args.output).context("cannot write the problems")?;
    terminal::say(format_args!("{}", summary(&examined)));
    let denied = args.deny_warnings && !examined.warnings.is_empty();
    Ok(match examined.problems.is_empty() && !denied {
        true => Exit::Good,
        false => Exit::Findings,
    })
}

fn print(examined: &Examined, format: Format) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let problems = examined.problems.iter().map(|found| ("error", found));
    let warnings = examined.warnings.iter().map(|found| ("warning", found));
    for (severity, found) in problems.chain(warnings) {
        match (format, severity) {
            (Format::Json, _) => {
                let json = as_json(severity, found).to_string();
                writeln!(out, "{}", terminal::escape_json(&json))?;
            }
            (Format::Text, "warning") => writeln!(out, "{}", warning(found))?,
            (Format::Text, _) => writeln!(out, "{found}")?,
        }
    }
    out.flush()
}

fn warning(Located { file, finding }: &Located) -> String {
    let Finding {
        line,
        column,
        problem,
    } = finding;
    let text = format!("{line}:{column}: warning: {problem} ({})", problem.reason());
    format!("{}:{}", file.display(), terminal::escape(&text))
}

fn as_json(severity: &str, Located { file, finding }: &Located) -> serde_json::Value {
    json!({
        "severity": severity,
        "file": file.to_string_lossy(),
        "line": finding.line,
        "column": finding.column,
        "place": finding.problem.place(),
        "reason": finding.problem.reason(),
        "message": finding.problem.message(),
    })
}

/// `2 rules, 1 test: 1 problem`, with the jobs and the warnings where there are any.
fn summary(examined: &Examined) -> String {
    let Count { rules, tests, jobs } = examined.count;
    let mut held = format!("{}, {}", counted(rules, "rule"), counted(tests, "test"));
    if jobs > 0 {
        held = format!("{held}, {}", counted(jobs, "job"));
    }
    let mut found = counted(examined.problems.len(), "problem");
    if !examined.warnings.is_empty() {
        found = format!("{found}, {}", counted(examined.warnings.len(), "warning"));
    }
    format!("{held}: {found}")
}

fn counted(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}
