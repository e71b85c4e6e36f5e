//! The tokens of a block: what stands outside strings, and where strings begin and end.

use super::{Refused, block::Block, scalar};

/// Masks over the bytes of one block.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tokens {
    /// Strings, with the quote that opens them, without the one that closes them.
    pub strings: u64,
    /// Quotes that open a string.
    pub opening: u64,
    /// Quotes that close one.
    pub closing: u64,
    /// `{` and `[`
    pub opens: u64,
    /// `}` and `]`
    pub closes: u64,
    /// `:`
    pub colons: u64,
    /// `,`
    pub commas: u64,
    /// Numbers and literals.
    pub scalars: u64,
    /// White space.
    pub blanks: u64,
    /// Those of escapes, within strings.
    pub backslashes: u64,
    /// Whether brackets may be square; where not, all are braces.
    pub has_squares: bool,
}

/// Finds tokens, one block after the other.
#[derive(Debug, Default)]
pub struct Lexer {
    /// All bits, if the block before ended within a string.
    inside: u64,
    /// Whether the block before ended in a backslash that takes away the meaning of what follows.
    escapes: bool,
    /// Whether the block before ended in a scalar.
    in_scalar: bool,
}

impl Lexer {
    /// The tokens of the block that begins at `start`. Strings and scalars are valid, or the
    /// document is refused.
    #[inline(always)]
    pub fn tokens(
        &mut self,
        source: &[u8],
        start: usize,
        block: &Block,
    ) -> Result<Tokens, Refused> {
        let quotes = block.quotes & !self.escaped(source, start, block)?;
        let strings = prefix_xor(quotes) ^ self.inside;
        self.inside = (strings as i64 >> 63) as u64;
        if block.has_controls {
            check_controls(source, start, block.blanks, strings)?;
        }
        let outside = !(strings | quotes);
        let marks = block.opens | block.closes | block.colons | block.commas | block.blanks;
        let tokens = Tokens {
            strings,
            opening: quotes & strings,
            closing: quotes & !strings,
            opens: block.opens & outside,
            closes: block.closes & outside,
            colons: block.colons & outside,
            commas: block.commas & outside,
            scalars: outside & !marks,
            blanks: block.blanks & outside,
            backslashes: block.backslashes,
            has_squares: block.has_squares,
        };
        self.check_scalars(source, start, tokens.scalars)?;
        Ok(tokens)
    }

    /// Whether the last string is closed.
    pub fn is_outside(&self) -> bool {
        self.inside == 0
    }

    /// The bytes whose meaning a backslash takes away.
    #[inline(always)]
    fn escaped(&mut self, source: &[u8], start: usize, block: &Block) -> Result<u64, Refused> {
        // Where JSON stands in text, nearly all escapes are quotes.
        let next = block.backslashes << 1;
        let has_quotes_only = next & !block.quotes == 0 && block.backslashes >> 63 == 0;
        if has_quotes_only && !self.escapes {
            return Ok(next);
        }
        self.escaped_by_any(source, start, block.backslashes)
    }

    fn escaped_by_any(
        &mut self,
        source: &[u8],
        start: usize,
        backslashes: u64,
    ) -> Result<u64, Refused> {
        let mut escaped = u64::from(std::mem::take(&mut self.escapes));
        let mut rest = backslashes & !escaped;
        while rest != 0 {
            let at = rest.trailing_zeros();
            scalar::check_escape(&source[start + at as usize..])?;
            let next = if at == 63 { 0 } else { 2 << at };
            self.escapes = at == 63;
            escaped |= next;
            rest &= (rest - 1) & !next;
        }
        Ok(escaped)
    }

    fn check_scalars(&mut self, source: &[u8], start: usize, scalars: u64) -> Result<(), Refused> {
        let mut starts = scalars & !(scalars << 1 | u64::from(self.in_scalar));
        self.in_scalar = scalars >> 63 == 1;
        while starts != 0 {
            scalar::check(&source[start + starts.trailing_zeros() as usize..])?;
            starts &= starts - 1;
        }
        Ok(())
    }
}

/// Each bit is the parity of the bits up to and with it: set from a quote to the one that closes.
pub fn prefix_xor(mut bits: u64) -> u64 {
    for distance in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << distance;
    }
    bits
}

/// Strings hold no control characters; between tokens three of them are white space.
#[cold]
fn check_controls(source: &[u8], start: usize, blanks: u64, strings: u64) -> Result<(), Refused> {
    let mut blanks = blanks;
    while blanks != 0 {
        let at = blanks.trailing_zeros();
        let is_allowed = match source.get(start + at as usize) {
            Some(b'\t' | b'\n' | b'\r') => strings >> at & 1 == 0,
            Some(byte) => *byte == b' ',
            None => true,
        };
        if !is_allowed {
            return Err(Refused);
        }
        blanks &= blanks - 1;
    }
    Ok(())
}
