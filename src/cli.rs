//! The command line: its commands, its manners, its exit status.
//!
//! Data goes to standard output and words to standard error. The exit status is decided in
//! [`Exit`](crate::exit::Exit) and nowhere else.

use std::{ffi::OsString, io, path::Path, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{
    command::{analyze, check, crds, run, scan, verify},
    exit::Exit,
    terminal,
};

mod reference;

pub use reference::reference;

const EXAMPLES: &str = "\
Examples:
  # What do the built-in rules find in an audit log?
  k8scop scan audit.log

  # The same against an Elasticsearch that holds audit logs
  k8scop analyze -E http://127.0.0.1:9200 -I logstash -i alerts -s 2026-11-01-0-0-0 -A static

  # In a cluster
  k8scop crds | kubectl apply --server-side -f - && k8scop run --elasticsearch https://es.example:9200";

/// Detection rules for Kubernetes audit logs, as Kubernetes resources
#[derive(Debug, Parser)]
#[command(
    name = "k8scop",
    version,
    max_term_width = 98,
    after_long_help = EXAMPLES,
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Scan(scan::ScanArgs),
    Analyze(analyze::AnalyzeArgs),
    Verify(verify::VerifyArgs),
    Check(check::CheckArgs),
    Run(run::RunArgs),
    Crds(crds::CrdsArgs),
}

/// Runs the command that the arguments name; the first argument is the name of the program.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match parse(args.into_iter().collect()) {
        Ok(cli) => conclude(cli.command.run()).into(),
        Err(error) => {
            // Nobody is left to tell when printing fails.
            let _ = error.print();
            if error.use_stderr() {
                Exit::Failed.into()
            } else {
                Exit::Good.into()
            }
        }
    }
}

/// `kubectl k8scop` runs a program of the name `kubectl-k8scop`: help then says what was typed.
fn parse(args: Vec<OsString>) -> Result<Cli, clap::Error> {
    let program = args
        .first()
        .map(Path::new)
        .and_then(Path::file_name)
        .unwrap_or_default();
    let plugin = program.to_string_lossy().starts_with("kubectl-");
    let command = if plugin {
        Cli::command().bin_name("kubectl k8scop")
    } else {
        Cli::command()
    };
    let mut command = command;
    let matches = command.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

fn conclude(result: anyhow::Result<Exit>) -> Exit {
    match result {
        Ok(exit) => exit,
        Err(error) if nobody_reads(&error) => Exit::Good,
        Err(error) => {
            terminal::say(format_args!("error: {error:#}"));
            Exit::Failed
        }
    }
}

/// Whether the reader of the output went away, as `head` does: that is no error.
fn nobody_reads(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

impl Command {
    fn run(&self) -> anyhow::Result<Exit> {
        match self {
            Self::Scan(args) => scan::run(args),
            Self::Analyze(args) => analyze::run(args),
            Self::Verify(args) => verify::run(args),
            Self::Check(args) => check::run(args),
            Self::Run(args) => run::run(args),
            Self::Crds(args) => crds::run(args),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_flags_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let error = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(
            conclude(Err(error.context("cannot write the alerts"))),
            Exit::Good
        );
        assert_eq!(conclude(Err(anyhow::anyhow!("no input"))), Exit::Failed);
    }
}
