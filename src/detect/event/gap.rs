//! The parts of a request that its audit event does not show.

use crate::detect::{
    derived::{self, Texts},
    field::{Field, Lookup},
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

/// The paths by which the gaps of an event are known, besides its bodies and annotations.
pub(in crate::detect) const PATHS: &[&[&str]] = &[
    &["level"],
    &["verb"],
    &["objectRef", "resource"],
    &["objectRef", "subresource"],
    &["objectRef", "apiGroup"],
];

/// Returns whether a request with this verb writes what its body says.
pub(super) fn is_write(verb: &str) -> bool {
    matches!(verb, "create" | "update" | "patch")
}

/// What the annotations of an event say.
pub(in crate::detect) trait Notes {
    /// Returns whether the apiserver left out the bodies.
    fn is_truncated(&self) -> bool;
    /// Returns whether the authorizer refused the request.
    fn is_forbidden(&self) -> bool;
}

impl Notes for &serde_json::Value {
    fn is_truncated(&self) -> bool {
        derived::is_truncated(*self)
    }

    fn is_forbidden(&self) -> bool {
        derived::decision(*self) == Some("forbid")
    }
}

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
}

impl Gaps {
    /// Returns the gaps of an event, given whether it has a body of this name, and what its
    /// annotations say. A request that was refused before its body was read has none.
    pub fn of<'e>(
        event: impl Texts<'e>,
        has_body: impl Fn(&str) -> bool,
        notes: impl Notes,
    ) -> Self {
        let verb = event.first(&["verb"]);
        let verb = verb.as_deref().unwrap_or_default();
        let (is_patch, writes) = (verb == "patch", is_write(verb));
        let is_read = matches!(verb, "get" | "list");
        let mut gaps = Self {
            is_patch,
            is_read,
            ..Self::default()
        };
        let deletes = matches!(verb, "delete" | "deletecollection");
        if !(writes || is_read || deletes) {
            return gaps;
        }
        let lacks_request = writes && !has_body("requestObject");
        let lacks_response = !has_body("responseObject");
        if !(lacks_request || lacks_response) {
            return gaps;
        }
        let truncated = || notes.is_truncated().then_some(Gap::Truncated);
        let (request, response) = match event.first(&["level"]).as_deref() {
            Some("Metadata") => (Some(Gap::Level), Some(Gap::Level)),
            Some("Request") => (truncated(), Some(Gap::Level)),
            _ => (truncated(), truncated()),
        };
        let is_decided = response.is_none()
            || derived::is_connection(event)
            || event.first(&["objectRef", "resource"]).is_none()
            || notes.is_forbidden();
        if is_decided {
            return gaps;
        }
        gaps.request = request.filter(|_| lacks_request);
        gaps.response = response.filter(|_| lacks_response);
        gaps
    }

    /// Returns why a field may have a value that the event does not show. Of a pod spec, that
    /// matters if the object `may_have_pod`; where its patch would have to be completed, if that
    /// `is_partial`.
    pub fn of_field(
        &self,
        field: &Field,
        may_have_pod: impl Fn() -> bool,
        is_partial: impl FnOnce() -> bool,
    ) -> Option<Gap> {
        match field.lookup() {
            Lookup::Path(path) => match path.first().map(String::as_str) {
                Some("requestObject") => self.request,
                Some("responseObject") => self.response,
                _ => None,
            },
            Lookup::Object(_) if self.is_patch => self.request.or(self.response),
            Lookup::Object(_) if self.is_read => self.response,
            Lookup::Object(_) => self.request,
            Lookup::PodSpec(_) | Lookup::AllContainers(_) if !self.is_any() || !may_have_pod() => {
                None
            }
            Lookup::PodSpec(_) | Lookup::AllContainers(_) => self.request.or_else(|| {
                self.response
                    .filter(|_| self.is_patch)
                    .filter(|_| is_partial())
            }),
            _ => None,
        }
    }

    /// Returns whether the body of the request is missing, or what completes it if it is a patch.
    pub fn lacks_request(&self) -> bool {
        self.request.is_some() || self.is_patch && self.response.is_some()
    }

    /// Returns whether a body is missing.
    pub fn is_any(&self) -> bool {
        self.request.is_some() || self.response.is_some()
    }
}
