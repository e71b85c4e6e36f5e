//! `k8scop check`: are rules and jobs right?

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::Context as _;
use serde_json::json;

use super::{
    examine::{Examined, Located, examine},
    manifests,
};
use crate::{exit::Exit, terminal};

const EXAMPLES: &str = "\
Examples:
  # Check all rules of a folder before they are applied
  k8scop check rules/

  # What kustomize makes of them, findings as JSON
  kubectl kustomize rules/ | k8scop check -o json -";

/// Check rules and jobs as the operator would
///
/// Reads manifests of rules (K8sCopRule) and jobs (AnalysisJob), tells everything that is wrong
/// with them, and runs the tests that rules bring along. Needs no cluster.
///
/// Exit status: 0 when all is right, 1 when there are problems, 2 when a file could not be read.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct CheckArgs {
    /// Files or folders of manifests; `-` is standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// How to print problems
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One line for each: file, line, column, place, message
    Text,
    /// One JSON object a line
    Json,
}

/// Checks, prints the problems, and tells how it went.
pub fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    let examined = examine(&manifests::read(&args.paths)?);
    print(&examined.problems, args.output).context("cannot write the problems")?;
    terminal::say(format_args!("{}", verdict(&examined)));
    Ok(if examined.problems.is_empty() {
        Exit::Good
    } else {
        Exit::Findings
    })
}

fn print(problems: &[Located], format: Format) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for problem in problems {
        match format {
            Format::Text => writeln!(out, "{problem}")?,
            Format::Json => writeln!(
                out,
                "{}",
                terminal::escape_json(&as_json(problem).to_string())
            )?,
        }
    }
    out.flush()
}

fn as_json(Located { file, finding }: &Located) -> serde_json::Value {
    json!({
        "file": file.to_string_lossy(),
        "line": finding.line,
        "column": finding.column,
        "place": finding.problem.place(),
        "reason": finding.problem.reason(),
        "message": finding.problem.message(),
    })
}

fn verdict(examined: &Examined) -> String {
    let tests: usize = examined
        .rules
        .values()
        .map(|rule| rule.definition().tests.len())
        .sum();
    format!(
        "{} rules with {tests} tests and {} jobs are right, {} problems",
        examined.rules.len(),
        examined.jobs,
        examined.problems.len()
    )
}
