//! `k8scop run`: the operator. Joins the controller, the supervisor of the pipelines and the
//! endpoints; holds no logic of its own.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use clap::ArgAction;
use kube::{Client, Config};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use super::{
    connection::{CredentialArgs, Server},
    connector::{ElasticConnector, Foreign},
    foreground,
};
use crate::{
    controller::{
        election::{Election, Office},
        health::Health,
        run::Controller,
    },
    exit::Exit,
    pipeline::{board::Published, plan::Plan, settings::Settings, supervisor::Supervisor},
    server,
    telemetry::{self, LevelFilter, LogFormat},
};
use observed::Operator;

mod observed;

/// Longest silence of the API server: a watch without news is ended and begun anew before.
const SILENCE: Duration = Duration::from_secs(150);

const EXAMPLES: &str = "\
Examples:
  # Against the cluster of the current kubeconfig
  k8scop run --elasticsearch http://127.0.0.1:9200

  # In a pod: credentials from mounted files, two namespaces, logs for a collector
  k8scop run --elasticsearch https://es.example:9200 \\
    --elasticsearch-api-key-file /etc/k8scop/apiKey --elasticsearch-ca-file /etc/k8scop/ca.crt \\
    --watch-namespaces security,shop --log-format json";

/// Run the operator
///
/// Watches rules (K8sCopRule) and jobs (AnalysisJob) of a cluster, runs the jobs, and tells in
/// their statuses how they do. The cluster is that of KUBECONFIG, or of the pod's service account.
/// What fails is repeated until it works: /readyz tells what is missing. While the API server is
/// away, the jobs go on with the rules that are loaded. The first SIGINT or SIGTERM lets alerts
/// that are under way be written, the second aborts.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct RunArgs {
    /// Address of the Elasticsearch that jobs use by default
    #[arg(
        long,
        env = "ELASTICSEARCH_URL",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Elasticsearch"
    )]
    elasticsearch: Option<String>,
    #[command(flatten)]
    credentials: CredentialArgs,
    /// Other origins that jobs may name (https://host:port), separated by commas; default is none
    #[arg(
        long,
        env = "K8SCOP_ALLOWED_ORIGINS",
        hide_env_values = true,
        value_name = "URL",
        value_delimiter = ',',
        help_heading = "Elasticsearch"
    )]
    allowed_origins: Vec<String>,
    /// Namespaces whose rules and jobs count, separated by commas; default is all
    #[arg(
        long,
        env = "K8SCOP_WATCH_NAMESPACES",
        hide_env_values = true,
        value_name = "NAMES",
        value_delimiter = ',',
        help_heading = "Cluster"
    )]
    watch_namespaces: Vec<String>,
    /// Name of the cluster whose audit log is read; part of the identity of alerts
    #[arg(
        long,
        env = "K8SCOP_CLUSTER_NAME",
        hide_env_values = true,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true,
        help_heading = "Cluster"
    )]
    cluster_name: String,
    /// Name of this pod, told in Kubernetes Events and in the Lease
    #[arg(
        long,
        env = "POD_NAME",
        hide_env_values = true,
        value_name = "NAME",
        help_heading = "Cluster"
    )]
    pod_name: Option<String>,
    /// Seconds that streaming jobs stay behind the server's clock, 1 to 3600: as long as shippers and
    /// index refreshes need; what is later still is found by looking again
    #[arg(
        long,
        env = "K8SCOP_SAFETY_LAG",
        hide_env_values = true,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=3600),
        default_value_t = Settings::default().safety_lag.as_secs(),
        help_heading = "Elasticsearch"
    )]
    safety_lag: u64,
    /// Most MiB of events that each job holds while it reads, 8 to 4096; beside them it holds at most
    /// 32 MiB for each answer under way (two in a catch-up) and 16 MiB of alerts
    #[arg(
        long,
        env = "K8SCOP_JOB_MEMORY",
        hide_env_values = true,
        value_name = "MIB",
        value_parser = clap::value_parser!(u32).range(8..=4096),
        default_value_t = Settings::default().page_memory,
        help_heading = "Elasticsearch"
    )]
    job_memory: u32,
    /// Run the jobs only while holding a Lease, so that of several replicas one works and the
    /// others stand by; without it, all of them do all of the work (and find the same alerts)
    #[arg(
        long,
        env = "K8SCOP_LEADER_ELECT",
        hide_env_values = true,
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        help_heading = "Leader election"
    )]
    leader_elect: bool,
    /// Name of the Lease
    #[arg(
        long,
        env = "K8SCOP_LEASE_NAME",
        hide_env_values = true,
        value_name = "NAME",
        default_value = "k8scop",
        help_heading = "Leader election"
    )]
    lease_name: String,
    /// Namespace of the Lease; default is the pod's, or that of the kubeconfig
    #[arg(
        long,
        env = "POD_NAMESPACE",
        hide_env_values = true,
        value_name = "NAME",
        help_heading = "Leader election"
    )]
    lease_namespace: Option<String>,
    /// Address of /livez, /readyz and /metrics
    #[arg(
        long,
        env = "K8SCOP_LISTEN",
        hide_env_values = true,
        value_name = "ADDRESS",
        default_value = "0.0.0.0:8080"
    )]
    listen: SocketAddr,
    /// How log lines look; RUST_LOG chooses what is logged
    #[arg(long, env = "K8SCOP_LOG_FORMAT", hide_env_values = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

