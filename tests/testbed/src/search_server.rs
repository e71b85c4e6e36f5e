//! A search server: one node of Elasticsearch or OpenSearch without security.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::flavor::Flavor;
use crate::http;
use crate::process::Process;
use crate::run_folder::{RunFolder, free_port};

/// Everything the server logs goes to its standard output.
const LOGGING: &str = include_str!("../maven/log4j2.properties");

/// A search server. It ends when the value is dropped, and with the process at the latest.
pub struct SearchServer {
    flavor: Flavor,
    url: String,
    own: Option<Own>,
}

/// A server that is our own. The process ends before its folder goes.
struct Own {
    process: Option<Process>,
    run_folder: RunFolder,
}

/// The search server of a kind that all tests of this process share.
///
/// It is the one at [`Flavor::url_variable`] if that is set, else it is started on first use. Tests
/// must keep out of each other's way, e.g. by indices with names of their own.
pub async fn shared_search_server(flavor: Flavor) -> Result<&'static SearchServer> {
    static SHARED: [OnceCell<SearchServer>; 3] = [const { OnceCell::const_new() }; 3];
    SHARED[flavor as usize]
        .get_or_try_init(async || match std::env::var(flavor.url_variable()) {
            Ok(url) if !url.is_empty() => Ok(SearchServer {
                flavor,
                url: url.trim_end_matches('/').to_owned(),
                own: None,
            }),
            _ => SearchServer::start(flavor).await,
        })
        .await
}

/// Fetches what a search server needs, if this machine has not got it yet.
pub async fn build_search_server(flavor: Flavor) -> Result<()> {
    tokio::task::spawn_blocking(move || flavor.home().map(drop))
        .await
        .context("the build panicked")?
        .with_context(|| {
            let variable = flavor.url_variable();
            format!("{variable} can lead the tests to a running server of this kind instead")
        })
}

impl SearchServer {
    /// Starts a new server on a free port with empty data.
    pub async fn start(flavor: Flavor) -> Result<SearchServer> {
        build_search_server(flavor).await?;
        let run_folder = RunFolder::new(flavor.name())?;
        let port = free_port()?;
        write_settings(flavor, run_folder.path(), port)?;
        let url = format!("http://127.0.0.1:{port}");
        let own = Some(Own {
            process: None,
            run_folder,
        });
        let mut server = SearchServer { flavor, url, own };
        server.start_again().await?;
        Ok(server)
    }

    /// The server's address without a slash at the end, e.g. `http://127.0.0.1:20123`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Kills the server as a power cut would.
    pub async fn kill(&mut self) -> Result<()> {
        self.own_mut()?.process = None;
        Ok(())
    }

    /// Freezes the server: it keeps its connections, takes new ones, and answers nothing.
    pub fn freeze(&self) -> Result<()> {
        self.process()?.freeze()
    }

    /// Lets the frozen server go on.
    pub fn thaw(&self) -> Result<()> {
        self.process()?.thaw()
    }

    /// Starts the killed server again, on the same port and with the same data.
    pub async fn start_again(&mut self) -> Result<()> {
        let flavor = self.flavor;
        let health = format!(
            "{}/_cluster/health?wait_for_status=yellow&timeout=1s",
            self.url
        );
        let own = self.own_mut()?;
        let run = own.run_folder.path();
        let arguments = flavor.java_arguments(&flavor.home()?, run)?;
        let log = run.join(format!("{}.log", flavor.name()));
        let mut process = Process::start(&flavor.jdk()?.java(), arguments, &log)?;
        let client = http::client(None)?;
        process
            .until_ready(async || http::answers(&client, &health).await)
            .await?;
        own.process = Some(process);
        Ok(())
    }

    fn process(&self) -> Result<&Process> {
        let own = self.own.as_ref().and_then(|own| own.process.as_ref());
        own.context("no process of this one runs the search server")
    }

    fn own_mut(&mut self) -> Result<&mut Own> {
        self.own
            .as_mut()
            .context("this search server belongs to another process")
    }
}

fn write_settings(flavor: Flavor, run: &Path, port: u16) -> Result<()> {
    let settings = json!({
        "cluster.name": "k8scop-testbed",
        "node.name": "testbed",
        "discovery.type": "single-node",
        "network.host": "127.0.0.1",
        "http.port": port,
        // Any free one; nobody connects to it.
        "transport.port": 0,
        "path.data": run.join("data"),
        "path.logs": run.join("logs"),
        // The disk of a developer is always nearly full.
        "cluster.routing.allocation.disk.threshold_enabled": false,
    });
    let config = run.join("config");
    fs::create_dir(&config)?;
    // JSON is YAML too.
    fs::write(
        config.join(format!("{}.yml", flavor.name())),
        settings.to_string(),
    )?;
    fs::write(config.join("log4j2.properties"), LOGGING)?;
    Ok(())
}
