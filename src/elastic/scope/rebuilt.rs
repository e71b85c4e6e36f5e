//! Indices whose documents the server rebuilds from what it has indexed: of such a document lists
//! are sorted, without duplicates, and lists of objects are merged into one object of lists.

use std::collections::BTreeSet;

use serde_json::Value;

/// The settings that say so, of Elasticsearch and of OpenSearch.
pub(super) const SETTINGS: &str = "index.mode,index.mapping.source.mode,\
    index.mapping.synthetic_source_keep,index.derived_source.enabled";

/// Reads the settings of indices, each setting under its full name.
pub(super) fn read(body: &[u8]) -> Option<BTreeSet<String>> {
    let indices: Value = serde_json::from_slice(body).ok()?;
    let indices = indices.as_object()?.iter();
    let rebuilt = indices.filter(|(_, index)| is_rebuilt(&index["settings"]));
    Some(rebuilt.map(|(name, _)| name.clone()).collect())
}

fn is_rebuilt(settings: &Value) -> bool {
    let setting = |name: &str| settings[name].as_str();
    if setting("index.derived_source.enabled") == Some("true") {
        return true;
    }
    // Both modes rebuild unless they are asked not to; for logs lists stay as they are.
    let (is_synthetic, keeps_lists) = match setting("index.mode") {
        Some("logsdb") => (true, true),
        Some("time_series") => (true, false),
        _ => (false, false),
    };
    let is_synthetic = match setting("index.mapping.source.mode") {
        Some(mode) => mode.eq_ignore_ascii_case("synthetic"),
        None => is_synthetic,
    };
    let keeps_lists = match setting("index.mapping.synthetic_source_keep") {
        Some(keep) => !keep.eq_ignore_ascii_case("none"),
        None => keeps_lists,
    };
    is_synthetic && !keeps_lists
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_show_which_indices_rebuild_lists() {
        let synthetic = ("index.mapping.source.mode", "synthetic");
        let keep = |keep| ("index.mapping.synthetic_source_keep", keep);
        let cases: [(&[(&str, &str)], bool); 9] = [
            (&[], false),
            (&[synthetic], true),
            (&[synthetic, keep("arrays")], false),
            (&[synthetic, keep("none")], true),
            (&[("index.mapping.source.mode", "stored")], false),
            (&[("index.mode", "logsdb")], false),
            (&[("index.mode", "logsdb"), keep("none")], true),
            (&[("index.derived_source.enabled", "true")], true),
            (&[("index.derived_source.enabled", "false")], false),
        ];
        for (settings, expected) in cases {
            let settings: serde_json::Map<_, _> = settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), json!(value)))
                .collect();
            let body = json!({"i": {"settings": settings}}).to_string();
            let rebuilt = read(body.as_bytes()).expect("it is read");
            assert_eq!(rebuilt.contains("i"), expected, "{body}");
        }
    }
}
