//! What people do to rules and jobs meanwhile.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    JOB, NAMESPACE,
    dice::Dice,
    lane::Lane,
    manifests::{RULES, broken_rule, rule, static_job, streaming_job},
};
use crate::support::cluster::{Kubectl, condition};

const PATIENCE: Duration = Duration::from_secs(120);

/// Somebody who tries again until the API server agrees.
#[derive(Clone)]
pub struct Person(pub Kubectl);

impl Person {
    pub async fn apply(&self, manifest: &Value) {
        let manifest = manifest.to_string();
        self.persist(&["apply", "-f", "-"], Some(&manifest)).await;
    }

    pub async fn delete(&self, kind: &str, name: &str) {
        let delete = ["delete", kind, name, "-n", NAMESPACE, "--ignore-not-found"];
        self.persist(&delete, None).await;
    }

    /// The conditions are as an object tells them; nothing while the API server is away.
    pub async fn get(&self, kind: &str, name: &str) -> Option<Value> {
        self.0.get(NAMESPACE, kind, name).await
    }

    async fn persist(&self, arguments: &[&str], input: Option<&str>) {
        let deadline = Instant::now() + PATIENCE;
        let arguments = [&["--request-timeout=5s"], arguments].concat();
        while let Err(problem) = self.0.run(&arguments, input).await {
            assert!(Instant::now() < deadline, "{arguments:?}: {problem}");
            sleep(Duration::from_millis(500)).await;
        }
    }
}

/// The rules, of which one edition after the other is applied.
pub struct Rules {
    person: Person,
    edition: u64,
}

impl Rules {
    /// Applies the first edition.
    pub async fn new(person: Person) -> Rules {
        for name in RULES {
            person.apply(&rule(name, 0)).await;
        }
        Rules { person, edition: 0 }
    }
}

impl Lane for Rules {
    const NAME: &'static str = "rules";

    fn kinds(&self) -> Vec<&'static str> {
        vec!["rule edited", "rule broken by an edit"]
    }

    async fn befall(&mut self, kind: &str, dice: &mut Dice) {
        self.edition += 1;
        let name = RULES[dice.below(RULES.len() as u64) as usize];
        if kind == "rule broken by an edit" {
            self.person.apply(&broken_rule(name, self.edition)).await;
            sleep(dice.seconds(1.0..8.0)).await;
        }
        self.person.apply(&rule(name, self.edition)).await;
    }
}

/// The jobs: one that streams all the time, and static ones beside it.
pub struct Jobs {
    person: Person,
    start: Timestamp,
    made: Vec<String>,
}

impl Jobs {
    /// Applies the streaming job.
    pub async fn new(person: Person, start: Timestamp) -> Jobs {
        let jobs = Jobs {
            person,
            start,
            made: Vec::new(),
        };
        jobs.stream(false).await;
        jobs
    }

    /// Waits until every static job is complete, and names those that are not after the limit.
    pub async fn settle(&self, limit: Duration) -> Vec<String> {
        let deadline = Instant::now() + limit;
        let mut incomplete = self.made.clone();
        while let Some(name) = incomplete.last() {
            let job = self.person.get("analysisjob", name).await;
            let complete = job.and_then(|job| condition(&job, "Complete"));
            if complete.is_some_and(|(status, ..)| status == "True") {
                incomplete.pop();
            } else if Instant::now() >= deadline {
                break;
            } else {
                sleep(Duration::from_secs(1)).await;
            }
        }
        incomplete
    }

    async fn stream(&self, suspend: bool) {
        let job = streaming_job(JOB, self.start, suspend);
        self.person.apply(&job).await;
    }
}

impl Lane for Jobs {
    const NAME: &'static str = "jobs";

    fn kinds(&self) -> Vec<&'static str> {
        vec![
            "streaming job deleted and made again",
            "streaming job suspended",
            "static job made",
        ]
    }

    async fn befall(&mut self, kind: &str, dice: &mut Dice) {
        match kind {
            "streaming job deleted and made again" => {
                self.person.delete("analysisjob", JOB).await;
                sleep(dice.seconds(0.0..4.0)).await;
                self.stream(false).await;
            }
            "streaming job suspended" => {
                self.stream(true).await;
                sleep(dice.seconds(1.0..6.0)).await;
                self.stream(false).await;
            }
            _ => {
                let name = format!("static-{}", self.made.len());
                let job = static_job(&name, self.start, Timestamp::now());
                self.person.apply(&job).await;
                self.made.push(name);
            }
        }
    }
}
