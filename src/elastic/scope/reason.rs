//! Reasons to leave an index out, as its mapping or a search of it alone shows them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Marks;
use crate::{
    elastic::fault::{self, ErrorTypes},
    pipeline::ports::{Fault, FaultReason, Remedy},
};

/// The reason that an index cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is closed.
    Closed,
    /// The pattern names it, but it is not there.
    Missing,
    /// Its time field is mapped as this.
    NoDate(String),
    /// Its time field has no doc values.
    Unsortable,
    /// No node serves a shard of it.
    Unavailable,
    /// It is blocked for reads.
    Blocked,
    /// We have no right to it.
    Forbidden,
    /// It refuses the search.
    Refused,
}

/// Characters of a type that are repeated in a message.
const LONGEST_TYPE: usize = 32;

/// Characters of an index that are repeated in a message.
const LONGEST_NAME: usize = 64;

impl Reason {
    /// The reason and the remedy.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Closed => "is closed: open it, or exclude it from source.index".to_owned(),
            Self::Missing => {
                "matches no index: create one, or remove it from source.index".to_owned()
            }
            Self::NoDate(kind) => format!(
                "maps the time field as {kind}, not as a date: \
                 reindex it with a date, or exclude it from source.index"
            ),
            Self::Unsortable => "keeps no doc values of the time field: \
                 reindex it with doc_values, or exclude it from source.index"
                .to_owned(),
            Self::Unavailable => "has a shard that no node serves: \
                 GET _cluster/allocation/explain shows why"
                .to_owned(),
            Self::Blocked => "is blocked for reads: set its index.blocks.read to false".to_owned(),
            Self::Forbidden => {
                "may not be read: grant \"read\" on it, or exclude it from source.index".to_owned()
            }
            Self::Refused => "refuses the search for events: check that source.filter \
                 fits its mapping, or exclude it from source.index"
                .to_owned(),
        }
    }

    /// The fault of a source none of whose indices can be read.
    pub(super) fn fault(&self, index: &str) -> Fault {
        let (reason, remedy) = match self {
            Self::Closed | Self::Missing => (FaultReason::IndexNotFound, Remedy::Retry),
            Self::NoDate(_) | Self::Unsortable | Self::Refused => {
                (FaultReason::TimestampFieldInvalid, Remedy::Retry)
            }
            Self::Unavailable | Self::Blocked => (FaultReason::PartialResults, Remedy::Retry),
            Self::Forbidden => (FaultReason::Forbidden, Remedy::Reconnect),
        };
        let message = format!("no index of the source can be read; {}", self.of(index));
        fault::new(reason, remedy, message)
    }

    /// The fault of an index that stands in the way for now.
    pub(super) fn fault_of(&self, index: &str) -> Fault {
        Fault {
            message: self.of(index),
            ..self.fault(index)
        }
    }

    fn of(&self, index: &str) -> String {
        let index: String = index.chars().take(LONGEST_NAME).collect();
        format!("{index} {}", self.message())
    }
}

/// The reason to leave an index out that a search of it alone shows, if there is one.
pub(super) fn verdict(response: &Value) -> Option<Reason> {
    let types = ErrorTypes::of(&response["error"]);
    if !types.is_known() {
        let is_partial = response["_shards"]["failed"].as_u64() > Some(0);
        return is_partial.then_some(Reason::Unavailable);
    }
    match response["status"].as_u64()? {
        _ if types.is_overload() => None,
        403 if types.any(&["cluster_block_exception"]) => Some(Reason::Blocked),
        401 | 403 => Some(Reason::Forbidden),
        // It was deleted meanwhile.
        404 => None,
        400 if types.any(&["index_closed_exception"]) => Some(Reason::Closed),
        400 => Some(Reason::Refused),
        500.. => Some(Reason::Unavailable),
        _ => None,
    }
}

/// The mapping of the time field.
#[derive(Debug, PartialEq)]
pub(super) struct TimeField {
    /// An index has it.
    pub(super) is_mapped: bool,
    /// An index maps it as something else than a date that sorts.
    pub(super) is_wrong: bool,
    /// Those that cannot be read by it.
    pub(super) wrong: BTreeMap<String, Reason>,
    pub(super) marks: Marks,
}

impl TimeField {
    /// Reads field capabilities.
    pub(super) fn read(capabilities: &Value, field: &str) -> Self {
        let fields = &capabilities["fields"];
        let all = names(&capabilities["indices"]);
        let mut wrong = BTreeMap::new();
        let mut is_wrong = false;
        let kinds = fields[field].as_object().into_iter().flatten();
        for (kind, capability) in kinds.filter(|(kind, _)| *kind != "unmapped") {
            let of_kind = names(&capability["indices"]);
            let of_kind = of_kind.or_else(|| all.clone()).unwrap_or_default();
            let is_date = matches!(kind.as_str(), "date" | "date_nanos");
            is_wrong |= !is_date || capability["aggregatable"] == false;
            match kind.as_str() {
                _ if is_date && capability["aggregatable"] == false => {
                    let unsortable = names(&capability["non_aggregatable_indices"]);
                    let unsortable = unsortable.unwrap_or(of_kind).into_iter();
                    wrong.extend(unsortable.map(|index| (index, Reason::Unsortable)));
                }
                _ if is_date => {}
                kind => {
                    let reason = Reason::NoDate(kind.chars().take(LONGEST_TYPE).collect());
                    wrong.extend(of_kind.into_iter().map(|index| (index, reason.clone())));
                }
            }
        }
        Self {
            is_mapped: fields[field].is_object(),
            is_wrong,
            wrong,
            marks: marks(&fields["_seq_no"]),
        }
    }
}

