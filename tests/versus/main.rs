//! K8sCop and ElastAlert2 side by side: the same events, the same servers, the same faults.
//! `make versus` runs it and prints what each of them lost and doubled.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the program speaks to people"
)]

use std::time::Duration;

use futures::future::{join, join_all};
use k8scop_testbed::{Flavor, SearchServer};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    elastalert::{Buffer, ElastAlert},
    events::Events,
    k8scop::K8sCop,
    receiver::Receiver,
    report::Score,
    scenario::{AWAY, KILLS_AFTER, LOAD, OUTAGE, OUTAGE_BEGINS, QUIET, REST, SCENARIOS, Scenario},
    server::Server,
    tool::Tool,
};

mod elastalert;
mod events;
mod k8scop;
mod receiver;
mod report;
mod scenario;
mod server;
#[allow(
    dead_code,
    reason = "the integration tests use the rest of their support"
)]
#[path = "../it/support/mod.rs"]
mod support;
mod tool;

/// On a busy machine fifteen processes need a while.
const READY_WITHIN: Duration = Duration::from_secs(240);
const STEP: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() {
    // Servers of this run alone, because one of them is killed.
    let [lasting, mut failing] = [start_server().await, start_server().await];
    let receiver = Receiver::start().await;
    let mut runs = Vec::new();
    for scenario in SCENARIOS {
        let server = if scenario.outage { &failing } else { &lasting };
        runs.push(Run::prepare(scenario, Server::new(server.url()), receiver.clone()).await);
    }
    for run in &runs {
        run.ready().await;
    }
    eprintln!("versus: all tools are ready; events are sent for {LOAD:?}");
    let begin = Instant::now();
    let outage = async {
        sleep_until(begin + OUTAGE_BEGINS).await;
        failing.kill().await.expect("the server can be killed");
        sleep(OUTAGE).await;
        failing
            .start_again()
            .await
            .expect("the server starts again");
    };
    let (scores, ()) = join(join_all(runs.into_iter().map(Run::play)), outage).await;
    print!("{}", report::markdown(&scores.concat()));
}

async fn start_server() -> SearchServer {
    SearchServer::start(Flavor::OpenSearch3)
        .await
        .expect("OpenSearch starts")
}

/// One scenario, with its events and all tools.
struct Run {
    scenario: Scenario,
    server: Server,
    events: Events,
    tools: Vec<Tool>,
}

impl Run {
    async fn prepare(scenario: Scenario, server: Server, receiver: Receiver) -> Run {
        let events = Events::of(scenario);
        events.prepare(&server).await;
        let mut tools = vec![Tool::K8sCop(K8sCop::new(scenario, server.clone()).await)];
        for buffer in [Buffer::QuarterOfAnHour, Buffer::TwoHours] {
            let tool = ElastAlert::new(scenario, buffer, server.clone(), receiver.clone()).await;
            tools.push(Tool::ElastAlert(tool, buffer));
        }
        for tool in &mut tools {
            tool.start().await;
        }
        Run {
            scenario,
            server,
            events,
            tools,
        }
    }

    async fn ready(&self) {
        for tool in &self.tools {
            support::eventually(&tool.name(), READY_WITHIN, || async {
                tool.is_ready().await.then_some(())
            })
            .await;
        }
    }

    async fn play(self) -> Vec<Score> {
        let Run {
            scenario,
            server,
            events,
            tools,
        } = self;
        let end = Instant::now() + LOAD + REST;
        let watched = tools
            .into_iter()
            .map(|tool| watch(scenario, &events, tool, end));
        join(join_all(watched), events.send(&server)).await.0
    }
}

/// Kills a tool where the scenario says so, and waits until it has alerted everything or the time
/// is up.
async fn watch(scenario: Scenario, events: &Events, mut tool: Tool, end: Instant) -> Score {
    let expected = events.expected();
    let kills: &[f64] = if scenario.restart { &KILLS_AFTER } else { &[] };
    for share in kills {
        let enough = (expected.len() as f64 * share) as usize;
        while tool
            .alerts()
            .await
            .is_none_or(|alerts| alerts.len() < enough)
            && Instant::now() < end
        {
            sleep(STEP).await;
        }
        tool.kill().await;
        sleep(AWAY).await;
        tool.start().await;
    }
    loop {
        let whole = tool
            .alerts()
            .await
            .is_some_and(|alerts| expected.keys().all(|pair| alerts.contains(pair)));
        if whole {
            sleep(QUIET).await;
        }
        if whole || Instant::now() >= end {
            break;
        }
        sleep(Duration::from_secs(1)).await;
    }
    let alerts = tool.alerts().await.expect("the server is there again");
    tool.kill().await;
    Score::new(tool.name(), scenario, events.count(), &expected, &alerts)
}
