//! What stands in a document besides brackets and plain text: escapes, numbers, literals.

use super::Refused;

/// The longest number that is read here; none of it is too large for double precision.
const NUMBER_LENGTH: usize = 300;

/// Accepts the escape that the text begins with, if it stands for one character by itself.
pub fn check_escape(text: &[u8]) -> Result<(), Refused> {
    match text {
        [
            b'\\',
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
            ..,
        ] => Ok(()),
        [b'\\', b'u', digits @ ..] => check_unit(digits.get(..4).ok_or(Refused)?),
        _ => Err(Refused),
    }
}

/// Four hex digits, but no half of a surrogate pair.
fn check_unit(digits: &[u8]) -> Result<(), Refused> {
    let is_surrogate = matches!(
        digits,
        [b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..]
    );
    match digits.iter().all(u8::is_ascii_hexdigit) && !is_surrogate {
        true => Ok(()),
        false => Err(Refused),
    }
}

/// Accepts the number or literal that the text begins with.
pub fn check(text: &[u8]) -> Result<(), Refused> {
    let length = match text.first() {
        Some(b't') => literal(text, b"true"),
        Some(b'f') => literal(text, b"false"),
        Some(b'n') => literal(text, b"null"),
        _ => number(text),
    };
    match text.get(length.ok_or(Refused)?) {
        None | Some(b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r') => Ok(()),
        Some(_) => Err(Refused),
    }
}

fn literal(text: &[u8], literal: &[u8]) -> Option<usize> {
    text.starts_with(literal).then_some(literal.len())
}

/// The length of a number without an exponent.
fn number(text: &[u8]) -> Option<usize> {
    let sign = usize::from(text.first() == Some(&b'-'));
    let whole = digits(&text[sign..]);
    let has_leading_zero = whole > 1 && text[sign] == b'0';
    let mut length = sign + whole;
    if text.get(length) == Some(&b'.') {
        let fraction = digits(&text[length + 1..]);
        length += 1 + fraction;
        if fraction == 0 {
            return None;
        }
    }
    (whole > 0 && !has_leading_zero && length <= NUMBER_LENGTH).then_some(length)
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Appends a text without its escapes, which are [checked](check_escape).
pub fn unescape(text: &str, to: &mut String) {
    let mut parts = text.split('\\');
    to.push_str(parts.next().unwrap_or_default());
    while let Some(part) = parts.next() {
        let mut characters = part.chars();
        match characters.next() {
            // The backslash of `\\` ends its own part: what is behind it is plain.
            None => {
                to.push('\\');
                to.push_str(parts.next().unwrap_or_default());
                continue;
            }
            Some('b') => to.push('\u{8}'),
            Some('f') => to.push('\u{c}'),
            Some('n') => to.push('\n'),
            Some('r') => to.push('\r'),
            Some('t') => to.push('\t'),
            Some('u') => {
                let unit = u32::from_str_radix(&part[1..5], 16).ok();
                to.push(
                    unit.and_then(char::from_u32)
                        .expect("the escape was checked"),
                );
                characters = part[5..].chars();
            }
            Some(other) => to.push(other),
        }
        to.push_str(characters.as_str());
    }
}

/// The same for a long text with many escapes, in a buffer that is used again.
pub fn unescape_long<'b>(text: &str, buffer: &'b mut Vec<u8>) -> &'b str {
    const STEP: usize = 8;
    const EACH: u64 = u64::from_le_bytes([1; STEP]);
    if buffer.len() < text.len() + STEP {
        buffer.resize(text.len() + STEP, 0);
    }
    let source = text.as_bytes();
    let (mut from, mut to) = (0, 0);
    while let Some(bytes) = source[from..].first_chunk::<STEP>() {
        buffer[to..to + STEP].copy_from_slice(bytes);
        // Bytes that are a backslash become zero; the lowest zero byte gets its highest bit.
        let others = u64::from_le_bytes(*bytes) ^ (EACH * u64::from(b'\\'));
        let zeros = others.wrapping_sub(EACH) & !others & EACH << 7;
        let plain = zeros.trailing_zeros() as usize / 8;
        (from, to) = (from + plain, to + plain);
        if plain == STEP {
            continue;
        }
        match source.get(from + 1) {
            Some(character @ (b'"' | b'\\' | b'/')) => {
                buffer[to] = *character;
                (from, to) = (from + 2, to + 1);
            }
            _ => {
                let length = if source.get(from + 1) == Some(&b'u') {
                    6
                } else {
                    2
                };
                let mut character = String::new();
                unescape(&text[from..from + length], &mut character);
                buffer[to..to + character.len()].copy_from_slice(character.as_bytes());
                (from, to) = (from + length, to + character.len());
            }
        }
    }
    // A step may have ended within a character.
    while !text.is_char_boundary(from) {
        (from, to) = (from - 1, to - 1);
    }
    let mut rest = String::new();
    unescape(&text[from..], &mut rest);
    buffer[to..to + rest.len()].copy_from_slice(rest.as_bytes());
    to += rest.len();
    str::from_utf8(&buffer[..to]).expect("parts of text between escapes are text")
}

/// An integer that `serde_json` writes as it reads it.
pub fn is_plain_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (1..=18).contains(&digits.len())
        && text != "-0"
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Appends a number, which is [checked](check), as `serde_json` writes it.
pub fn rewrite_number(text: &str, to: &mut String) {
    let number: serde_json::Number = serde_json::from_str(text).expect("the number was checked");
    to.push_str(&number.to_string());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_long_text_is_unescaped_as_the_parser_does(text in r#"([a-z"\\/\n\t\x00é😀]|[a-z]{6}){0,60}"#) {
            let quoted = serde_json::Value::from(text.as_str()).to_string();
            let mut buffer = Vec::new();
            let inner = &quoted[1..quoted.len() - 1];
            prop_assert_eq!(unescape_long(inner, &mut buffer), text.as_str());
            prop_assert_eq!(unescape_long("", &mut buffer), "");
        }
    }
}
