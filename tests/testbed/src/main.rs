//! `testbed`: builds the servers of the tests, or runs them for a person.

use std::fmt::Display;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use k8scop_testbed::{
    ControlPlane, Flavor, SearchServer, Tool, build_control_plane, build_search_server, tool,
};

/// Builds and runs the real servers K8sCop is tested against.
#[derive(Parser)]
#[command(version, after_help = EXAMPLE)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLE: &str = "Example:
  cargo run -p k8scop-testbed -- up --only control-plane
  # then, in another terminal, paste the lines it printed and:
  cargo test";

#[derive(Subcommand)]
enum Command {
    /// Build everything that is not in the cache yet
    Build,
    /// Start servers, print their addresses as shell commands and wait for Ctrl-C
    Up {
        /// Start only these
        #[arg(long, value_delimiter = ',', value_enum, default_values_t = Server::value_variants().to_vec())]
        only: Vec<Server>,
    },
    /// Print the path of a command-line tool
    Tool {
        #[arg(value_enum)]
        name: ToolName,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Server {
    ControlPlane,
    Elasticsearch,
    Opensearch,
    Elasticsearch7,
}

#[derive(Clone, Copy, ValueEnum)]
enum ToolName {
    Kubectl,
    Helm,
}

impl From<ToolName> for Tool {
    fn from(name: ToolName) -> Tool {
        match name {
            ToolName::Kubectl => Tool::Kubectl,
            ToolName::Helm => Tool::Helm,
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Build => build().await,
        Command::Up { only } => up(&only).await,
        Command::Tool { name } => {
            println!("{}", tool(name.into()).await?.display());
            Ok(())
        }
    }
}

async fn build() -> Result<()> {
    build_control_plane().await?;
    for flavor in [
        Flavor::Elasticsearch9,
        Flavor::OpenSearch3,
        Flavor::Elasticsearch7,
    ] {
        build_search_server(flavor).await?;
    }
    for name in [Tool::Kubectl, Tool::Helm] {
        tool(name).await?;
    }
    Ok(())
}

/// Holds the servers until Ctrl-C.
async fn up(servers: &[Server]) -> Result<()> {
    let mut control_plane = None;
    let mut search_servers = Vec::new();
    for server in servers {
        let flavor = match server {
            Server::ControlPlane => {
                let started = ControlPlane::start().await?;
                export("K8SCOP_TEST_KUBECONFIG", started.kubeconfig().display());
                export("KUBECONFIG", started.kubeconfig().display());
                println!("# The audit log is {}", started.audit_log().display());
                control_plane = Some(started);
                continue;
            }
            Server::Elasticsearch => Flavor::Elasticsearch9,
            Server::Opensearch => Flavor::OpenSearch3,
            Server::Elasticsearch7 => Flavor::Elasticsearch7,
        };
        let started = SearchServer::start(flavor).await?;
        export(flavor.url_variable(), started.url());
        // For a person who runs K8sCop by hand; the tests ignore it.
        if search_servers.is_empty() {
            export("ELASTICSEARCH_URL", started.url());
        }
        search_servers.push(started);
    }
    eprintln!("testbed: all is up; Ctrl-C stops it");
    tokio::signal::ctrl_c().await?;
    drop((control_plane, search_servers));
    Ok(())
}

fn export(variable: &str, value: impl Display) {
    println!("export {variable}='{value}'");
}
