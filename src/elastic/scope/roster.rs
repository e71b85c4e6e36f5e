//! The indices that a pattern covers, and the same pattern without some of them: pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

/// The longest expression that a server surely takes in the first line of a request.
const LONGEST: usize = 3_000;

/// The indices, aliases and data streams of a pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Roster {
    /// Indices that are matched by name, and whether each is closed.
    indices: BTreeMap<String, bool>,
    /// Aliases and data streams, and the indices behind each.
    groups: BTreeMap<String, Vec<String>>,
    /// Those among the groups whose members can stand for them: an alias may have a filter.
    plain: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Answer {
    indices: Vec<Index>,
    aliases: Vec<Alias>,
    data_streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Index {
    name: String,
    attributes: Vec<String>,
}

#[derive(Deserialize)]
struct Alias {
    name: String,
    indices: Names,
}

#[derive(Deserialize)]
struct Stream {
    name: String,
    backing_indices: Names,
}

/// One name may stand without a list around it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Many(Vec<String>),
}

impl Names {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name],
            Self::Many(names) => names,
        }
    }
}

impl Roster {
    /// Reads the answer of the server; `None` if it is not understood.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let answer: Answer = serde_json::from_slice(body).ok()?;
        let indices = answer.indices.into_iter();
        let aliases = answer.aliases.into_iter();
        let aliases = aliases.map(|alias| (alias.name, alias.indices.into_vec()));
        let streams: BTreeMap<_, _> = answer
            .data_streams
            .into_iter()
            .map(|stream| (stream.name, stream.backing_indices.into_vec()))
            .collect();
        Some(Self {
            indices: indices
                .map(|index| {
                    let is_closed = index.attributes.iter().any(|it| it == "closed");
                    (index.name, is_closed)
                })
                .collect(),
            plain: streams.keys().cloned().collect(),
            groups: aliases.chain(streams).collect(),
        })
    }

    /// Every index of the pattern that is not known to be closed.
    pub(super) fn open(&self) -> BTreeSet<&str> {
        let by_name = self.indices.keys().chain(self.groups.values().flatten());
        by_name
            .filter(|name| self.indices.get(*name) != Some(&true))
            .map(String::as_str)
            .collect()
    }

    /// Indices of the pattern that are closed.
    pub(super) fn closed(&self) -> impl Iterator<Item = &str> {
        let closed = self.indices.iter().filter(|(_, is_closed)| **is_closed);
        closed.map(|(name, _)| name.as_str())
    }

    /// The aliases that a pattern names, of which it is not known whether they have a filter.
    pub(super) fn aliases<'p>(&self, pattern: &'p str) -> Vec<&'p str> {
        let parts = pattern.split(',');
        let is_alias = |part: &&str| self.groups.contains_key(*part) && !self.plain.contains(*part);
        parts.filter(is_alias).collect()
    }

    /// Takes note of aliases that have no filter, from the definitions of some.
    pub(super) fn note_plain(&mut self, aliases: &[&str], definitions: &Value) {
        let indices = || definitions.as_object().into_iter().flatten();
        let is_narrowed = |alias: &&&str| {
            indices().any(|(_, index)| {
                let alias = &index["aliases"][**alias];
                !alias["filter"].is_null() || !alias["search_routing"].is_null()
            })
        };
        let plain = aliases.iter().filter(|alias| !is_narrowed(alias));
        self.plain.extend(plain.map(|alias| (*alias).to_owned()));
    }

    /// Returns whether an index belongs to the pattern.
    pub(super) fn holds(&self, index: &str) -> bool {
        self.indices.contains_key(index) || self.groups.values().flatten().any(|it| it == index)
    }

    /// The parts of a pattern that match nothing.
    pub(super) fn missing<'p>(&'p self, pattern: &'p str) -> impl Iterator<Item = &'p str> {
        pattern.split(',').filter(|part| {
            !is_opaque(part) && !part.starts_with('-') && self.covered(part).is_empty()
        })
    }

    /// The pattern without some indices; `None` where nothing of it is left, or where it cannot be
    /// said in the words of the server.
    pub(super) fn without(&self, pattern: &str, left_out: &BTreeSet<&str>) -> Option<String> {
        let mut parts: Vec<&str> = Vec::new();
        let mut excluded = BTreeSet::new();
        let mut has_wildcard = false;
        for part in pattern.split(',') {
            let covered = self.covered(part);
            let is_touched = covered.iter().any(|index| left_out.contains(index));
            if part.starts_with('-') {
                // It means something else where no wildcard stands before it.
                if has_wildcard {
                    parts.push(part);
                }
            } else if is_opaque(part) {
                parts.push(part);
            } else if covered.iter().all(|index| left_out.contains(index)) {
                // A wildcard without any index would be refused.
            } else if part.contains('*') {
                has_wildcard = true;
                parts.push(part);
                // A wildcard passes over closed indices.
                let open = self.open();
                let named = covered.into_iter().filter(|index| open.contains(index));
                excluded.extend(named.filter(|index| left_out.contains(index)));
            } else if is_touched {
                if !self.plain.contains(part) {
                    return None;
                }
                let good = covered.into_iter().filter(|it| !left_out.contains(it));
                parts.extend(good);
            } else {
                parts.push(part);
            }
        }
        if parts.is_empty() {
            return None;
        }
        let excluded = excluded.iter().map(|index| format!("-{index}"));
        let parts: Vec<_> = parts
            .into_iter()
            .map(str::to_owned)
            .chain(excluded)
            .collect();
        let expression = parts.join(",");
        (expression.len() <= LONGEST).then_some(expression)
    }

    /// The indices that one part of a pattern stands for.
    fn covered(&self, part: &str) -> Vec<&str> {
        let indices = self.indices.keys().filter(|name| matches(part, name));
        let groups = self.groups.iter().filter(|(name, _)| matches(part, name));
        let members = groups.flat_map(|(_, members)| members);
        let covered: BTreeSet<&str> = indices.chain(members).map(String::as_str).collect();
        covered.into_iter().collect()
    }
}

