//! The `k8scop` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    k8scop::pipeline::crash::arm();
    k8scop::cli::main(std::env::args_os())
}
