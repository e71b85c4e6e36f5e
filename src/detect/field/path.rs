//! The syntax of field paths: `a.b["c.d"].e`.

use super::schema;

/// Splits a path into its keys, or tells what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Vec<String>, String> {
    let mut keys = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        keys.push(plain_key(key)?);
        rest = after;
        while let Some(inner) = rest.strip_prefix('[') {
            let (key, after) = bracketed_key(inner)?;
            keys.push(key);
            rest = after;
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Ok(keys),
            None => return Err("a closing bracket must be followed by \".\" or \"[\"".to_owned()),
        }
    }
}

fn plain_key(key: &str) -> Result<String, String> {
    if key.is_empty() {
        return Err("a key is empty".to_owned());
    }
    match key.chars().find(|&sign| !is_plain(sign)) {
        Some(sign) => Err(format!(
            "a key with {sign:?} must stand in brackets and quotes, as in annotations[\"a.b/c\"]"
        )),
        None => Ok(key.to_owned()),
    }
}

fn is_plain(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-' | '/' | '$' | '@' | ':')
}

fn bracketed_key(inner: &str) -> Result<(String, &str), String> {
    let quote = match inner.chars().next() {
        Some(quote @ ('"' | '\'')) => quote,
        Some(sign) if sign.is_ascii_digit() || sign == '*' => {
            return Err("a path goes through lists by itself, so it has no indices".to_owned());
        }
        _ => {
            return Err(
                "a bracket must hold a quoted key, as in annotations[\"a.b/c\"]".to_owned(),
            );
        }
    };
    let inner = &inner[1..];
    let end = inner
        .find(quote)
        .ok_or_else(|| format!("the quote {quote} is not closed"))?;
    let (key, after) = inner.split_at(end);
    if key.is_empty() {
        return Err("a key is empty".to_owned());
    }
    if key.chars().any(|sign| sign.is_control() || sign == '"') {
        return Err("a key holds a quote or a control character".to_owned());
    }
    match after[1..].strip_prefix(']') {
        Some(after) => Ok((key.to_owned(), after)),
        None => Err("the bracket is not closed".to_owned()),
    }
}

/// Joins what follows `labels`, `annotations` and their like to one key.
pub(super) fn join_dotted_keys(mut path: Vec<String>) -> Vec<String> {
    let Some(at) = path.iter().position(|key| schema::has_dotted_keys(key)) else {
        return path;
    };
    let key = path.split_off(at + 1);
    if !key.is_empty() {
        path.push(key.join("."));
    }
    path
}

/// The canonical text of a path below `prefix`.
pub(super) fn display(prefix: &str, path: &[String]) -> String {
    let mut text = prefix.to_owned();
    for key in path {
        if !key.chars().all(is_plain) {
            text.push_str(&format!("[\"{key}\"]"));
            continue;
        }
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(key);
    }
    text
}
