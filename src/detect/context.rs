//! What an analysis needs to know besides documents and rules.

use jiff::Timestamp;

use super::layout::{Layout, LayoutPath, Place};

/// What an analysis needs to know besides documents and rules.
#[derive(Clone, Debug)]
pub struct Context {
    /// Namespace of the job, part of the identity of its alerts.
    pub tenant: String,
    /// Name of the job, a field of its alerts.
    pub job: String,
    /// Name of the cluster, part of the identity of a request; may be empty.
    pub cluster: String,
    /// How documents are laid out.
    pub layout: Layout,
    /// The only place of the event in its document, whatever the layout.
    pub layout_path: Option<LayoutPath>,
    /// `event.created` of the alerts. Not part of their identity.
    pub now: Timestamp,
}

impl Context {
    /// Returns the place at which events are looked for.
    pub fn place(&self) -> Place<'_> {
        Place {
            layout: self.layout,
            path: self.layout_path.as_ref(),
        }
    }
}