/// Runs until a signal.
pub fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    let _logging = telemetry::start(args.log_format, LevelFilter::INFO);
    foreground::work(
        "aborted; what is not written is found again after the next start",
        |stop| operate(args, stop),
    )
}

async fn operate(args: &RunArgs, stop: CancellationToken) -> anyhow::Result<Exit> {
    let config = Config::infer()
        .await
        // The text of the error names its causes already.
        .map_err(|error| anyhow!("no cluster to run in; set KUBECONFIG, or run in a pod with a service account: {error}"))?;
    let client = Client::try_from(impatient(config, SILENCE))
        .context("no client for the cluster; fix the certificates and addresses of KUBECONFIG")?;
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!(
            "cannot listen on {}; choose another address with --listen",
            args.listen
        )
    })?;
    let settings = Settings {
        cluster: args.cluster_name.clone(),
        safety_lag: Duration::from_secs(args.safety_lag),
        page_memory: args.job_memory,
        ..Settings::default()
    };
    let supervisor = Supervisor::new(Arc::new(connector(args, &client)?), settings);

    let (plans, wanted) = watch::channel(Arc::<[Plan]>::from([]));
    let (published, progress) = watch::channel(Published::default());
    let (health, healthy) = watch::channel(Health::default());
    let (election, office) = office(args, &client);
    let observed = Operator {
        standing: office.standing.clone(),
        health: healthy,
        progress: progress.clone(),
        plans: wanted.clone(),
        board: supervisor.board(),
        stop: stop.clone(),
    };
    let controller = Controller {
        client,
        namespaces: named(&args.watch_namespaces),
        instance: args.pod_name.clone(),
        office,
        plans,
        progress,
        health,
    };

    // From the inside out: pipelines drain, then their last progress is written, then the lease is
    // let go, then probes end.
    let [after_pipelines, after_commits, at_last] = [(); 3].map(|()| CancellationToken::new());
    let electing = election.map(|election| tokio::spawn(election.run(after_commits.clone())));
    let serving = tokio::spawn(server::serve(listener, Arc::new(observed), at_last.clone()));
    let controlling = tokio::spawn(controller.run(after_pipelines.clone()));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), listen = %args.listen, "started");
    supervisor.run(wanted, published, stop).await;
    after_pipelines.cancel();
    controlling.await.context("the controller broke")?;
    after_commits.cancel();
    if let Some(electing) = electing {
        electing.await.context("the election broke")?;
    }
    at_last.cancel();
    serving
        .await
        .context("the server broke")?
        .context("the server failed")?;
    tracing::info!("stopped; everything under way is written");
    Ok(Exit::Good)
}

fn office(args: &RunArgs, client: &Client) -> (Option<Election>, Office) {
    if !args.leader_elect {
        return (None, Office::unopposed());
    }
    let namespace = args.lease_namespace.as_deref();
    let namespace = namespace.unwrap_or_else(|| client.default_namespace());
    let pod = args.pod_name.as_deref();
    let (election, office) = Election::new(client.clone(), namespace, &args.lease_name, pod);
    (Some(election), office)
}

/// A server that takes a request and never answers counts as failed after some silence.
fn impatient(mut config: Config, silence: Duration) -> Config {
    config.read_timeout = Some(silence);
    config.reset_reader_on_write = true;
    config
}

fn connector(args: &RunArgs, client: &Client) -> anyhow::Result<ElasticConnector> {
    let address = args
        .elasticsearch
        .clone()
        .filter(|address| !address.is_empty());
    let default = match address {
        Some(address) => Some(Server::new(address, args.credentials.clone())?),
        None => None,
    };
    if let Some(warning) = default.as_ref().and_then(Server::warning) {
        tracing::warn!("{warning}");
    }
    let allowed = named(&args.allowed_origins);
    let foreign = Foreign::new(&allowed, client.clone()).context("--allowed-origins")?;
    Ok(ElasticConnector::new(default, Some(foreign)))
}

/// An empty variable gives one empty name, which is none.
fn named(names: &[String]) -> Vec<String> {
    names
        .iter()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_api_server_that_never_answers_is_given_up() {
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = silent.local_addr().expect("it is bound");
        let url = format!("http://{address}").parse().expect("a URL");
        let config = impatient(Config::new(url), Duration::from_millis(50));
        let client = Client::try_from(config).expect("the settings are right");

        let answer = tokio::time::timeout(Duration::from_secs(30), client.apiserver_version());

        assert!(answer.await.expect("it is given up").is_err());
    }
}
