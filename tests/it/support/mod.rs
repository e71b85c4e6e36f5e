//! What the tests on real servers stand on.

pub mod cluster;
pub mod definitions;
pub mod installation;
pub mod jobs;
pub mod operator;
pub mod search;
pub mod shipper;
pub mod site;
pub mod verify;
pub mod workload;

use std::{future::Future, time::Duration};

use tokio::process::{Child, Command};

/// How much longer than on an idle machine something may take: only a failure waits so long.
pub const PATIENCE: u32 = 4;

/// Asks again and again until there is an answer; panics with `what` after `limit`, as it is on an
/// idle machine.
pub async fn eventually<T, F>(what: &str, limit: Duration, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = tokio::time::Instant::now() + limit * PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "did not happen within {PATIENCE} times {limit:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Sends a signal, for example `INT`, to a process that runs.
pub async fn signal(process: &Child, name: &str) {
    let id = process.id().expect("the process runs").to_string();
    let status = Command::new("kill").args(["-s", name, &id]).status().await;
    assert!(status.expect("kill runs").success());
}
