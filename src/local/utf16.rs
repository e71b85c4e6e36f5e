//! UTF-16, which PowerShell redirects output in.

use std::io::{self, Read};

const CHUNK: usize = 64 * 1024;

/// The order of the bytes of UTF-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The low byte first.
    Little,
    /// The high byte first.
    Big,
}

impl Order {
    /// The order of an input that begins so, if it is UTF-16: by its mark, or by the zeros of its
    /// first two characters.
    pub fn of(head: &[u8]) -> Option<Self> {
        match *head {
            [0xff, 0xfe, ..] => Some(Self::Little),
            [0xfe, 0xff, ..] => Some(Self::Big),
            [1..0x80, 0, 1..0x80, 0, ..] => Some(Self::Little),
            [0, 1..0x80, 0, 1..0x80, ..] => Some(Self::Big),
            _ => None,
        }
    }
}

/// The UTF-8 of a reader of UTF-16. What is no character becomes U+FFFD.
pub struct Utf16<R> {
    reader: R,
    order: Order,
    /// Bytes that are no whole character yet.
    raw: Vec<u8>,
    text: Vec<u8>,
    used: usize,
}

impl<R: Read> Utf16<R> {
    /// Decodes a reader.
    pub fn new(reader: R, order: Order) -> Self {
        Self {
            reader,
            order,
            raw: Vec::new(),
            text: Vec::new(),
            used: 0,
        }
    }

    fn unit(&self, bytes: [u8; 2]) -> u16 {
        match self.order {
            Order::Little => u16::from_le_bytes(bytes),
            Order::Big => u16::from_be_bytes(bytes),
        }
    }

    /// Decodes all but a half of a character that may go on, unless this is the end.
    fn decode(&mut self, is_end: bool) {
        let (pairs, rest) = self.raw.as_chunks::<2>();
        let mut units: Vec<_> = pairs.iter().map(|pair| self.unit(*pair)).collect();
        let mut kept = rest.len();
        if !is_end
            && units
                .pop_if(|unit| matches!(unit, 0xd800..0xdc00))
                .is_some()
        {
            kept += 2;
        }
        let mut text: String = char::decode_utf16(units)
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        if is_end && kept > 0 {
            text.push(char::REPLACEMENT_CHARACTER);
        }
        self.raw.drain(..self.raw.len() - kept);
        (self.text, self.used) = (text.into_bytes(), 0);
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.used == self.text.len() {
            let held = self.raw.len();
            self.raw.resize(held + CHUNK, 0);
            let read = self.reader.read(&mut self.raw[held..]);
            self.raw
                .truncate(held + read.as_ref().map_or(0, |read| *read));
            if read? > 0 {
                self.decode(false);
            } else if self.raw.is_empty() {
                return Ok(0);
            } else {
                self.decode(true);
                self.raw.clear();
            }
        }
        let read = (&self.text[self.used..]).read(buffer)?;
        self.used += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_order_is_read_whatever_the_size_of_the_pieces() {
        let text = "\u{feff}{\"a\":\"é😀\"}\r\n".repeat(3);
        for order in [Order::Little, Order::Big] {
            let bytes: Vec<u8> = text
                .encode_utf16()
                .flat_map(|unit| match order {
                    Order::Little => unit.to_le_bytes(),
                    Order::Big => unit.to_be_bytes(),
                })
                .collect();
            assert_eq!(Order::of(&bytes), Some(order));
            assert_eq!(Order::of(&bytes[2..]), Some(order), "without a mark");
            for gives in [1, 3, 1_000] {
                let pieces = bytes
                    .chunks(gives)
                    .fold(Box::new(io::empty()) as Box<dyn Read>, |before, piece| {
                        Box::new(before.chain(piece))
                    });
                let mut decoded = String::new();
                let mut reader = Utf16::new(pieces, order);
                reader.read_to_string(&mut decoded).expect("it is UTF-8");
                assert_eq!(decoded, text);
            }
        }
    }

    #[test]
    fn what_is_no_character_is_replaced() {
        let mut decoded = String::new();
        let bytes = [0x41, 0, 0, 0xd8, 0x42, 0, 0x43];
        let mut reader = Utf16::new(&bytes[..], Order::Little);
        reader.read_to_string(&mut decoded).expect("it is UTF-8");
        assert_eq!(decoded, "A\u{fffd}B\u{fffd}");
    }
}
