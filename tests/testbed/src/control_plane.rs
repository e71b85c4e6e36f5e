//! A Kubernetes control plane: etcd and kube-apiserver, with an audit log.
//!
//! No controllers run, so nothing makes service accounts or token Secrets by itself, the aggregated
//! roles `view`, `edit` and `admin` are empty, deleted namespaces stay `Terminating`, and pods are
//! never scheduled. Pods are admitted without a service account for the same reason.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rcgen::KeyPair;
use tokio::sync::OnceCell;

use crate::go::{ETCD, KUBE_APISERVER};
use crate::http;
use crate::identities::{self, ADMIN, USERS};
use crate::process::Process;
use crate::run_folder::{RunFolder, free_port};

const AUDIT_POLICY: &str = include_str!("../control-plane/audit-policy.yaml");

/// A control plane. It ends when the value is dropped, and with the process at the latest.
pub struct ControlPlane {
    folder: PathBuf,
    kubeconfig: PathBuf,
    audit_log: PathBuf,
    url: String,
    ca_pem: String,
    servers: Option<Servers>,
}

/// The processes of a control plane that is our own. They end in the order of the fields.
struct Servers {
    apiserver: Option<Process>,
    apiserver_port: u16,
    _etcd: Process,
    etcd_url: String,
    // Last, because the servers write to it while they live.
    _run_folder: RunFolder,
}

/// The control plane all tests of this process share.
///
/// It is the one `K8SCOP_TEST_KUBECONFIG` leads to if that is set (see `testbed up`), else it is
/// started on first use. Tests must keep out of each other's way, e.g. by a namespace each.
pub async fn shared_control_plane() -> Result<&'static ControlPlane> {
    static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
    SHARED
        .get_or_try_init(async || match std::env::var_os(KUBECONFIG_VARIABLE) {
            Some(path) if !path.is_empty() => ControlPlane::at(Path::new(&path)),
            _ => ControlPlane::start().await,
        })
        .await
}

const KUBECONFIG_VARIABLE: &str = "K8SCOP_TEST_KUBECONFIG";

/// Builds what a control plane needs, if this machine has not got it yet.
pub async fn build_control_plane() -> Result<()> {
    ETCD.path().await?;
    KUBE_APISERVER.path().await?;
    Ok(())
}

impl ControlPlane {
    /// Starts a new control plane on free ports with empty data.
    pub async fn start() -> Result<ControlPlane> {
        let remedy = || {
            format!(
                "the tests need a real Kubernetes API server. `testbed up` in another terminal \
                 starts one that {KUBECONFIG_VARIABLE} can lead to"
            )
        };
        build_control_plane().await.with_context(remedy)?;
        let run_folder = RunFolder::new("control-plane")?;
        let folder = run_folder.path().to_owned();
        write_settings(&folder)?;
        let (etcd, etcd_url) = start_etcd(&folder).await?;
        let apiserver_port = free_port()?;
        let url = format!("https://127.0.0.1:{apiserver_port}");
        identities::write_kubeconfigs(&folder, &url)?;
        let servers = Servers {
            apiserver: None,
            apiserver_port,
            _etcd: etcd,
            etcd_url,
            _run_folder: run_folder,
        };
        let mut control_plane = ControlPlane {
            kubeconfig: identities::kubeconfig_path(&folder, ADMIN),
            audit_log: folder.join("audit.log"),
            folder,
            url,
            ca_pem: String::new(),
            servers: Some(servers),
        };
        control_plane.start_apiserver().await?;
        Ok(control_plane)
    }

    /// The control plane that another process of the testbed started and wrote a kubeconfig for.
    fn at(kubeconfig: &Path) -> Result<ControlPlane> {
        let folder = kubeconfig.parent().unwrap_or(Path::new(""));
        let read = || -> Result<_> {
            Ok((
                identities::server_of(kubeconfig)?,
                fs::read_to_string(folder.join("ca.crt"))?,
            ))
        };
        // Any other cluster is refused, also because it might be somebody's production.
        let (url, ca_pem) = read().with_context(|| {
            format!(
                "{KUBECONFIG_VARIABLE}={} is not a kubeconfig that `testbed up` printed",
                kubeconfig.display()
            )
        })?;
        Ok(ControlPlane {
            folder: folder.to_owned(),
            kubeconfig: kubeconfig.to_owned(),
            audit_log: folder.join("audit.log"),
            url,
            ca_pem,
            servers: None,
        })
    }

    /// The API server's address, `https://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate of the authority behind the API server's certificate.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The kubeconfig of an administrator, who is in the group `system:masters`.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Makes a kubeconfig for another identity, e.g. a service account with a token of its own.
    pub fn kubeconfig_with_token(&self, name: &str, token: &str) -> Result<PathBuf> {
        if name == ADMIN || USERS.contains(&name) {
            bail!("{name} has a kubeconfig already");
        }
        identities::write_kubeconfig(&self.folder, &self.url, name, token)
    }

