//! What happens to the tools, and when.

use std::time::Duration;

/// How long events are sent.
pub const LOAD: Duration = Duration::from_secs(90);
/// When the search server is killed, counted from the first event.
pub const OUTAGE_BEGINS: Duration = Duration::from_secs(25);
/// How long it stays away.
pub const OUTAGE: Duration = Duration::from_secs(60);
/// The parts of all alerts after which a tool is killed with SIGKILL.
pub const KILLS_AFTER: [f64; 2] = [0.25, 0.6];
/// How long a killed tool stays away.
pub const AWAY: Duration = Duration::from_secs(5);
/// How long a tool has for the rest when all events have been sent.
pub const REST: Duration = Duration::from_secs(7 * 60);
/// How long a tool that has alerted everything is watched for doubles.
pub const QUIET: Duration = Duration::from_secs(45);

/// The faults of one run. Each run has indices of its own.
#[derive(Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    /// The tool is killed twice in the middle of its work.
    pub restart: bool,
    /// The search server is away for a while.
    pub outage: bool,
    /// A third of the matching events comes late.
    pub late: bool,
}

pub const SCENARIOS: [Scenario; 5] = [
    scenario("none", false, false, false),
    scenario("restart", true, false, false),
    scenario("outage", false, true, false),
    scenario("late", false, false, true),
    scenario("all", true, true, true),
];

const fn scenario(name: &'static str, restart: bool, outage: bool, late: bool) -> Scenario {
    Scenario {
        name,
        restart,
        outage,
        late,
    }
}

impl Scenario {
    /// The beginning of the names of its indices of audit events.
    pub fn source(&self) -> String {
        format!("versus-{}-audit", self.name)
    }
}
