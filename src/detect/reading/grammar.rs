//! Whether tokens stand where JSON lets them stand, for a whole block at once.
//!
//! Every rule says what may follow what. To follow a token is to be the next byte after it that
//! is no white space; an addition finds it, since its carry runs through the white space.

use super::{Refused, leading_blanks, tokens::Tokens};

/// How many brackets are open in a block.
#[derive(Clone, Copy, Debug)]
pub struct Depths {
    /// No fewer, those at its beginning included.
    pub lowest: u32,
    /// Those at its end.
    pub last: u32,
}

/// What the blocks so far leave to the next one.
#[derive(Debug, Default)]
pub struct Grammar {
    /// For each open bracket whether it is a brace, the innermost in the lowest bit.
    braces: u64,
    depth: u32,
    after_open: Follower,
    after_comma: Follower,
    after_colon: Follower,
    after_key: Follower,
    after_value: Follower,
    in_key: bool,
    in_scalar: bool,
}

impl Grammar {
    /// Checks the block that begins at `start`, or refuses the document.
    #[inline(always)]
    pub fn check(
        &mut self,
        source: &[u8],
        start: usize,
        tokens: &Tokens,
    ) -> Result<Depths, Refused> {
        let (objects, depths) = if tokens.opens | tokens.closes == 0 {
            let (lowest, last) = (self.depth, self.depth);
            (all_if(self.braces & 1), Depths { lowest, last })
        } else if let Some(depths) = self.only_braces(tokens) {
            (!0, depths)
        } else {
            self.objects(source, start, tokens)?
        };
        // Compact documents have no white space: that half the work need not be done for them.
        let misplaced = match tokens.blanks {
            0 => self.misplaced(
                &Tokens {
                    blanks: 0,
                    ..*tokens
                },
                objects,
            ),
            _ => self.misplaced(tokens, objects),
        };
        match misplaced {
            0 => Ok(depths),
            _ => Err(Refused),
        }
    }

    /// Whether all brackets are closed.
    pub fn is_complete(&self) -> bool {
        self.depth == 0
    }

    /// Counts the brackets of a block that never leaves the objects around it for a list or for the
    /// end of the document: all of it stands in objects then.
    #[inline(always)]
    fn only_braces(&mut self, tokens: &Tokens) -> Option<Depths> {
        let (opens, closes) = (tokens.opens.count_ones(), tokens.closes.count_ones());
        let stays = closes < self.braces.trailing_ones() && self.depth + opens <= u64::BITS;
        if tokens.has_squares || !stays {
            return None;
        }
        let lowest = self.depth - closes;
        self.depth = lowest + opens;
        // At least one brace is left of those before, so that neither shift is by all bits.
        self.braces = self.braces >> closes << opens | !(!0 << opens);
        let last = self.depth;
        Some(Depths { lowest, last })
    }

    /// The bytes that stand in an object and in no list within it. A bracket that opens stands in
    /// what is around it, one that closes in what it ends. The outermost ends with the document.
    #[inline(always)]
    fn objects(
        &mut self,
        source: &[u8],
        start: usize,
        tokens: &Tokens,
    ) -> Result<(u64, Depths), Refused> {
        let mut objects = all_if(self.braces & 1);
        let mut lowest = self.depth;
        let mut is_wrong = false;
        let mut brackets = tokens.opens | tokens.closes;
        while brackets != 0 {
            let at = brackets.trailing_zeros();
            let place = start + at as usize;
            let opens = tokens.opens >> at & 1 == 1;
            // `{` and `}` have this bit, `[` and `]` have not.
            let is_brace = u64::from(source[place] >> 5 & 1);
            is_wrong |= !opens & (self.braces & 1 != is_brace);
            let (more, fewer) = (self.braces << 1 | is_brace, self.braces >> 1);
            self.braces = if opens { more } else { fewer };
            self.depth = self.depth.wrapping_add(if opens { 1 } else { !0 });
            is_wrong |= self.depth > u64::BITS;
            if self.depth == 0 {
                let rest = &source[place + 1..];
                is_wrong |= leading_blanks(rest) < rest.len();
            }
            lowest = lowest.min(self.depth);
            let beyond = !1 << at;
            objects = objects & !beyond | all_if(self.braces & 1) & beyond;
            brackets &= brackets - 1;
        }
        let last = self.depth;
        match is_wrong {
            true => Err(Refused),
            false => Ok((objects, Depths { lowest, last })),
        }
    }

    /// The tokens that stand where they must not, or the places where others must stand.
    #[inline(always)]
    fn misplaced(&mut self, tokens: &Tokens, objects: u64) -> u64 {
        let Tokens {
            strings,
            opening,
            closing,
            opens,
            closes,
            colons,
            commas,
            scalars,
            blanks,
            backslashes: _,
            has_squares: _,
        } = *tokens;
        let after_open = self.after_open.find(opens << 1, opens, blanks);
        let after_comma = self.after_comma.find(commas << 1, commas, blanks);
        let after_colon = self.after_colon.find(colons << 1, colons, blanks);
        let first = after_open | after_comma;
        let keys = first & objects & opening;
        let key_ends = self.string_ends(keys, strings);
        let after_key = self.after_key.find(key_ends << 1, key_ends, blanks);
        let value_ends = closing & !key_ends | closes;
        let after_scalars = (scalars << 1 | u64::from(self.in_scalar)) & !scalars;
        self.in_scalar = scalars >> 63 == 1;
        let after_values = value_ends << 1 | after_scalars;
        let after_value = self.after_value.find(after_values, value_ends, blanks);

        let values = opening | opens | scalars;
        let nothing = after_open & closes;
        first & objects & !(keys | nothing)
            | first & !objects & !(values | nothing)
            | after_colon & !values
            | after_key ^ colons
            | after_value & !(commas | closes)
    }

    /// The quotes that close the strings which these quotes open.
    #[inline(always)]
    fn string_ends(&mut self, openings: u64, strings: u64) -> u64 {
        let (sum, carry) = strings.overflowing_add(openings);
        let (sum, carry_in) = sum.overflowing_add(u64::from(self.in_key));
        self.in_key = carry || carry_in;
        sum & !strings
    }
}

/// All bits, or none.
fn all_if(bit: u64) -> u64 {
    0_u64.wrapping_sub(bit)
}

/// Finds what follows tokens of one kind: whether one is still to be followed.
#[derive(Debug, Default)]
struct Follower(bool);

impl Follower {
    /// What follows, given the bytes right after the tokens of a block, and where they end.
    #[inline(always)]
    fn find(&mut self, next: u64, ends: u64, blanks: u64) -> u64 {
        let next = next | u64::from(self.0);
        let (sum, carry) = blanks.overflowing_add(next & blanks);
        self.0 = carry || ends >> 63 == 1;
        (next | sum) & !blanks
    }
}
