//! The end of an object, found without looking into it.

use super::{
    block::{Block, SIZE, mask_of},
    tokens::prefix_xor,
};

/// Every other bit, the lowest included.
const EVEN: u64 = 0x5555_5555_5555_5555;

/// Length of the object that the text begins with, by its brackets and quotes alone: what stands
/// between them is not checked. `None`: it does not end, or it has comments, which may hold
/// brackets and quotes that mean nothing.
pub fn object_length(text: &[u8]) -> Option<usize> {
    let mut state = State::default();
    let (blocks, rest) = text.as_chunks::<SIZE>();
    for (number, block) in blocks.iter().enumerate() {
        if let Some(end) = state.end(block) {
            return (!state.has_comments).then_some(number * SIZE + end);
        }
    }
    let mut last = [b' '; SIZE];
    last[..rest.len()].copy_from_slice(rest);
    let end = state.end(&last)?;
    (!state.has_comments).then_some(blocks.len() * SIZE + end)
}

/// What one block leaves to the next.
#[derive(Default)]
struct State {
    depth: u32,
    /// All bits, if it ended within a string.
    inside: u64,
    /// Whether it ended in a backslash that takes away the meaning of what follows.
    escapes: bool,
    /// Whether there was a slash outside strings before the end.
    has_comments: bool,
}

impl State {
    /// Where in the block the outermost bracket closes, counted from 1.
    #[inline(always)]
    fn end(&mut self, block: &[u8; SIZE]) -> Option<usize> {
        let slashes = mask_of(block, b'/');
        let block = Block::new(block);
        let quotes = block.quotes & !self.escaped(block.backslashes);
        let strings = prefix_xor(quotes) ^ self.inside;
        self.inside = (strings as i64 >> 63) as u64;
        let (opens, closes) = (block.opens & !strings, block.closes & !strings);
        let slashes = slashes & !strings;
        if closes.count_ones() < self.depth {
            self.has_comments |= slashes != 0;
            self.depth = self.depth + opens.count_ones() - closes.count_ones();
            return None;
        }
        let mut brackets = opens | closes;
        while brackets != 0 {
            let at = brackets.trailing_zeros();
            match opens >> at & 1 {
                1 => self.depth += 1,
                _ => self.depth = self.depth.saturating_sub(1),
            }
            if self.depth == 0 {
                self.has_comments |= slashes & ((1 << at) - 1) != 0;
                return Some(at as usize + 1);
            }
            brackets &= brackets - 1;
        }
        self.has_comments |= slashes != 0;
        None
    }

    /// The bytes whose meaning a backslash takes away: those after a run of backslashes of odd
    /// length. An addition finds where runs end, since its carry goes through them.
    #[inline(always)]
    fn escaped(&mut self, backslashes: u64) -> u64 {
        let carried = u64::from(self.escapes);
        if backslashes == 0 {
            self.escapes = false;
            return carried;
        }
        let backslashes = backslashes & !carried;
        let follows = backslashes << 1 | carried;
        let odd_starts = backslashes & !EVEN & !follows;
        let (ends, overflow) = odd_starts.overflowing_add(backslashes);
        self.escapes = overflow;
        (EVEN ^ ends << 1) & follows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, value::RawValue};

    use super::*;

    /// Values with much in them that looks like an end.
    fn value() -> impl Strategy<Value = Value> {
        let text = r#"[a-z{}\[\]":,\\ ]{0,90}"#;
        let leaf = prop_oneof![
            text.prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(5, 60, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec((text, inner), 0..6)
                    .prop_map(|members| members.into_iter().collect::<Value>()),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_object_ends_where_the_parser_ends_it(name in ".*", inner in value(), after in ".*") {
            let object = serde_json::json!({name: inner}).to_string();
            let text = format!("{object}{after}");
            let mut parsed = serde_json::Deserializer::from_str(&text).into_iter::<&RawValue>();
            let raw = parsed.next().expect("there is an object").expect("it is valid");
            prop_assert_eq!(object_length(text.as_bytes()), Some(raw.get().len()));
        }

        #[test]
        fn an_object_with_a_comment_is_not_measured(
            inner in value(), comment in r"//[^\n]{0,9}\n|/\*[^*]{0,9}\*/",
        ) {
            let text = format!(r#"{{"a":{inner},{comment}"b":{inner}}}"#);
            prop_assert_eq!(object_length(text.as_bytes()), None);
        }

        #[test]
        fn an_object_that_is_cut_has_no_end(inner in value(), cut in 1_usize..2_000) {
            let object = serde_json::json!({"a": inner}).to_string();
            let kept = object.len().saturating_sub(cut);
            prop_assert_eq!(object_length(&object.as_bytes()[..kept]), None);
        }
    }
}
