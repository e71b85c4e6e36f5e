//! Sixty-four bytes of a document at a time: which of them are what, one bit for each byte.

use wide::u8x32;

/// Bytes of a block, and bits of its masks; the first byte is the lowest bit.
pub const SIZE: usize = 64;

/// The bytes that mean something in JSON, wherever they stand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Block {
    /// `"`
    pub quotes: u64,
    /// `\`
    pub backslashes: u64,
    /// `{` and `[`
    pub opens: u64,
    /// `}` and `]`
    pub closes: u64,
    /// `:`
    pub colons: u64,
    /// `,`
    pub commas: u64,
    /// Blanks and everything below: white space, or control characters.
    pub blanks: u64,
    /// Whether there is anything below the blank.
    pub has_controls: bool,
    /// Whether there is a `[` or a `]`.
    pub has_squares: bool,
}

impl Block {
    /// Sorts the bytes.
    #[inline(always)]
    pub fn new(bytes: &[u8; SIZE]) -> Self {
        let mut block = Self::default();
        let (mut least, mut backslashes) = (u8x32::splat(u8::MAX), u8x32::splat(0));
        let mut squares = u8x32::splat(0);
        for (part, bytes) in bytes.as_chunks::<32>().0.iter().enumerate() {
            let bytes = u8x32::new(*bytes);
            // `[` and `{`, and likewise `]` and `}`, differ in this bit alone.
            let folded = bytes | u8x32::splat(0x20);
            let bits = |mask: u8x32| u64::from(mask.to_bitmask()) << (32 * part);
            let is = |byte| bits(bytes.simd_eq(u8x32::splat(byte)));
            block.quotes |= is(b'"');
            block.colons |= is(b':');
            block.commas |= is(b',');
            block.opens |= bits(folded.simd_eq(u8x32::splat(b'{')));
            block.closes |= bits(folded.simd_eq(u8x32::splat(b'}')));
            block.blanks |= bits(bytes.min(u8x32::splat(b' ')).simd_eq(bytes));
            least = least.min(bytes);
            backslashes |= bytes.simd_eq(u8x32::splat(b'\\'));
            squares |= bytes.simd_eq(u8x32::splat(b'[')) | bytes.simd_eq(u8x32::splat(b']'));
        }
        block.has_squares = squares.any();
        block.has_controls = least.min(u8x32::splat(0x1f)).simd_eq(least).any();
        if backslashes.any() {
            block.backslashes = mask_of(bytes, b'\\');
        }
        block
    }
}

/// Where a byte stands.
pub fn mask_of(bytes: &[u8; SIZE], byte: u8) -> u64 {
    let bits =
        |part: &[u8; 32]| u64::from(u8x32::new(*part).simd_eq(u8x32::splat(byte)).to_bitmask());
    let parts = bytes.as_chunks::<32>().0.iter().enumerate();
    parts.fold(0, |mask, (part, bytes)| mask | bits(bytes) << (32 * part))
}
