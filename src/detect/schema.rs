//! What an `audit.k8s.io/v1` event is made of.

/// What a field of an event can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One scalar.
    One,
    /// A list of scalars.
    Many,
    /// An object of known fields.
    Object,
    /// Free keys, which may hold dots, with a scalar or a list of scalars each.
    Entries,
    /// Anything.
    Free,
}

/// The fields of an event, each with its shape.
pub(super) const FIELDS: &[(&str, Shape)] = &[
    ("kind", Shape::One),
    ("apiVersion", Shape::One),
    ("level", Shape::One),
    ("auditID", Shape::One),
    ("stage", Shape::One),
    ("requestURI", Shape::One),
    ("verb", Shape::One),
    ("user", Shape::Object),
    ("user.username", Shape::One),
    ("user.uid", Shape::One),
    ("user.groups", Shape::Many),
    ("user.extra", Shape::Entries),
    ("impersonatedUser", Shape::Object),
    ("impersonatedUser.username", Shape::One),
    ("impersonatedUser.uid", Shape::One),
    ("impersonatedUser.groups", Shape::Many),
    ("impersonatedUser.extra", Shape::Entries),
    ("sourceIPs", Shape::Many),
    ("userAgent", Shape::One),
    ("objectRef", Shape::Object),
    ("objectRef.resource", Shape::One),
    ("objectRef.namespace", Shape::One),
    ("objectRef.name", Shape::One),
    ("objectRef.uid", Shape::One),
    ("objectRef.apiGroup", Shape::One),
    ("objectRef.apiVersion", Shape::One),
    ("objectRef.resourceVersion", Shape::One),
    ("objectRef.subresource", Shape::One),
    ("responseStatus", Shape::Object),
    ("responseStatus.code", Shape::One),
    ("responseStatus.status", Shape::One),
    ("responseStatus.reason", Shape::One),
    ("responseStatus.message", Shape::One),
    ("responseStatus.metadata", Shape::Free),
    ("responseStatus.details", Shape::Free),
    ("requestObject", Shape::Free),
    ("responseObject", Shape::Free),
    ("requestReceivedTimestamp", Shape::One),
    ("stageTimestamp", Shape::One),
    ("annotations", Shape::Entries),
];

/// The shape of a field, by its dotted name.
pub(super) fn shape(name: &str) -> Option<Shape> {
    FIELDS
        .iter()
        .find_map(|(known, shape)| (*known == name).then_some(*shape))
}

/// The members of the event itself.
pub(super) fn members() -> impl Iterator<Item = &'static str> {
    let names = FIELDS.iter().map(|(name, _)| *name);
    names.filter(|name| !name.contains('.'))
}

/// Whether a name is a member of the event itself.
pub(super) fn is_member(name: &str) -> bool {
    members().any(|member| member == name)
}

/// Names of objects whose keys are free text with dots: what follows them in a dotted name is one
/// key.
pub(super) fn has_dotted_keys(name: &str) -> bool {
    matches!(
        name,
        "annotations" | "extra" | "labels" | "matchLabels" | "nodeSelector"
    )
}
