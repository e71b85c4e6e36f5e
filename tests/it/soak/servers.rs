//! Faults of processes: the operator, the API server, the search server.

use std::{
    fs::File,
    io::Write,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use k8scop_testbed::{ControlPlane, SearchServer};
use tokio::time::sleep;

use super::{NAMESPACE, dice::Dice, lane::Lane};
use crate::support::operator::Operator;

/// The operator, started again as its Deployment would.
pub struct Running {
    kubeconfig: PathBuf,
    search: String,
    operator: Option<Operator>,
    process: Arc<AtomicU32>,
    log: File,
    panics: usize,
}

impl Running {
    /// `log` gets what it logs in all its lives.
    pub async fn new(kubeconfig: PathBuf, search: String, log: File) -> Running {
        let mut running = Running {
            kubeconfig,
            search,
            operator: None,
            process: Arc::default(),
            log,
            panics: 0,
        };
        running.start().await;
        running
    }

    /// The id of the process at any time; 0 while there is none.
    pub fn process(&self) -> Arc<AtomicU32> {
        self.process.clone()
    }

    /// Ends it in peace, and says how often it panicked in its lives.
    pub async fn end(mut self) -> usize {
        self.terminate().await;
        self.panics
    }

    async fn start(&mut self) {
        let scope = [
            "--watch-namespaces",
            NAMESPACE,
            "--leader-elect=false",
            "--safety-lag=3",
        ];
        let mut operator = Operator::spawn(&self.kubeconfig, &self.search, &scope).await;
        let id = operator.id().expect("the operator runs");
        self.process.store(id, Ordering::Relaxed);
        self.operator = Some(operator);
    }

    /// Takes the operator, which must not have ended by itself.
    fn take(&mut self) -> Operator {
        self.process.store(0, Ordering::Relaxed);
        let mut operator = self.operator.take().expect("it is always started again");
        let log = operator.log();
        self.panics += log.matches("panicked at").count();
        // What a failed run leaves to read.
        let written = self.log.write_all(log.as_bytes());
        written.expect("the log can be kept");
        assert!(operator.id().is_some(), "the operator ended by itself");
        operator
    }

    async fn terminate(&mut self) {
        assert_eq!(self.take().stop().await, 0, "SIGTERM ends it in peace");
    }
}

impl Lane for Running {
    const NAME: &'static str = "operator";
    // It must live long enough to commit, and to show whether its memory grows.
    const REST: f64 = 4.0;

    fn kinds(&self) -> Vec<&'static str> {
        vec![
            "operator killed",
            "operator frozen for a while",
            "operator terminated",
        ]
    }

    async fn befall(&mut self, kind: &str, dice: &mut Dice) {
        match kind {
            "operator killed" => self.take().kill().await,
            "operator terminated" => self.terminate().await,
            _ => {
                let operator = self.operator.as_ref().expect("it is always started again");
                operator.signal("STOP").await;
                sleep(dice.seconds(2.0..12.0)).await;
                operator.signal("CONT").await;
                return;
            }
        }
        sleep(dice.seconds(0.0..2.0)).await;
        self.start().await;
    }
}

pub struct Cluster(pub ControlPlane);

impl Lane for Cluster {
    const NAME: &'static str = "apiserver";

    fn kinds(&self) -> Vec<&'static str> {
        vec!["apiserver killed", "apiserver frozen for a while"]
    }

    async fn befall(&mut self, kind: &str, dice: &mut Dice) {
        let away = dice.seconds(1.0..10.0);
        if kind == "apiserver killed" {
            self.0.kill_apiserver().await.expect("it is killed");
            sleep(away).await;
            self.0.start_apiserver().await.expect("it starts again");
        } else {
            self.0.freeze_apiserver().expect("it freezes");
            sleep(away).await;
            self.0.thaw_apiserver().expect("it goes on");
        }
    }
}

pub struct Source(pub SearchServer);

impl Source {
    /// Kills the server for the given time.
    pub async fn outage(&mut self, away: Duration) {
        self.0.kill().await.expect("it is killed");
        sleep(away).await;
        self.0.start_again().await.expect("it starts again");
    }
}

impl Lane for Source {
    const NAME: &'static str = "search server";

    fn kinds(&self) -> Vec<&'static str> {
        vec!["search server killed", "search server frozen for a while"]
    }

    async fn befall(&mut self, kind: &str, dice: &mut Dice) {
        let away = dice.seconds(1.0..8.0);
        if kind == "search server killed" {
            self.outage(away).await;
        } else {
            self.0.freeze().expect("it freezes");
            sleep(away).await;
            self.0.thaw().expect("it goes on");
        }
    }
}