fn names(list: &Value) -> Option<Vec<String>> {
    let names = list.as_array()?.iter();
    Some(
        names
            .filter_map(|it| it.as_str().map(str::to_owned))
            .collect(),
    )
}

/// Sequence numbers are of use only if every index has them.
fn marks(capabilities: &Value) -> Marks {
    let kinds = capabilities.as_object().into_iter().flatten();
    let mut usable = kinds
        .map(|(_, kind)| kind["aggregatable"] == true)
        .peekable();
    if usable.peek().is_some() && usable.all(|usable| usable) {
        Marks::Sequence
    } else {
        Marks::Count
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_search_of_one_index_shows_why_it_is_left_out() {
        let refused = |status: u64, kind: &str| json!({"status": status, "error": {"type": "outer", "root_cause": [{"type": kind}]}});
        for (response, expected) in [
            (json!({"status": 200, "_shards": {"failed": 0}}), None),
            (json!({"_shards": {"failed": 1}}), Some(Reason::Unavailable)),
            (refused(400, "index_closed_exception"), Some(Reason::Closed)),
            (refused(400, "query_shard_exception"), Some(Reason::Refused)),
            (
                refused(403, "cluster_block_exception"),
                Some(Reason::Blocked),
            ),
            (refused(403, "security_exception"), Some(Reason::Forbidden)),
            (refused(404, "index_not_found_exception"), None),
            (refused(429, "es_rejected_execution_exception"), None),
            (refused(503, "circuit_breaking_exception"), None),
            (
                refused(503, "search_phase_execution_exception"),
                Some(Reason::Unavailable),
            ),
        ] {
            assert_eq!(verdict(&response), expected, "{response}");
        }
    }

    #[test]
    fn the_indices_are_named_whose_time_field_is_no_date_that_sorts() {
        let date = json!({"aggregatable": false, "indices": ["a", "b"], "non_aggregatable_indices": ["b"]});
        let text = json!({"aggregatable": false, "indices": ["c"]});
        let seq_no = json!({"_seq_no": {"aggregatable": true}});
        let fields = json!({"t": {"date": date, "text": text}, "_seq_no": seq_no});
        let read = TimeField::read(&json!({"indices": ["a", "b", "c"], "fields": fields}), "t");
        let wrong = [
            ("b", Reason::Unsortable),
            ("c", Reason::NoDate("text".to_owned())),
        ];
        let expected = TimeField {
            is_mapped: true,
            is_wrong: true,
            wrong: wrong
                .map(|(index, reason)| (index.to_owned(), reason))
                .into(),
            marks: Marks::Sequence,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_type_that_all_indices_share_is_that_of_each() {
        for (kind, reason) in [
            ("long", Reason::NoDate("long".to_owned())),
            ("date", Reason::Unsortable),
        ] {
            let fields = json!({"t": {kind: {"aggregatable": false}}});
            let read = TimeField::read(&json!({"indices": ["a"], "fields": fields}), "t");
            assert_eq!(read.wrong, [("a".to_owned(), reason)].into());
        }
        let unmapped = TimeField::read(&json!({"indices": ["a"], "fields": {}}), "t");
        assert!(!unmapped.is_mapped && !unmapped.is_wrong);
    }

    #[test]
    fn sequence_numbers_count_where_every_index_has_them() {
        let marks = |capability: Value| {
            let fields = json!({"t": {"date": {}}, "_seq_no": capability});
            TimeField::read(&json!({"fields": fields}), "t").marks
        };
        let all = json!({"_seq_no": {"aggregatable": true}});
        assert_eq!(marks(all), Marks::Sequence);
        let some = json!({"_seq_no": {"aggregatable": false, "non_aggregatable_indices": ["b"]}});
        assert_eq!(marks(some), Marks::Count);
        assert_eq!(marks(json!({})), Marks::Count);
    }

    #[test]
    fn a_message_takes_256_characters_at_most() {
        let long = "x".repeat(255);
        let reasons = [
            Reason::Closed,
            Reason::Missing,
            Reason::NoDate("x".repeat(LONGEST_TYPE)),
            Reason::Unsortable,
            Reason::Unavailable,
            Reason::Blocked,
            Reason::Forbidden,
            Reason::Refused,
        ];
        for reason in reasons {
            let message = reason.fault(&long).message;
            assert!(message.len() <= 256, "{message}");
        }
    }
}
