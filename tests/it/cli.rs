//! The command as a process: what it prints where, and how it ends.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

mod analyze;
mod check;
mod events;
mod run;
mod scan;
mod scan_inputs;
mod usage;
mod verify;

/// How a run of the command went.
#[derive(Debug, PartialEq)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the command prints UTF-8");
        Self {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_k8scop"));
    command.args(args).stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Ran {
    command(args).output().expect("the command starts").into()
}

/// Runs the command with something on its standard input.
fn run_with(args: &[&str], input: &[u8]) -> Ran {
    let mut process = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = process.stdin.take().expect("it is piped");
    stdin.write_all(input).expect("the command reads its input");
    drop(stdin);
    process.wait_with_output().expect("the command ends").into()
}
