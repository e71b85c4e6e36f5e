//! Faults of what is stored: documents, the alert indices, the source's indices.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    SINK, SOURCE,
    dice::Dice,
    lane::Lane,
    load::{Load, event},
    server::Server,
};

/// Documents that come late, twice, or in no order at all.
pub struct Documents {
    pub load: Arc<Load>,
    /// How late an event may be.
    pub latest: SignedDuration,
}

impl Lane for Documents {
    const NAME: &'static str = "documents";

    fn kinds(&self) -> Vec<&'static str> {
        vec![
            "late documents",
            "documents sent again under another id",
            "documents overwritten",
            "poison documents",
        ]
    }

    async fn befall(&mut self, kind: &str, dice: &mut Dice) {
        let latest = self.latest.as_secs().unsigned_abs();
        match kind {
            "late documents" => {
                let mut late = || {
                    let seconds = 5 + dice.below(latest - 5);
                    Timestamp::now() - SignedDuration::from_secs(seconds.cast_signed())
                };
                self.load.send((0..40).map(|_| late()).collect()).await;
            }
            "documents sent again under another id" => {
                self.load
                    .send_again(|end| dice.below(end as u64) as usize)
                    .await;
            }
            "documents overwritten" => {
                self.load
                    .overwrite(|end| dice.below(end as u64) as usize)
                    .await;
            }
            _ => {
                for poison in poison(Timestamp::now(), dice) {
                    self.load.send_text(Timestamp::now(), poison).await;
                }
            }
        }
    }
}

/// Documents that hold no audit event, or hardly one.
fn poison(time: Timestamp, dice: &mut Dice) -> Vec<String> {
    let head = format!("\"@timestamp\": \"{time:.3}\"");
    let depth = 400;
    let mut wrong_types: Value = event(0, time);
    wrong_types["verb"] = json!({"a": 1});
    wrong_types["objectRef"] = json!(["secrets", null, 3]);
    let mut large = event(1_000_000 + dice.below(1_000_000_000) * 20, time);
    large["requestObject"] = json!({"data": "x".repeat(3 << 20)});
    vec![
        format!("{{{head}}}"),
        format!("{{{head} /* {{ \" */}}"),
        format!("{{{head}, \"log\": \"{{not JSON\"}}"),
        format!("{{{head}, \"kind\": \"Event\", \"auditID\": 7, \"verb\": null}}"),
        format!(
            "{{{head}, \"responseObject\": {}1{}}}",
            "[".repeat(depth),
            "]".repeat(depth)
        ),
        wrong_types.to_string(),
        large.to_string(),
    ]
}

/// The indices alerts go to.
pub struct Sink(pub Server);

impl Sink {
    /// Blocks writes, or lets them through again.
    pub async fn block(&self, blocked: bool) {
        let settings = json!({"index.blocks.write": blocked.then_some(true)});
        let path = format!("{SINK}-2*/_settings");
        self.0.call(Method::PUT, &path, &settings).await;
    }

    /// Their names, which closing needs.
    async fn indices(&self) -> String {
        let path = format!("{SINK}-2*/_mapping");
        let mappings = self.0.call(Method::GET, &path, &Value::Null).await;
        let names = mappings.as_object().expect("an answer by index");
        names.keys().cloned().collect::<Vec<_>>().join(",")
    }

    async fn post(&self, path: &str) {
        self.0.call(Method::POST, path, &Value::Null).await;
    }
}

impl Lane for Sink {
    const NAME: &'static str = "sink";

    fn kinds(&self) -> Vec<&'static str> {
        vec!["alert indices blocked", "alert indices closed"]
    }

    async fn befall(&mut self, kind: &str, dice: &mut Dice) {
        let lasting = dice.seconds(2.0..10.0);
        if kind == "alert indices blocked" {
            self.block(true).await;
            sleep(lasting).await;
            self.block(false).await;
        } else {
            let indices = self.indices().await;
            self.post(&format!("{indices}/_close")).await;
            sleep(lasting).await;
            self.post(&format!("{indices}/_open")).await;
        }
    }
}

/// The indices events come from.
pub struct Refreshes(pub Server);

impl Lane for Refreshes {
    const NAME: &'static str = "refreshes";

    fn kinds(&self) -> Vec<&'static str> {
        vec!["source refreshed seldom"]
    }

    async fn befall(&mut self, _: &str, dice: &mut Dice) {
        let path = format!("{SOURCE}-*/_settings");
        let set = |interval: Value| {
            let settings = json!({"index.refresh_interval": interval});
            let (server, path) = (self.0.clone(), path.clone());
            async move { server.call(Method::PUT, &path, &settings).await }
        };
        set(json!("20s")).await;
        sleep(dice.seconds(10.0..25.0)).await;
        set(json!(null)).await;
    }
}
