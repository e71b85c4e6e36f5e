//! What the tests of the pipeline stand on: plans, faults, a server in memory, and an operator.

mod bugs;
mod operator;
mod server;
mod status;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::json;

pub use self::{
    bugs::{Bug, Buggy},
    operator::Operator,
    server::{Call, Server, Stored, Trouble},
    status::{Status, Writer, Writing},
};
use crate::{
    detect::{
        layout::Layout,
        rule::{Rule, RuleIdentity},
    },
    pipeline::{
        plan::{Connection, Plan, PlanId, Range, SinkPlan, SourcePlan},
        ports::{Fault, FaultReason, Remedy},
        progress::{Progress, State},
    },
};

/// When the clock of the server starts.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_793_491_200 + second).expect("in range")
}

/// A rule that finds every request with a verb.
pub fn a_rule(name: &str, verb: &str, category: &str) -> Arc<Rule> {
    a_rule_that_says(name, verb, category, "{user.username} was there")
}

/// The same, with a message of its own.
pub fn a_rule_that_says(name: &str, verb: &str, category: &str, message: &str) -> Arc<Rule> {
    let definition = serde_json::from_value(json!({
        "title": name, "severity": "High", "category": category, "message": message,
        "selections": [{"name": "call", "all": [{"field": "verb", "equals": verb}]}],
    }))
    .expect("a definition");
    let identity = RuleIdentity {
        namespace: "security".to_owned(),
        name: name.to_owned(),
        uid: String::new(),
    };
    Arc::new(Rule::new(identity, &definition).expect("a right rule"))
}

/// A static plan over the first hour, with a rule for `create` (Tamper) and one for `get` (Enum).
pub fn a_plan() -> Plan {
    Plan {
        id: PlanId {
            namespace: "security".to_owned(),
            name: "prod".to_owned(),
            uid: "1".to_owned(),
        },
        range: Range::Static {
            start: at(-3600),
            end: at(0),
        },
        fetch_delay: Duration::from_secs(3),
        source: SourcePlan {
            index: "logstash-*".to_owned(),
            timestamp_field: "@timestamp".to_owned(),
            layout: Layout::Auto,
            layout_path: None,
            filter: Vec::new(),
        },
        sink: SinkPlan {
            index: "alerts".to_owned(),
        },
        connection: Connection::Default,
        pushdown: true,
        rules: Arc::new([
            a_rule("made", "create", "Tamper"),
            a_rule("read", "get", "Enum"),
        ]),
        resume: None,
    }
}

/// A streaming plan with the same rules.
pub fn a_stream() -> Plan {
    Plan {
        range: Range::Streaming { start: at(-10) },
        ..a_plan()
    }
}

/// A fault to be told.
pub fn a_fault(reason: FaultReason, remedy: Remedy) -> Fault {
    Fault {
        reason,
        message: "the test wants it".to_owned(),
        remedy,
        retry_after: None,
    }
}

/// Whether a plan waits for this reason.
pub fn waits_for(reason: FaultReason) -> impl Fn(&Progress) -> bool {
    move |progress| matches!(&progress.state, State::Waiting { reason: shown, .. } if *shown == reason)
}
