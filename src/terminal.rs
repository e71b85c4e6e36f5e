//! Text that others wrote, made safe to print.
//!
//! Names, user agents and command lines in audit events are chosen by callers. Printed raw they
//! could move the cursor, forge lines or reverse the reading direction. What leaves this module
//! holds no control character, no bidirectional control and no invisible character.

use std::{
    borrow::Cow,
    fmt,
    io::{self, Write},
};

/// The longest text that [`escape`] leaves whole, in characters.
const LONGEST: usize = 512;

/// Prints a line on standard error. There is nobody to tell when that fails.
pub fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// One line of harmless text: what could control a terminal or deceive a reader is written as
/// `\n`, `\u{1b}` and the like. Of more than 512 characters the rest is counted: `…(+88)`.
pub fn escape(text: &str) -> Cow<'_, str> {
    let cut = text.char_indices().nth(LONGEST).map(|(at, _)| at);
    if cut.is_none() && !text.contains(deceives) {
        return Cow::Borrowed(text);
    }
    let (shown, rest) = text.split_at(cut.unwrap_or(text.len()));
    let mut safe = String::with_capacity(shown.len() + 16);
    for c in shown.chars() {
        if deceives(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    if !rest.is_empty() {
        safe.push_str(&format!("…(+{})", rest.chars().count()));
    }
    Cow::Owned(safe)
}

/// The same JSON with every deceiving character written as `\uXXXX`. In valid JSON such characters
/// stand within strings only, so the value does not change.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    if !json.contains(deceives) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if deceives(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Whether a character controls the terminal, the direction of text, or is not seen at all.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(
            u32::from(c),
            0xad | 0x61c
                | 0x200b..=0x200f
                | 0x2028..=0x202e
                | 0x2060..=0x206f
                | 0xfeff
                | 0xfff9..=0xfffb
                | 0xe0000..=0xe007f
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_text_of_any_language_stays_as_it_is() {
        assert_eq!(escape("naïve-ユーザー"), "naïve-ユーザー");
    }

    #[test]
    fn controls_and_reversals_are_written_out() {
        assert_eq!(escape("a\u{1b}[2Jb\r\n"), r"a\u{1b}[2Jb\r\n");
        assert_eq!(escape("\u{202e}txt.\u{9b}x"), r"\u{202e}txt.\u{9b}x");
    }

    #[test]
    fn what_is_too_long_is_cut_and_counted() {
        let text = "é".repeat(600);
        assert_eq!(escape(&text), format!("{}…(+88)", "é".repeat(512)));
    }

    proptest! {
        #[test]
        fn nothing_deceiving_is_printed(text in any::<String>()) {
            prop_assert!(!escape(&text).contains(deceives));
        }

        #[test]
        fn escaped_json_has_the_same_value_and_is_safe(text in any::<String>()) {
            let json = serde_json::to_string(&text).expect("text is JSON");
            let safe = escape_json(&json).into_owned();
            prop_assert!(!safe.contains(deceives));
            prop_assert_eq!(serde_json::from_str::<String>(&safe).expect("still JSON"), text);
        }
    }
}
