//! Kubernetes Events: what is worth telling about the change from one status to the next.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::Value;

use super::{
    status::{condition, reason},
    watch::Kind,
};
use crate::api::convert::read_part;

/// Longest note that the API server takes, in bytes.
const NOTE_BYTES: usize = 1024;

/// An Event in the making. Its text is that of a condition: our own words, never an audit event's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whether somebody should look at it.
    pub warning: bool,
    /// What was done, one CamelCase word.
    pub action: &'static str,
    /// Why, one CamelCase word.
    pub reason: String,
    /// A sentence or two, at most 1024 bytes.
    pub note: String,
}

/// The notice of a change between two stored statuses, if it is worth one.
pub fn between(kind: Kind, before: &Value, after: &Value) -> Option<Notice> {
    let new = Outlook::of(after)?;
    let old = Outlook::of(before);
    let revised = before["revision"] != after["revision"];
    let same = |old: &Outlook| old.ready == new.ready && old.reason == new.reason;
    if new.is_coming() || (old.as_ref().is_some_and(same) && !revised) {
        return None;
    }
    let waited = kind == Kind::Job && old.is_some_and(|old| old.is_waiting());
    let (action, reason) = match (kind, new.reason.as_str()) {
        (_, reason::STREAMING | reason::RUNNING) if waited => ("Recover", "Recovered".to_owned()),
        _ if new.is_waiting() => ("Wait", new.reason),
        _ if !new.ready => ("Reject", new.reason),
        (_, reason::COMPLETE) => ("Finish", new.reason),
        (_, reason::SUSPENDED) => ("Suspend", new.reason),
        (_, reason::DISABLED) => ("Unload", new.reason),
        (Kind::Rule, _) => ("Load", new.reason),
        (Kind::Job, _) => ("Start", new.reason),
    };
    Some(Notice {
        warning: !new.ready,
        action,
        reason,
        note: note(&new.message),
    })
}

/// The notice of a checkpoint that was changed behind the operator's back.
pub fn tampered() -> Notice {
    Notice {
        warning: true,
        action: "Restore",
        reason: reason::CHECKPOINT_TAMPERED.to_owned(),
        note: "Somebody else has changed the checkpoint in the status; it is overwritten, and \
            nothing is passed over. Look in the audit log who may patch analysisjobs/status."
            .to_owned(),
    }
}

/// A message, cut to what an Event may hold.
fn note(message: &str) -> String {
    const ELLIPSIS: char = '…';
    if message.len() <= NOTE_BYTES {
        return message.to_owned();
    }
    let end = message.floor_char_boundary(NOTE_BYTES - ELLIPSIS.len_utf8());
    format!("{}{ELLIPSIS}", &message[..end])
}

/// What a status says at a glance.
struct Outlook {
    ready: bool,
    known: bool,
    stalled: bool,
    reason: String,
    message: String,
}

impl Outlook {
    fn of(status: &Value) -> Option<Self> {
        let conditions: Vec<Condition> = read_part("conditions", &status["conditions"]).ok()?;
        let find = |type_: &str| conditions.iter().find(|c| c.type_ == type_);
        let ready = find(condition::READY)?;
        Some(Self {
            ready: ready.status == "True",
            known: ready.status != "Unknown",
            stalled: find(condition::STALLED).is_some(),
            reason: ready.reason.clone(),
            message: ready.message.clone(),
        })
    }

    /// Nothing has happened yet.
    fn is_coming(&self) -> bool {
        !self.known
    }

    /// Something stands in the way that may pass by itself.
    fn is_waiting(&self) -> bool {
        self.known && !self.ready && !self.stalled
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(ready: &str, reason: &str, revision: &str) -> Value {
        let condition = |type_: &str, status: &str| {
            json!({
                "type": type_, "status": status, "reason": reason, "message": "Words.",
                "lastTransitionTime": "2026-11-23T07:00:00Z",
            })
        };
        let mut conditions = vec![condition("Ready", ready)];
        if reason == "PatternInvalid" {
            conditions.push(condition("Stalled", "True"));
        }
        json!({"revision": revision, "conditions": conditions})
    }

    fn told(kind: Kind, before: &Value, after: &Value) -> Option<(bool, &'static str, String)> {
        between(kind, before, after).map(|n| (n.warning, n.action, n.reason))
    }

    #[test]
    fn what_changes_is_told_once() {
        let new = status("Unknown", "Pending", "");
        let loaded = status("True", "RuleLoaded", "a");
        let edited = status("True", "RuleLoaded", "b");
        let broken = status("False", "PatternInvalid", "b");
        let rule = |before, after| told(Kind::Rule, before, after);
        let word = |warning, action, reason: &str| Some((warning, action, reason.to_owned()));
        assert_eq!(rule(&new, &loaded), word(false, "Load", "RuleLoaded"));
        assert_eq!(rule(&loaded, &loaded), None);
        assert_eq!(rule(&loaded, &edited), word(false, "Load", "RuleLoaded"));
        assert_eq!(
            rule(&edited, &broken),
            word(true, "Reject", "PatternInvalid")
        );
        assert_eq!(rule(&broken, &edited), word(false, "Load", "RuleLoaded"));
    }

    #[test]
    fn a_job_tells_start_fault_recovery_and_finish() {
        let starting = status("Unknown", "Starting", "");
        let running = status("True", "Running", "");
        let waiting = status("False", "ElasticsearchUnavailable", "");
        let complete = status("True", "Complete", "");
        let job = |before, after| told(Kind::Job, before, after);
        let word = |warning, action, reason: &str| Some((warning, action, reason.to_owned()));
        assert_eq!(job(&Value::Null, &starting), None);
        assert_eq!(job(&starting, &running), word(false, "Start", "Running"));
        assert_eq!(
            job(&running, &waiting),
            word(true, "Wait", "ElasticsearchUnavailable")
        );
        assert_eq!(job(&waiting, &running), word(false, "Recover", "Recovered"));
        assert_eq!(job(&running, &complete), word(false, "Finish", "Complete"));
    }

    #[test]
    fn a_job_that_waited_may_finish_or_rest_without_recovering_first() {
        let waiting = status("False", "ElasticsearchUnavailable", "");
        for (reason, action) in [("Complete", "Finish"), ("Suspended", "Suspend")] {
            assert_eq!(
                told(Kind::Job, &waiting, &status("True", reason, "")),
                Some((false, action, reason.to_owned()))
            );
        }
    }

    #[test]
    fn a_note_is_no_longer_than_the_api_server_takes() {
        let mut broken = status("False", "PatternInvalid", "");
        broken["conditions"][0]["message"] = json!(format!("ü{}", "…".repeat(1023)));
        let notice = between(Kind::Rule, &Value::Null, &broken).expect("it is told");
        assert_eq!(notice.note, format!("ü{}", "…".repeat(340)));
    }
}
