//! What the raw text of an event shows of a field deep in a body, before the body is read: the
//! names on the way must stand somewhere in the text, and so must a value after the last of them.
//!
//! A trace does not know where in the text a member stands. It may show more than there is, never
//! less.

#[cfg(test)]
mod tests;

use memchr::{
    memchr_iter, memchr2,
    memmem::{self, Finder},
};

use crate::detect::reading::is_plain_integer;

/// The names on the way to a field.
#[derive(Debug)]
pub struct Trace {
    /// Each in its quotes; there is at least one.
    names: Vec<Finder<'static>>,
    /// The characters of all names, one bit for each.
    letters: u128,
}

/// What stands after a name in the raw text.
enum Shown<'t> {
    /// A scalar, never empty.
    Scalar(&'t str),
    /// Nothing that counts.
    Nothing,
    /// Something that would have to be read.
    Unread,
}

impl Trace {
    /// The trace of a path within a body. `None`: it has no names, or such as can be written in
    /// several ways.
    pub fn of<'p>(path: impl Iterator<Item = &'p String>) -> Option<Self> {
        let (mut names, mut letters) = (Vec::new(), 0);
        for name in path {
            for byte in name.bytes() {
                letters |= is_plain(byte).then(|| 1 << byte)?;
            }
            names.push(Finder::new(&format!("\"{name}\"")).into_owned());
        }
        (!names.is_empty()).then_some(Self { names, letters })
    }

    /// Visits the scalars that the field may have in valid JSON, and perhaps others. Tells whether
    /// there may be more of them.
    pub fn visit(&self, text: &str, visit: &mut dyn FnMut(&str)) -> bool {
        // The operations of a JSON patch name members in their paths.
        if text.starts_with('[') {
            return true;
        }
        let is_named = |name: &Finder<'_>| name.find(text.as_bytes()).is_some();
        let mut has_more = false;
        if let Some((last, before)) = self.names.split_last()
            && before.iter().all(is_named)
        {
            for start in last.find_iter(text.as_bytes()) {
                match shown_after(&text[start + last.needle().len()..]) {
                    Shown::Scalar(value) => visit(value),
                    Shown::Nothing => {}
                    Shown::Unread => has_more = true,
                }
            }
        }
        has_more || self.may_be_escaped(text)
    }

    /// Returns true if the names occur in a text, in whatever order.
    pub fn may_occur(&self, text: &str) -> bool {
        let occurs = |name: &Finder<'_>| {
            let quoted = name.needle();
            memmem::find(text.as_bytes(), &quoted[1..quoted.len() - 1]).is_some()
        };
        self.names.iter().all(occurs) || self.may_be_escaped(text)
    }

    /// Whether the field may have a value that is accepted.
    pub fn shows(&self, text: &str, accepts: &dyn Fn(&str) -> bool) -> bool {
        let mut shows = false;
        self.visit(text, &mut |value| shows = shows || accepts(value)) || shows
    }

    /// Whether some name may be written with escapes: such as stand for one of its characters.
    fn may_be_escaped(&self, text: &str) -> bool {
        memchr_iter(b'\\', text.as_bytes()).any(|at| {
            let code = text[at..].strip_prefix("\\u").and_then(|it| it.get(..4));
            let code = code.and_then(|digits| u32::from_str_radix(digits, 16).ok());
            code.is_some_and(|code| code < 128 && self.letters >> code & 1 == 1)
        })
    }
}

/// Whether a character of a name can be written only as it is or by its code.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$' | b'.')
}

/// What stands after a text in quotes, if that is the name of a member.
fn shown_after(text: &str) -> Shown<'_> {
    let blanks = [' ', '\t', '\n', '\r'];
    let Some(value) = text.trim_start_matches(blanks).strip_prefix(':') else {
        return Shown::Nothing;
    };
    let value = value.trim_start_matches(blanks);
    if value.starts_with("\"\"") {
        return Shown::Nothing;
    }
    if let Some(text) = value.strip_prefix('"') {
        return match memchr2(b'"', b'\\', text.as_bytes()) {
            Some(end) if text.as_bytes()[end] == b'"' => Shown::Scalar(&text[..end]),
            _ => Shown::Unread,
        };
    }
    let end = value.find([',', '}', ']', ' ', '\t', '\n', '\r']);
    match &value[..end.unwrap_or(value.len())] {
        "null" => Shown::Nothing,
        literal @ ("true" | "false") => Shown::Scalar(literal),
        digits if is_plain_integer(digits) => Shown::Scalar(digits),
        _ => Shown::Unread,
    }
}
