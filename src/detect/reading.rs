//! One pass over the bytes of a document that finds the wanted values and skips the rest.
//!
//! The pass reads 64 bytes at a time. [`block`] sorts them into masks of one bit for each byte,
//! [`tokens`] takes strings out of the masks, [`grammar`] checks with a few operations on whole
//! masks that tokens stand where they may, and [`walk`] goes from name to name through those
//! objects that hold something wanted.
//!
//! A document that is read here is valid JSON, what is skipped included, and `serde_json` finds
//! the same values in it. Whatever is rare or doubtful is refused instead, for the general parser
//! to decide: exponents, surrogate pairs, wanted names that are repeated or written with escapes.

mod block;
mod flat;
mod grammar;
mod leaves;
mod plan;
mod scalar;
mod skip;
#[cfg(test)]
mod tests;
mod tokens;
mod walk;

use block::{Block, SIZE};
use grammar::Grammar;
use tokens::Lexer;
use walk::Walk;

pub use self::{
    flat::FLAT,
    leaves::Leaves,
    plan::{NodeId, Plan, ROOT},
    scalar::{is_plain_integer, unescape_long},
    skip::object_length,
};
use super::json::SIZE_LIMIT;

/// The document is not read here. It may be valid nevertheless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// Reads a document that holds an object. The places of the leaves are those in the text that is
/// given back.
pub fn read<'d>(text: &'d str, plan: &Plan, leaves: &mut Leaves) -> Result<&'d str, Refused> {
    let text = &text[leading_blanks(text.as_bytes())..];
    let source = text.as_bytes();
    if source.first() != Some(&b'{') || source.len() > SIZE_LIMIT {
        return Err(Refused);
    }
    let (mut lexer, mut grammar) = (Lexer::default(), Grammar::default());
    let mut walk = Walk::new(text, plan, leaves);
    let (blocks, rest) = source.as_chunks::<SIZE>();
    let mut last = [b' '; SIZE];
    last[..rest.len()].copy_from_slice(rest);
    for number in 0..=blocks.len() {
        let start = number * SIZE;
        let block = Block::new(blocks.get(number).unwrap_or(&last));
        let tokens = lexer.tokens(source, start, &block)?;
        let depths = grammar.check(source, start, &tokens)?;
        walk.advance(start, &tokens, depths)?;
    }
    let is_doubtful = leaves.is_root_doubtful && leaves.home().is_none_or(|home| home == ROOT);
    match lexer.is_outside() && grammar.is_complete() && !is_doubtful {
        true => Ok(text),
        false => Err(Refused),
    }
}

/// How many bytes of the white space of JSON a text begins with.
fn leading_blanks(text: &[u8]) -> usize {
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    text.iter().take_while(is_blank).count()
}
