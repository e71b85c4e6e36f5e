//! The audit events both tools read, and the alerts that must come of them.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    scenario::{LOAD, Scenario},
    server::Server,
};

const BATCH: u64 = 17;
const BETWEEN_BATCHES: Duration = Duration::from_millis(500);
const ONE_MATCH_IN: u64 = 10;
const ONE_LATE_IN: u64 = 3;

/// A rule in the words of both tools.
pub struct Rule {
    pub name: &'static str,
    /// Predicates of a K8sCopRule: field and value.
    pub equals: &'static [(&'static str, &'static str)],
}

pub const RULES: [Rule; 3] = [
    Rule {
        name: "secret-read",
        equals: &[("verb", "get"), ("objectRef.resource", "secrets")],
    },
    Rule {
        name: "pod-exec",
        equals: &[
            ("verb", "create"),
            ("objectRef.resource", "pods"),
            ("objectRef.subresource", "exec"),
        ],
    },
    Rule {
        name: "binding-made",
        equals: &[
            ("verb", "create"),
            ("objectRef.resource", "clusterrolebindings"),
        ],
    },
];

/// A rule's name and an event's `auditID`.
pub type Pair = (String, String);

/// How much later than its time an event becomes visible.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lateness {
    OnTime,
    TenSeconds,
    TenMinutes,
    OneHour,
}

impl Lateness {
    pub const LATE: [Lateness; 3] = [
        Lateness::TenSeconds,
        Lateness::TenMinutes,
        Lateness::OneHour,
    ];

    pub fn words(self) -> &'static str {
        match self {
            Lateness::OnTime => "on time",
            Lateness::TenSeconds => "10 s late",
            Lateness::TenMinutes => "10 min late",
            Lateness::OneHour => "1 h late",
        }
    }

    fn duration(self) -> SignedDuration {
        SignedDuration::from_secs(match self {
            Lateness::OnTime => 0,
            Lateness::TenSeconds => 10,
            Lateness::TenMinutes => 600,
            Lateness::OneHour => 3_600,
        })
    }
}

/// The events of a scenario by their number; only their times are given by the clock.
pub struct Events {
    scenario: Scenario,
    count: u64,
}

impl Events {
    pub fn of(scenario: Scenario) -> Events {
        let batches = LOAD.as_millis() / BETWEEN_BATCHES.as_millis();
        let count = BATCH * u64::try_from(batches).expect("there are few batches");
        Events { scenario, count }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// Every alert that must come, with how late its event is.
    pub fn expected(&self) -> BTreeMap<Pair, Lateness> {
        let matching = (0..self.count).filter_map(|number| Some((number, matched(number)?)));
        matching
            .map(|(number, rule)| {
                let pair = (rule.name.to_owned(), audit_id(number));
                (pair, self.lateness(number))
            })
            .collect()
    }

    /// Sends everything at a steady pace. What the server does not take is sent again, as a
    /// shipper does.
    pub async fn send(&self, server: &Server) {
        let mut ticks = tokio::time::interval(BETWEEN_BATCHES);
        let mut unsent = Vec::new();
        for number in 0..self.count {
            if number % BATCH == 0 {
                ticks.tick().await;
            }
            unsent.push((number.to_string(), self.event(number, Timestamp::now())));
            if number % BATCH == BATCH - 1 && server.index(&self.index(), &unsent).await {
                unsent.clear();
            }
        }
        while !unsent.is_empty() && !server.index(&self.index(), &unsent).await {
            ticks.tick().await;
        }
    }

    /// Makes the index with an event nobody looks for.
    pub async fn prepare(&self, server: &Server) {
        let first = ("first".to_owned(), event(1, Timestamp::now(), None));
        assert!(server.index(&self.index(), &[first]).await);
    }

    fn index(&self) -> String {
        format!(
            "{}-{}",
            self.scenario.source(),
            Timestamp::now().strftime("%Y.%m.%d")
        )
    }

    fn lateness(&self, number: u64) -> Lateness {
        let match_number = number / ONE_MATCH_IN;
        if !self.scenario.late || matched(number).is_none() || match_number % ONE_LATE_IN != 0 {
            return Lateness::OnTime;
        }
        let late = Lateness::LATE;
        late[usize::try_from(match_number / ONE_LATE_IN).expect("it is small") % late.len()]
    }

    fn event(&self, number: u64, now: Timestamp) -> Value {
        event(
            number,
            now - self.lateness(number).duration(),
            matched(number),
        )
    }
}

/// The rule that an event matches. The rules do not take turns in step with lateness.
fn matched(number: u64) -> Option<&'static Rule> {
    let match_number = usize::try_from(number / ONE_MATCH_IN).expect("it is small");
    (number % ONE_MATCH_IN == 0).then(|| &RULES[match_number / 9 % RULES.len()])
}

fn audit_id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn event(number: u64, time: Timestamp, rule: Option<&Rule>) -> Value {
    let mut event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
        "auditID": audit_id(number), "stage": "ResponseComplete", "verb": "list",
        "requestURI": format!("/api/v1/namespaces/shop/things/item-{number}"),
        "user": {"username": "mallory", "groups": ["developers"]},
        "sourceIPs": ["192.0.2.7"], "userAgent": "kubectl/v1.36.3",
        "objectRef": {"resource": "configmaps", "namespace": "shop", "name": format!("item-{number}")},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": format!("{time:.6}"), "stageTimestamp": format!("{time:.6}"),
        "@timestamp": format!("{time:.3}"),
    });
    for (field, value) in rule.map(|rule| rule.equals).unwrap_or_default() {
        let pointer = format!("/{}", field.replace('.', "/"));
        if let Some(place) = event.pointer_mut(&pointer) {
            *place = json!(value);
        } else {
            event["objectRef"]["subresource"] = json!(value);
        }
    }
    event
}
