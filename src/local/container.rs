//! Logs of container runtimes, which cut long lines into several.
//!
//! - CRI (containerd, CRI-O): `2026-11-01T10:00:01.1Z stdout P text`, tag `P` for a part, `F` for
//!   the last one. The text takes the place of the line.
//! - Docker's json-file: `{"log":"text\n","stream":"stdout","time":"…"}`; a part has no `\n`.

use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{
    lines::{Rewrite, append},
    torn,
};

/// Stands for a line of standard error that is no audit event.
const OTHER: &[u8] = b"stderr";

/// The parts of a line that were read so far, for standard output and standard error.
type Parts = [Vec<u8>; 2];

/// Joins the parts of CRI lines, and removes what stands before their text.
#[derive(Default)]
pub struct Cri {
    parts: Parts,
    /// Whether a line was read to its end.
    has_begun: [bool; 2],
}

/// A line of a CRI log.
struct CriLine<'l> {
    is_error: bool,
    is_part: bool,
    text: &'l [u8],
}

impl<'l> CriLine<'l> {
    fn parse(line: &'l [u8]) -> Option<Self> {
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        let mut words = line.splitn(4, |byte| *byte == b' ');
        let time = words.next()?;
        let is_date =
            matches!(time, [a, _, _, _, b'-', _, _, b'-', _, _, b'T', ..] if a.is_ascii_digit());
        let is_error = match words.next()? {
            b"stdout" => false,
            b"stderr" => true,
            _ => return None,
        };
        let is_part = match words.next()?.split(|byte| *byte == b':').next()? {
            b"P" => true,
            b"F" => false,
            _ => return None,
        };
        let text = words.next().unwrap_or_default();
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        is_date.then_some(Self {
            is_error,
            is_part,
            text,
        })
    }
}

/// Whether a line is one of a CRI log.
pub fn is_cri(line: &[u8]) -> bool {
    CriLine::parse(line).is_some()
}

impl Rewrite for Cri {
    fn line(&mut self, line: &[u8], to: &mut Vec<u8>) {
        let Some(line) = CriLine::parse(line) else {
            to.extend_from_slice(line);
            return;
        };
        let stream = usize::from(line.is_error);
        let parts = &mut self.parts[stream];
        append(parts, line.text);
        if line.is_part {
            return;
        }
        let text = std::mem::take(parts);
        if line.is_error && !torn::may_hold_event(&text) {
            to.extend_from_slice(OTHER);
            return;
        }
        // The first parts of the first line may be in another file. What a caller wrote into the
        // rest of them is no event.
        let is_first = !std::mem::replace(&mut self.has_begun[stream], true);
        if (is_first || is_punctuated(&text)) && is_no_json(&text) {
            to.push(b':');
        }
        to.extend(text);
    }

    fn end(&mut self, to: &mut Vec<u8>) {
        for text in self.parts.iter_mut().filter(|text| !text.is_empty()) {
            to.append(text);
            to.push(b'\n');
        }
    }
}

/// Whether a text is not even the beginning of JSON.
fn is_no_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_err_and(|error| !error.is_eof())
}

fn is_punctuated(text: &[u8]) -> bool {
    text.first().is_some_and(|first| b",:[]}".contains(first))
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// Joins the parts of the lines of Docker's log files.
#[derive(Default)]
pub struct Docker {
    parts: Parts,
}

/// A line of a log of Docker's, or what a shipper made of one.
#[derive(Deserialize)]
struct DockerLine<'l> {
    #[serde(borrow)]
    log: &'l RawValue,
    #[serde(borrow)]
    stream: Cow<'l, str>,
}

impl<'l> DockerLine<'l> {
    fn parse(line: &'l [u8]) -> Option<Self> {
        let line: Self = serde_json::from_slice(line).ok()?;
        line.log.get().starts_with('"').then_some(line)
    }

    /// The text as JSON has it, without quotation marks.
    fn text(&self) -> &'l str {
        let text = self.log.get();
        &text[1..text.len() - 1]
    }
}

/// Whether a line is one of Docker's log files, as far as it goes.
pub fn is_docker(line: &[u8]) -> bool {
    let begins = |line: &[u8]| {
        let line = line.strip_prefix(b"{")?.trim_ascii_start();
        let line = line.strip_prefix(b"\"log\"")?.trim_ascii_start();
        Some(line.starts_with(b":"))
    };
    begins(line) == Some(true) || DockerLine::parse(line).is_some()
}

impl Rewrite for Docker {
    fn line(&mut self, line: &[u8], to: &mut Vec<u8>) {
        let Some(parsed) = DockerLine::parse(line) else {
            to.extend_from_slice(line);
            return;
        };
        let parts = &mut self.parts[usize::from(parsed.stream == "stderr")];
        let text = parsed.text();
        let ends = text.ends_with("\\n");
        if parts.is_empty() && (ends || is_document(text.as_bytes())) {
            to.extend_from_slice(line);
            return;
        }
        if !parts.is_empty() && is_document(text.as_bytes()) {
            // Whole by itself, so that what stands before it never ended.
            wrap(parts, to);
            to.extend_from_slice(line);
            return;
        }
        append(parts, text.as_bytes());
        if ends || is_document(parts) {
            wrap(parts, to);
        }
    }

    fn end(&mut self, to: &mut Vec<u8>) {
        for text in self.parts.iter_mut().filter(|text| !text.is_empty()) {
            wrap(text, to);
            to.push(b'\n');
        }
    }
}

/// Whether some text within JSON is a whole object.
fn is_document(text: &[u8]) -> bool {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    quoted.push(b'"');
    quoted.extend_from_slice(text);
    quoted.push(b'"');
    let unquoted = serde_json::from_slice::<Cow<'_, str>>(&quoted);
    unquoted.is_ok_and(|text| text.trim_start().starts_with('{') && is_json(text.as_bytes()))
}

/// Writes joined text as Docker would have done with a whole line.
fn wrap(text: &mut Vec<u8>, to: &mut Vec<u8>) {
    to.extend_from_slice(b"{\"log\":\"");
    to.append(text);
    to.extend_from_slice(b"\"}");
}

#[cfg(test)]
mod tests;
