//! Texts that hold JSON: one value, several behind one another, or one of which the end is missing.

use serde_json::{Value, value::RawValue};

use crate::detect::{document::Rejection, json};

/// A part of a text.
#[derive(Debug)]
pub(super) enum Piece {
    /// JSON.
    Whole(Value),
    /// No JSON, or not all of it.
    Torn(String),
}

/// The content of a text.
#[derive(Debug)]
pub(super) enum Text {
    /// JSON and nothing else.
    Json(Value),
    /// Something else in its parts, and why it is not JSON.
    Pieces(Vec<Piece>, Rejection),
}

/// The JSON that a text begins with, behind what a container runtime puts before each line.
pub(super) fn json_in(text: &str) -> Option<&str> {
    let begins = |text: &&str| text.starts_with(['{', '[']);
    let text = text.trim_start_matches(is_between);
    Some(text)
        .filter(begins)
        .or_else(|| without_runtime_prefix(text).filter(begins))
}

/// Reads a text of whatever length detection accepts.
pub(super) fn pieces(source: &[u8]) -> Result<Text, Rejection> {
    let rejection = match json::parse(source) {
        Ok(value) => return Ok(Text::Json(value)),
        Err(too_large @ Rejection::TooLarge { .. }) => return Err(too_large),
        Err(rejection) => rejection,
    };
    let text = String::from_utf8_lossy(source);
    let mut pieces = Vec::new();
    // A line break stands in no JSON string, so a line that begins with a brace begins a document,
    // even if the one before does not end.
    let mut lines = &*text;
    while !lines.is_empty() {
        let end = lines.find("\n{").map_or(lines.len(), |at| at + 1);
        let (line, rest) = lines.split_at(end);
        add_pieces(line, &mut pieces);
        lines = rest;
    }
    Ok(Text::Pieces(pieces, rejection))
}

fn add_pieces(line: &str, pieces: &mut Vec<Piece>) {
    let mut rest = line.trim_start_matches(is_between);
    while let Some(text) = json_in(rest) {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
        let Some(Ok(value)) = values.next() else {
            break;
        };
        let Ok(value) = json::parse(value.get().as_bytes()) else {
            break;
        };
        pieces.push(Piece::Whole(value));
        rest = text[values.byte_offset()..].trim_start_matches(is_between);
    }
    if !rest.is_empty() {
        let torn = json_in(rest).unwrap_or(rest).to_owned();
        pieces.push(Piece::Torn(torn));
    }
}

/// Characters that may stand between documents.
fn is_between(character: char) -> bool {
    character.is_ascii_whitespace() || matches!(character, ',' | '\u{1e}' | '\u{0}' | '\u{feff}')
}

/// A line without the time, stream and tag of CRI: `2026-11-01T10:00:01Z stdout F {…}`.
fn without_runtime_prefix(line: &str) -> Option<&str> {
    let mut parts = line.splitn(4, ' ');
    let (_time, stream, tag) = (parts.next()?, parts.next()?, parts.next()?);
    let is_prefix = matches!(stream, "stdout" | "stderr") && tag.starts_with(['F', 'P']);
    parts.next().filter(|_| is_prefix)
}
