//! The parts of a request that its audit event does not show.

use crate::detect::{
    derived::{self, Texts},
    field::{Field, Lookup},
    pod_spec,
};

/// Why a part of a request is not in its event, so that a rule which asks about it is undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gap {
    /// The audit level of the event leaves the body out.
    Level,
    /// The apiserver left the bodies out: annotation `audit.k8s.io/truncated`.
    Truncated,
    /// The document ends before the event does.
    CutOff,
    /// The store rebuilt the document: lists are not as they were written.
    Rebuilt,
}

impl Gap {
    /// All gaps.
    pub const ALL: [Self; 4] = [Self::Level, Self::Truncated, Self::CutOff, Self::Rebuilt];

    /// Returns the gap as conditions and metrics name it, for example `BodiesMissing`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Level => "BodiesMissing",
            Self::Truncated => "BodiesTruncated",
            Self::CutOff => "EventsCutOff",
            Self::Rebuilt => "ListsRebuilt",
        }
    }
}

/// The paths by which the gaps of an event are known, besides its bodies.
pub(in crate::detect) const PATHS: &[&[&str]] = &[
    &["level"],
    &["verb"],
    &["objectRef", "resource"],
    &["objectRef", "subresource"],
    &["objectRef", "apiGroup"],
    derived::TRUNCATED[0],
    derived::TRUNCATED[1],
    derived::TRUNCATED[2],
    derived::DECISION[0],
    derived::DECISION[1],
    derived::DECISION[2],
];

/// The gaps of one event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::detect) struct Gaps {
    /// Why the body of the request is missing.
    pub request: Option<Gap>,
    /// Why the body of the response is missing.
    pub response: Option<Gap>,
    /// The request is a patch, whose body alone is not the object.
    pub is_patch: bool,
    /// The request reads, so that its object is the response.
    pub is_read: bool,
    /// The object is of a kind that may have a pod spec, as far as the event shows it.
    pub may_have_pod: bool,
}

impl Gaps {
    /// Returns the gaps of an event, given whether it has a body of this name. A request that was
    /// refused before its body was read has none.
    pub fn of<'e>(event: impl Texts<'e>, has_body: impl Fn(&str) -> bool) -> Self {
        let verb = event.first(&["verb"]);
        let verb = verb.as_deref().unwrap_or_default();
        let (is_patch, writes) = (
            verb == "patch",
            matches!(verb, "create" | "update" | "patch"),
        );
        let is_read = matches!(verb, "get" | "list");
        let mut gaps = Self {
            is_patch,
            is_read,
            ..Self::default()
        };
        if derived::is_connection(event)
            || event.first(&["objectRef", "resource"]).is_none()
            || derived::decision(event) == Some("forbid")
        {
            return gaps;
        }
        let level = event.first(&["level"]);
        let (request, response) = match (derived::is_truncated(event), level.as_deref()) {
            (true, _) => (Some(Gap::Truncated), Some(Gap::Truncated)),
            (_, Some("Metadata")) => (Some(Gap::Level), Some(Gap::Level)),
            (_, Some("Request")) => (None, Some(Gap::Level)),
            _ => (None, None),
        };
        gaps.request = request.filter(|_| writes && !has_body("requestObject"));
        gaps.response = response
            .filter(|_| writes || is_read || matches!(verb, "delete" | "deletecollection"))
            .filter(|_| !has_body("responseObject"));
        gaps.may_have_pod = gaps.is_any() && pod_spec::may_be_in(event);
        gaps
    }

    /// Returns why a field may have a value that the event does not show. Of a pod spec, whose
    /// patch may have to be completed, `is_partial` decides if that matters.
    pub fn of_field(&self, field: &Field, is_partial: impl FnOnce() -> bool) -> Option<Gap> {
        match field.lookup() {
            Lookup::Path(path) => match path.first().map(String::as_str) {
                Some("requestObject") => self.request,
                Some("responseObject") => self.response,
                _ => None,
            },
            Lookup::Object(_) if self.is_patch => self.request.or(self.response),
            Lookup::Object(_) if self.is_read => self.response,
            Lookup::Object(_) => self.request,
            Lookup::PodSpec(_) | Lookup::AllContainers(_) if !self.may_have_pod => None,
            Lookup::PodSpec(_) | Lookup::AllContainers(_) => self.request.or_else(|| {
                self.response
                    .filter(|_| self.is_patch)
                    .filter(|_| is_partial())
            }),
            _ => None,
        }
    }

    /// Returns whether a body is missing.
    pub fn is_any(&self) -> bool {
        self.request.is_some() || self.response.is_some()
    }
}
