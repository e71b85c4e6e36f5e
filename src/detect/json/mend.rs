//! Valid JSON that the parser refuses, made readable. A caller of the API may write such JSON into
//! the body of a patch, which the audit log repeats as it came: an event that were set aside for it
//! would be an event that nobody sees.

#[cfg(test)]
mod tests;

use serde::de::IgnoredAny;

use super::DEPTH_LIMIT;

/// The replacement character, as an escape.
const REPLACEMENT: &str = r"\ufffd";

/// Rewrites a JSON text, whole or cut off: halves of surrogate pairs become U+FFFD, as in Go's decoder; numbers
/// beyond double precision become the text that they are written with; lists and objects deeper
/// than [`DEPTH_LIMIT`] become null.
pub fn mend(text: &str) -> String {
    let mut mender = Mender {
        rest: text,
        depth: 0,
        mended: String::with_capacity(text.len()),
    };
    while let Some(first) = mender.rest.bytes().next() {
        mender.token(first);
    }
    mender.mended
}

struct Mender<'t> {
    rest: &'t str,
    /// Lists and objects that are open.
    depth: usize,
    mended: String,
}

impl<'t> Mender<'t> {
    fn token(&mut self, first: u8) {
        match first {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b'[' | b'{' if self.depth == DEPTH_LIMIT => {
                self.skip();
                self.mended.push_str("null");
            }
            b'[' | b'{' => {
                self.depth += 1;
                self.keep(1);
            }
            b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                self.keep(1);
            }
            _ => self.keep(self.rest.chars().next().map_or(1, char::len_utf8)),
        }
    }

    /// The next so many bytes.
    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn keep(&mut self, length: usize) {
        let kept = self.take(length);
        self.mended.push_str(kept);
    }

    fn string(&mut self) {
        self.keep(1);
        loop {
            let plain = self.rest.find(['"', '\\']).unwrap_or(self.rest.len());
            self.keep(plain);
            if !self.rest.starts_with('\\') {
                return self.keep(self.rest.len().min(1));
            }
            match (unit(self.rest), self.rest.get(6..).and_then(unit)) {
                (None, _) => self.keep_escape(),
                (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => self.keep(12),
                (Some(0xd800..0xe000), _) => {
                    self.take(6);
                    self.mended.push_str(REPLACEMENT);
                }
                (Some(_), _) => self.keep(6),
            }
        }
    }

    /// A backslash and what follows it, if anything does.
    fn keep_escape(&mut self) {
        let length = self.rest.chars().take(2).map(char::len_utf8).sum();
        self.keep(length);
    }

    fn number(&mut self) {
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let length = self.rest.bytes().take_while(|byte| is_part(byte)).count();
        let number = self.take(length);
        match number.parse::<f64>() {
            Ok(value) if value.is_infinite() => self.mended.extend(["\"", number, "\""]),
            _ => self.mended.push_str(number),
        }
    }

    /// Passes over a list or an object, or all of the text if it does not end.
    fn skip(&mut self) {
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<IgnoredAny>();
        let length = match values.next() {
            Some(Ok(_)) => values.byte_offset(),
            _ => self.rest.len(),
        };
        self.take(length);
    }
}

/// The code unit of the escape `\uXXXX` that a text begins with.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix(r"\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}