    /// The kubeconfig of alice, bob or mallory, members of the group `developers`, who have no
    /// rights but those a test gives them.
    pub fn user_kubeconfig(&self, user: &str) -> Result<PathBuf> {
        if !USERS.contains(&user) {
            bail!("there is no user {user}, only {}", USERS.join(", "));
        }
        Ok(identities::kubeconfig_path(&self.folder, user))
    }

    /// The audit log: one JSON object a line, requests and responses in full.
    pub fn audit_log(&self) -> &Path {
        &self.audit_log
    }

    /// Kills the API server and leaves etcd alone.
    pub async fn kill_apiserver(&mut self) -> Result<()> {
        self.servers_mut()?.apiserver = None;
        Ok(())
    }

    /// Starts the API server again, on the same port and with the same data.
    pub async fn start_apiserver(&mut self) -> Result<()> {
        let folder = self.folder.clone();
        let program = KUBE_APISERVER.path().await?;
        let servers = self.servers_mut()?;
        let arguments = apiserver_arguments(&folder, servers.apiserver_port, &servers.etcd_url);
        let log = folder.join("kube-apiserver.log");
        let mut apiserver = Process::start(&program, arguments, &log)?;
        // The server makes its certificate when it starts for the first time.
        let certificate = folder.join("cert/apiserver.crt");
        apiserver
            .until_ready(async || certificate.is_file())
            .await?;
        let ca_pem = last_certificate(&fs::read_to_string(&certificate)?)?;
        fs::write(folder.join("ca.crt"), &ca_pem)?;
        let client = http::client(Some(&ca_pem))?;
        let ready = format!("{}/readyz", self.url);
        apiserver
            .until_ready(async || http::answers(&client, &ready).await)
            .await?;
        self.ca_pem = ca_pem;
        self.servers_mut()?.apiserver = Some(apiserver);
        Ok(())
    }

    /// Freezes the API server: it keeps its connections, takes new ones, and answers nothing.
    pub fn freeze_apiserver(&self) -> Result<()> {
        self.apiserver()?.freeze()
    }

    /// Lets the frozen API server go on.
    pub fn thaw_apiserver(&self) -> Result<()> {
        self.apiserver()?.thaw()
    }

    fn apiserver(&self) -> Result<&Process> {
        let servers = self.servers.as_ref();
        servers
            .and_then(|servers| servers.apiserver.as_ref())
            .context("no process of this one runs the API server")
    }

    fn servers_mut(&mut self) -> Result<&mut Servers> {
        self.servers
            .as_mut()
            .context("this control plane belongs to another process")
    }
}

/// Writes the files that the API server's flags name.
fn write_settings(folder: &Path) -> Result<()> {
    fs::write(folder.join("tokens.csv"), identities::token_file())?;
    fs::write(folder.join("audit-policy.yaml"), AUDIT_POLICY)?;
    // It signs the service accounts' tokens.
    let key = KeyPair::generate()?;
    fs::write(folder.join("service-account.key"), key.serialize_pem())?;
    fs::write(folder.join("service-account.pub"), key.public_key_pem())?;
    Ok(())
}

async fn start_etcd(folder: &Path) -> Result<(Process, String)> {
    let url = format!("http://127.0.0.1:{}", free_port()?);
    let peers = format!("http://127.0.0.1:{}", free_port()?);
    let data = folder.join("etcd");
    let arguments = [
        format!("--data-dir={}", data.display()),
        format!("--listen-client-urls={url}"),
        format!("--advertise-client-urls={url}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=default={peers}"),
        // The data need not survive the machine.
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ];
    let mut etcd = Process::start(&ETCD.path().await?, arguments, &folder.join("etcd.log"))?;
    let client = http::client(None)?;
    let health = format!("{url}/health");
    etcd.until_ready(async || http::answers(&client, &health).await)
        .await?;
    Ok((etcd, url))
}

fn apiserver_arguments(folder: &Path, port: u16, etcd_url: &str) -> Vec<String> {
    let file = |name: &str| folder.join(name).display().to_string();
    vec![
        format!("--etcd-servers={etcd_url}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        format!("--cert-dir={}", file("cert")),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        // Nothing runs behind the Service `kubernetes`.
        "--endpoint-reconciler-type=none".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", file("service-account.pub")),
        format!(
            "--service-account-signing-key-file={}",
            file("service-account.key")
        ),
        "--authorization-mode=RBAC,Node".to_owned(),
        format!("--token-auth-file={}", file("tokens.csv")),
        format!("--audit-policy-file={}", file("audit-policy.yaml")),
        format!("--audit-log-path={}", file("audit.log")),
        // Rules look for privileged containers.
        "--allow-privileged=true".to_owned(),
        // No controller makes the service accounts it asks for.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
    ]
}

/// The last certificate of a chain: the authority's.
fn last_certificate(chain: &str) -> Result<String> {
    let begin = chain.rfind("-----BEGIN CERTIFICATE-----");
    Ok(chain[begin.context("the API server wrote no certificate")?..].to_owned())
}
