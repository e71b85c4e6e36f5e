//! Flag values that the lower layers define.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::{
    api::job::PushdownMode,
    detect::{definition::Severity, layout::Layout},
};

/// Parses a severity, in any case.
pub fn severity() -> impl TypedValueParser<Value = Severity> {
    one_of([
        ("informational", "", Severity::Informational),
        ("low", "", Severity::Low),
        ("medium", "", Severity::Medium),
        ("high", "", Severity::High),
        ("critical", "", Severity::Critical),
    ])
}

/// Parses a layout, in any case.
pub fn layout() -> impl TypedValueParser<Value = Layout> {
    one_of([
        ("auto", "Find the event wherever it is", Layout::Auto),
        (
            "raw",
            "audit.k8s.io/v1, as the API server wrote it",
            Layout::Raw,
        ),
        ("elastic", "Below `kubernetes.audit`", Layout::Elastic),
        ("dotted", "With dots in the keys", Layout::Dotted),
        (
            "wrapped",
            "JSON within the field `log` or `message`",
            Layout::Wrapped,
        ),
    ])
}

/// Parses whether the server may leave events out, in any case.
pub fn pushdown() -> impl TypedValueParser<Value = PushdownMode> {
    one_of([
        ("auto", "Where it is exact", PushdownMode::Auto),
        ("never", "", PushdownMode::Never),
    ])
}

fn one_of<T, const N: usize>(
    values: [(&'static str, &'static str, T); N],
) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    let names = values.map(|(name, help, _)| match help {
        "" => PossibleValue::new(name),
        help => PossibleValue::new(name).help(help),
    });
    PossibleValuesParser::new(names).map(move |given| {
        let known = values
            .iter()
            .find(|(name, ..)| name.eq_ignore_ascii_case(&given));
        known.expect("clap lets only known names pass").2
    })
}
