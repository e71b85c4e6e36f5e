//! What must be true when the storm is over: lasting faults are told, and everything settles.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::{JOB, SINK, data::Sink, edits::Person, load::Load, server::Server, servers::Source};
use crate::support::{cluster::condition, eventually};

/// A lasting fault must stand in the status by then.
const TOLD_WITHIN: Duration = Duration::from_secs(30);

/// How a lasting fault was told: the fault, the reason, and after how many seconds.
pub type Told = (&'static str, String, f64);

/// Faults that last: each must stand in the job's status within half a minute, and go from it
/// again when it is over.
pub async fn lasting(person: &Person, load: &Load, sink: &Sink, search: &mut Source) -> Vec<Told> {
    until_ready(person).await;
    sink.block(true).await;
    load.send(vec![Timestamp::now(); 100]).await;
    let blocked = told(person, "alert indices blocked").await;
    sink.block(false).await;
    until_ready(person).await;
    search.0.kill().await.expect("it is killed");
    let gone = told(person, "search server killed").await;
    search.0.start_again().await.expect("it starts again");
    until_ready(person).await;
    vec![blocked, gone]
}

/// The reason for which the job is not ready, and when it was told.
async fn told(person: &Person, fault: &'static str) -> Told {
    let begun = Instant::now();
    let reason = eventually(
        "the status tells of a lasting fault",
        TOLD_WITHIN,
        || async {
            let job = person.get("analysisjob", JOB).await?;
            let (status, reason, _) = condition(&job, "Ready")?;
            (status != "True").then_some(reason)
        },
    );
    (fault, reason.await, begun.elapsed().as_secs_f64())
}

pub async fn until_ready(person: &Person) {
    let limit = Duration::from_secs(120);
    eventually("the job is ready", limit, || async {
        let job = person.get("analysisjob", JOB).await?;
        (condition(&job, "Ready")?.0 == "True").then_some(())
    })
    .await;
}

/// What is in the sink when everything expected is there, or the time is up.
pub async fn settled(
    server: &Server,
    load: &Load,
    limit: Duration,
) -> (BTreeSet<String>, Vec<String>) {
    let expected = load.expected();
    let deadline = Instant::now() + limit;
    let pattern = format!("{SINK}-2*");
    loop {
        let (found, _) = server.distinct(&pattern).await;
        if found.is_superset(&expected) || Instant::now() >= deadline {
            // What is doubled or foreign may still come.
            sleep(Duration::from_secs(5)).await;
            return server.distinct(&pattern).await;
        }
        sleep(Duration::from_secs(2)).await;
    }
}
