//! Documents made by chance: valid ones in every way to write them, then some of them damaged.

use crate::detect::chance::Chance;

const NAMES: [&str; 9] = [
    "a",
    "b",
    "c",
    "d",
    "x",
    "",
    "a.b/c",
    "ü",
    "long name of a member",
];

const ODD_NAMES: [&str; 3] = ["k.x", "\\u0061", "q\\\""];

const STRINGS: [&str; 13] = [
    "",
    "x",
    "get",
    "ü",
    "\u{1f600}",
    "\u{7f}",
    "\\u0026",
    "\\\\",
    "\\\"",
    "\\n\\t\\/",
    "[{,:}]",
    "a text that is longer than sixteen bytes, as many are",
    "/api/v1/namespaces/shop/pods/web-0/exec?command=id\\u0026container=app\\u0026stdin=true",
];

const ODD_STRINGS: [&str; 3] = ["{\\\"a\\\":1}", " [", "\\ud83d\\ude00"];

const SCALARS: [&str; 14] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-17",
    "12345678901234567",
    "18446744073709551615",
    "18446744073709551616",
    "1.50",
    "-0.0",
    "0.1",
    "123456789012345678901234567890",
];

const ODD_SCALARS: [&str; 2] = ["1e3", "2E-2"];

/// What damage is made of.
const PIECES: [&[u8]; 24] = [
    b"\"", b"\\", b"{", b"}", b"[", b"]", b",", b":", b" ", b"\n", b"\t", b"\x00", b"\x0c",
    b"\x1f", b"\xff", b"\xc3", b"1", b"-", b".", b"e", b"t", b"null", b"\\u00", b"\"a\":",
];

/// A document.
pub fn document(chance: &mut Chance) -> Vec<u8> {
    let mut text = String::new();
    let is_spaced = chance.percent(25);
    if chance.percent(40) {
        text.push_str(&format!(
            "{{\"x\":\"{}\",\"y\":",
            "y".repeat(chance.below(70))
        ));
        value(chance, &mut text, 4, is_spaced);
        text.push(',');
        members(chance, &mut text, 5, is_spaced);
        if text.ends_with(',') {
            text.pop();
        }
        text.push('}');
    } else {
        object(chance, &mut text, 5, is_spaced);
    }
    let mut bytes = text.into_bytes();
    if chance.percent(40) {
        for _ in 0..=chance.below(3) {
            damage(chance, &mut bytes);
        }
    }
    bytes
}

fn value(chance: &mut Chance, text: &mut String, depth: usize, is_spaced: bool) {
    match chance.below(if depth == 0 { 5 } else { 10 }) {
        0 => text.push_str(usual(chance, &SCALARS, &ODD_SCALARS)),
        1..5 => {
            let content = usual(chance, &STRINGS, &ODD_STRINGS);
            text.push_str(&format!("\"{content}\""));
        }
        5..8 => object(chance, text, depth - 1, is_spaced),
        _ => list(chance, text, depth - 1, is_spaced),
    }
}

fn object(chance: &mut Chance, text: &mut String, depth: usize, is_spaced: bool) {
    text.push('{');
    members(chance, text, depth, is_spaced);
    text.push('}');
}

fn members(chance: &mut Chance, text: &mut String, depth: usize, is_spaced: bool) {
    let mut names = NAMES.to_vec();
    for number in 0..chance.below(6) {
        if number > 0 {
            text.push(',');
        }
        let at = chance.below(names.len());
        let name = match chance.below(200) {
            0 => *chance.one_of(&ODD_NAMES),
            1 => names[at],
            _ => names.swap_remove(at),
        };
        space(chance, text, is_spaced);
        text.push_str(&format!("\"{name}\""));
        space(chance, text, is_spaced);
        text.push(':');
        space(chance, text, is_spaced);
        value(chance, text, depth, is_spaced);
        space(chance, text, is_spaced);
    }
}

fn list(chance: &mut Chance, text: &mut String, depth: usize, is_spaced: bool) {
    text.push('[');
    for number in 0..chance.below(4) {
        if number > 0 {
            text.push(',');
        }
        space(chance, text, is_spaced);
        value(chance, text, depth, is_spaced);
        space(chance, text, is_spaced);
    }
    text.push(']');
}

fn space(chance: &mut Chance, text: &mut String, is_spaced: bool) {
    if is_spaced && chance.percent(40) {
        let most = if chance.percent(3) { 140 } else { 4 };
        for _ in 0..chance.below(most) {
            text.push([' ', '\n', '\t', '\r'][chance.below(4)]);
        }
    }
}

/// One of the usual things, now and then an odd one, which is refused.
fn usual<'t>(chance: &mut Chance, usual: &[&'t str], odd: &[&'t str]) -> &'t str {
    let things = if chance.percent(2) { odd } else { usual };
    things[chance.below(things.len())]
}

/// Leaves something out, repeats it, or puts something else there.
fn damage(chance: &mut Chance, bytes: &mut Vec<u8>) {
    let from = chance.below(bytes.len().max(1)).min(bytes.len());
    let to = (from + chance.below(3)).min(bytes.len());
    let piece = match chance.below(4) {
        0 => Vec::new(),
        1 => bytes[from..to].repeat(2),
        _ => chance.one_of(&PIECES).to_vec(),
    };
    bytes.splice(from..to, piece);
}
