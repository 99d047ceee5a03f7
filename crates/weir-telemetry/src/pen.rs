//! Where a line is written before it is passed on: a fixed buffer and a position.
//!
//! Invariants: a line has at most [`CAPACITY`] bytes; a piece that does not fit is left out, and
//! the newline takes the place of the last byte if it must.

use std::fmt::{self, Write as _};

/// Bytes of the longest line.
pub(crate) const CAPACITY: usize = 64 * 1024;

/// The three digits of every number below 1000. Most numbers of a record are that short.
static DIGITS: [[u8; 4]; 1_000] = {
    let mut table = [[0; 4]; 1_000];
    let mut n = 0;
    while n < table.len() {
        table[n] = [b'0' + (n / 100) as u8, b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8, 0];
        n += 1;
    }
    table
};

/// A line in the making.
#[derive(Clone, Debug)]
pub(crate) struct Pen {
    bytes: Box<[u8; CAPACITY]>,
    len: usize,
}

impl Pen {
    pub(crate) fn new() -> Self {
        Self { bytes: Box::new([0; CAPACITY]), len: 0 }
    }

    /// Begins a new line.
    pub(crate) fn restart(&mut self) {
        self.len = 0;
    }

    /// Ends the line and shows it.
    pub(crate) fn end_line(&mut self) -> &[u8] {
        let len = self.len.min(CAPACITY - 1);
        self.bytes[len] = b'\n';
        &self.bytes[..=len]
    }

    /// What is written so far.
    pub(crate) fn written(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Writes another byte in the place of the first.
    pub(crate) fn set_first(&mut self, byte: u8) {
        self.bytes[0] = byte;
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.block(&[byte], 1);
    }

    pub(crate) fn text(&mut self, text: &[u8]) {
        if let Some(place) = self.bytes[self.len..].get_mut(..text.len()) {
            place.copy_from_slice(text);
            self.len += text.len();
        }
    }

    /// Writes the first `len` bytes of `block`. Its size is fixed, so that it is stored with one
    /// instruction or two; that is why a short piece is better written as a block than as a text.
    #[inline]
    pub(crate) fn block<const N: usize>(&mut self, block: &[u8; N], len: usize) {
        if self.len <= CAPACITY - N {
            self.bytes[self.len..self.len + N].copy_from_slice(block);
            self.len += len;
        }
    }

    /// Writes a number in decimal.
    #[inline]
    pub(crate) fn number(&mut self, number: u64) {
        if number < 1_000 { self.short_number(number) } else { self.long_number(number) }
    }

    /// Writes an octet in decimal, and the separator behind it.
    #[inline]
    pub(crate) fn octet(&mut self, octet: u8, separator: u8) {
        let zeros = usize::from(octet < 100) + usize::from(octet < 10);
        let digits = u32::from_le_bytes(DIGITS[octet as usize]) | u32::from(separator) << 24;
        self.block(&(digits >> (8 * zeros)).to_le_bytes(), 4 - zeros);
    }

    #[inline]
    fn short_number(&mut self, number: u64) {
        let zeros = usize::from(number < 100) + usize::from(number < 10);
        let digits = u32::from_le_bytes(DIGITS[number as usize]) >> (8 * zeros);
        self.block(&digits.to_le_bytes(), 3 - zeros);
    }

    #[inline(never)]
    fn long_number(&mut self, number: u64) {
        if number < 1_000_000 {
            self.short_number(number / 1_000);
            self.block(&DIGITS[(number % 1_000) as usize], 3);
        } else {
            self.text(itoa::Buffer::new().format(number).as_bytes());
        }
    }

    /// Writes a number in groups of seven bits, the lowest first: a varint of Protocol Buffers.
    #[inline]
    pub(crate) fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    /// Writes how many bytes `write` writes, and these. Most lengths take one byte, so that much
    /// room is made at first.
    pub(crate) fn delimited(&mut self, write: impl FnOnce(&mut Self)) {
        let start = self.len;
        self.byte(0);
        let inside = self.len;
        write(self);
        let end = self.len;
        let length = end - inside;
        if length < 0x80 {
            self.bytes[start] = length as u8;
            return;
        }
        let more = (63 - (length as u64).leading_zeros() as usize) / 7;
        if end + more > CAPACITY {
            self.len = start;
            return;
        }
        self.bytes.copy_within(inside..end, inside + more);
        self.len = start;
        self.varint(length as u64);
        self.len = end + more;
    }

    /// Writes a value that knows how to write itself; not for what comes from outside.
    pub(crate) fn display(&mut self, value: impl fmt::Display) {
        let _ = write!(self, "{value}"); // writing never fails
    }
}

impl fmt::Write for Pen {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_short_number_is_decimal() {
        for n in 0..=10_001 {
            let mut pen = Pen::new();
            pen.number(n);
            assert_eq!(pen.end_line(), format!("{n}\n").as_bytes());
        }
    }

    proptest! {
        #[test]
        fn every_number_is_decimal(bits in 0..64_u32, n in any::<u64>()) {
            let n = n >> bits;
            let mut pen = Pen::new();
            pen.number(n);
            let expected = format!("{n}\n");
            prop_assert_eq!(pen.end_line(), expected.as_bytes());
        }

        #[test]
        fn a_length_is_before_its_bytes(length in 0..20_000_usize) {
            let mut pen = Pen::new();
            pen.byte(b'a');
            pen.delimited(|pen| pen.text(&vec![b'x'; length]));
            pen.byte(b'z');
            let mut expected = Pen::new();
            expected.byte(b'a');
            expected.varint(length as u64);
            expected.text(&vec![b'x'; length]);
            expected.byte(b'z');
            prop_assert_eq!(pen.written(), expected.written());
        }

        #[test]
        fn a_line_never_exceeds_its_capacity(
            pieces in prop::collection::vec(0..9_000_usize, 0..20),
        ) {
            let mut pen = Pen::new();
            for piece in pieces {
                pen.text(&vec![b'x'; piece]);
                pen.byte(b'y');
                pen.number(piece as u64);
            }
            let line = pen.end_line();
            prop_assert!(line.len() <= CAPACITY && line.ends_with(b"\n"));
        }
    }

    #[test]
    fn a_new_line_begins_empty() {
        let mut pen = Pen::new();
        pen.text(b"old");
        assert_eq!(pen.end_line(), b"old\n");
        pen.restart();
        assert_eq!(pen.end_line(), b"\n");
    }
}
