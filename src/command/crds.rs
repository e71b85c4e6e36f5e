//! `k8scop crds`: the custom resource definitions.

use std::io::{self, Write};

use anyhow::Context as _;

use crate::{api::crds, exit::Exit};

const EXAMPLES: &str = "\
Examples:
  # Make both kinds known to a cluster
  k8scop crds | kubectl apply --server-side -f -";

/// Print the custom resource definitions
///
/// Prints the definitions of K8sCopRule and AnalysisJob as YAML.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct CrdsArgs {}

/// Prints all definitions as one YAML stream.
pub fn run(CrdsArgs {}: &CrdsArgs) -> anyhow::Result<Exit> {
    print(&mut io::stdout().lock()).context("cannot write the definitions")?;
    Ok(Exit::Good)
}

fn print(out: &mut impl Write) -> io::Result<()> {
    for (_, definition) in crds::crds() {
        out.write_all(definition.as_bytes())?;
    }
    out.flush()
}