/// Returns whether only the server knows what a part stands for: date mathematics, or another cluster.
fn is_opaque(part: &str) -> bool {
    part.starts_with('<') || part.contains(':') || part == "_all"
}

/// Returns whether a name matches a part of a pattern, in which `*` stands for any text.
fn matches(part: &str, name: &str) -> bool {
    let mut pieces = part.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster() -> Roster {
        let body = serde_json::json!({
            "indices": [
                {"name": "logs-a", "attributes": ["open"]},
                {"name": "logs-b", "aliases": ["audit"], "attributes": ["open"]},
                {"name": "logs-shut", "attributes": ["closed"]},
                {"name": "other", "attributes": ["open", "hidden"]},
            ],
            "aliases": [{"name": "audit", "indices": ["logs-b", "deep-c"]}],
            "data_streams": [
                {"name": "stream", "backing_indices": [".ds-1", ".ds-2"], "timestamp_field": "t"},
            ],
        });
        Roster::read(body.to_string().as_bytes()).expect("it is understood")
    }

    fn without(pattern: &str, left_out: &[&str]) -> Option<String> {
        roster().without(pattern, &left_out.iter().copied().collect())
    }

    #[test]
    fn a_roster_holds_what_stands_behind_aliases_and_data_streams() {
        let open = ["logs-a", "logs-b", "other", "deep-c", ".ds-1", ".ds-2"];
        assert_eq!(roster().open(), open.into());
        assert_eq!(roster().closed().collect::<Vec<_>>(), ["logs-shut"]);
        assert!(roster().holds(".ds-1") && !roster().holds("audit"));
    }

    #[test]
    fn an_index_is_left_out_in_the_words_of_the_server() {
        let cases: [(&str, &[&str], Option<&str>); 13] = [
            ("logs-*", &[], Some("logs-*")),
            ("logs-*", &["logs-b"], Some("logs-*,-logs-b")),
            ("logs-*", &["logs-shut"], Some("logs-*")),
            ("logs-*", &["logs-a", "logs-b", "logs-shut"], None),
            ("logs-a,logs-b", &["logs-b"], Some("logs-a")),
            ("logs-a", &["logs-a"], None),
            ("logs-a,oth*", &["logs-a"], Some("oth*")),
            ("logs-a,oth*", &["other"], Some("logs-a")),
            (
                "logs-*,-logs-x*",
                &["logs-b"],
                Some("logs-*,-logs-x*,-logs-b"),
            ),
            ("aud*", &["deep-c"], Some("aud*,-deep-c")),
            ("stream,logs-a", &[".ds-1"], Some(".ds-2,logs-a")),
            ("str*", &[".ds-1"], Some("str*,-.ds-1")),
            // The filter of the alias, if it has one, would be lost.
            ("audit", &["deep-c"], None),
        ];
        for (pattern, left_out, expected) in cases {
            let expected = expected.map(str::to_owned);
            assert_eq!(
                without(pattern, left_out),
                expected,
                "{pattern} {left_out:?}"
            );
        }
    }

    #[test]
    fn the_members_of_an_alias_without_a_filter_stand_for_it() {
        let definition =
            |alias: Value| serde_json::json!({"logs-b": {"aliases": {"audit": alias}}});
        for (alias, expected) in [
            (serde_json::json!({"is_write_index": true}), Some("logs-b")),
            (serde_json::json!({"filter": {"match_all": {}}}), None),
            (serde_json::json!({"search_routing": "1"}), None),
        ] {
            let mut roster = roster();
            assert_eq!(roster.aliases("audit,stream,logs-a"), ["audit"]);
            roster.note_plain(&["audit"], &definition(alias));
            let without = roster.without("audit", &["deep-c"].into());
            assert_eq!(without.as_deref(), expected);
        }
    }

    #[test]
    fn a_part_that_matches_nothing_is_missing() {
        let roster = roster();
        let missing: Vec<_> = roster
            .missing("logs-*,nothing-*,audit,none,-logs-a,<logs-{now/d}>,far:logs-*")
            .collect();
        assert_eq!(missing, ["nothing-*", "none"]);
        assert_eq!(
            without("logs-*,nothing-*,none", &[]).as_deref(),
            Some("logs-*")
        );
    }

    #[test]
    fn an_expression_that_is_too_long_is_not_sent() {
        let names: Vec<String> = (0..300).map(|it| format!("logs-{it:010}")).collect();
        let roster = Roster {
            indices: names.iter().map(|name| (name.clone(), false)).collect(),
            ..Roster::default()
        };
        let left_out = names[1..].iter().map(String::as_str).collect();
        assert_eq!(roster.without("logs-*", &left_out), None);
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (part, name, expected) in [
            ("logs", "logs", true),
            ("logs", "logs-1", false),
            ("logs-*", "logs-", true),
            ("*", "anything", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("a*a", "a", false),
            ("*-1", "x-1-1", true),
        ] {
            assert_eq!(matches(part, name), expected, "{part} {name}");
        }
    }
}
