//! What the operator may do in a cluster: the whole list. The chart's roles grant exactly this.
//! It reads what it watches, and nothing else but the Lease: no watch is needed to hold it, and
//! everybody in the namespace may have others.

use crate::api::GROUP;

/// A right on some resources in each watched namespace, or in the whole cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// API group.
    pub group: &'static str,
    /// Resources, subresources after a slash.
    pub resources: &'static [&'static str],
    /// Verbs.
    pub verbs: &'static [&'static str],
}

/// Every right in watched namespaces that the controller uses. Secrets are not among them: a namespace that lets the
/// operator read one says so with a role binding of its own.
pub const RIGHTS: [Right; 3] = [
    Right {
        group: GROUP,
        resources: &["analysisjobs", "k8scoprules"],
        verbs: &["list", "watch"],
    },
    Right {
        group: GROUP,
        resources: &["analysisjobs/status", "k8scoprules/status"],
        verbs: &["patch"],
    },
    Right {
        group: "events.k8s.io",
        resources: &["events"],
        verbs: &["create", "patch"],
    },
];

/// The rights on the one Lease by which a leader is elected, in the namespace where it lies. The
/// right to create cannot be bound to a name.
pub const LEASE_RIGHTS: [Right; 2] = [
    Right {
        group: "coordination.k8s.io",
        resources: &["leases"],
        verbs: &["create"],
    },
    Right {
        group: "coordination.k8s.io",
        resources: &["leases"],
        verbs: &["get", "update"],
    },
];
