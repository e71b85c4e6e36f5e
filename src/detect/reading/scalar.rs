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
