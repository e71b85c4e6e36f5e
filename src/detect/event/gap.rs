//! Why an event does not show something that its request may have had.

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

    /// The gap as conditions and metrics name it, for example `BodiesMissing`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Level => "BodiesMissing",
            Self::Truncated => "BodiesTruncated",
            Self::CutOff => "EventsCutOff",
            Self::Rebuilt => "ListsRebuilt",
        }
    }
}
