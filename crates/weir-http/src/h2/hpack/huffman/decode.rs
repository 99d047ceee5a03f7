//! From the Huffman code back to text.
//!
//! The next ten bits select a code of up to ten bits from a table: those of all that is frequent.
//! A longer one is found among the sixteen longer lengths, of which each takes up one range of
//! numbers when the bits are seen as a number.

use super::super::HpackError;
use super::{CODES, END, LENGTHS};

/// Bits that select from the table.
const SHORT: u8 = 10;

/// A byte and how many bits its code has.
#[derive(Clone, Copy)]
struct Code {
    byte: u8,
    bits: u8,
}

/// By the next bits: a code, or one without bits when it is a longer one.
const TABLE: [Code; 1 << SHORT] = {
    let mut table = [Code { byte: 0, bits: 0 }; 1 << SHORT];
    let mut byte = 0;
    while byte < 256 {
        let bits = LENGTHS[byte];
        if bits <= SHORT {
            let unused = SHORT - bits;
            let mut at = (CODES[byte] as usize) << unused;
            let end = at + (1 << unused);
            while at < end {
                table[at] = Code { byte: byte as u8, bits };
                at += 1;
            }
        }
        byte += 1;
    }
    table
};

/// Codes of one length.
#[derive(Clone, Copy)]
struct Group {
    /// The first one, followed by zeros to 32 bits.
    first: u32,
    bits: u8,
    /// Where the byte of the first one is in [`LONG_BYTES`].
    at: u8,
}

/// How many lengths above [`SHORT`] there are, and how many codes have them.
const LONG: (usize, usize) = {
    let (mut groups, mut codes) = (0, 0);
    let mut bits = SHORT + 1;
    while bits <= END {
        let count = count(bits);
        codes += count;
        groups += (count > 0) as usize;
        bits += 1;
    }
    (groups, codes)
};

const fn count(bits: u8) -> usize {
    let (mut count, mut byte) = (0, 0);
    while byte < 256 {
        count += (LENGTHS[byte] == bits) as usize;
        byte += 1;
    }
    count
}

/// The longer codes, in order.
const GROUPS: [Group; LONG.0] = tables().0;
/// Their bytes, in order.
const LONG_BYTES: [u8; LONG.1] = tables().1;

const fn tables() -> ([Group; LONG.0], [u8; LONG.1]) {
    let mut groups = [Group { first: 0, bits: 0, at: 0 }; LONG.0];
    let mut bytes = [0; LONG.1];
    let (mut group, mut at, mut bits) = (0, 0, SHORT + 1);
    while bits <= END {
        let begins = at;
        let mut byte = 0;
        while byte < 256 {
            if LENGTHS[byte] == bits {
                if at == begins {
                    groups[group] = Group { first: CODES[byte] << (32 - bits), bits, at: at as u8 };
                    group += 1;
                }
                bytes[at] = byte as u8;
                at += 1;
            }
            byte += 1;
        }
        bits += 1;
    }
    (groups, bytes)
}

/// Appends the text that `code` stands for: at most eight bytes for five.
///
/// # Errors
/// When the end is in it, or the padding is not the beginning of the end, of seven bits at most.
pub(in super::super) fn decode(code: &[u8], out: &mut Vec<u8>) -> Result<(), HpackError> {
    let start = out.len();
    // The shortest code has five bits.
    out.resize(start + code.len() * 8 / 5, 0);
    let mut places = out[start..].iter_mut();
    let mut input = Bits { rest: code, held: 0, count: 0 };
    loop {
        input.fill();
        while input.count >= u32::from(SHORT) {
            let Code { byte, bits } = TABLE[(input.held >> (64 - SHORT)) as usize];
            if bits == 0 {
                break;
            }
            if let Some(place) = places.next() {
                *place = byte;
            }
            input.skip(bits);
        }
        if input.count < 32 && !input.rest.is_empty() {
            continue;
        }
        // A longer code, or near the end.
        let next = input.next();
        let Code { byte, bits } = first_of(next);
        if u32::from(bits) > input.count {
            break;
        }
        if bits == END && next >> (32 - END) == (1 << END) - 1 {
            return Err(HpackError::HuffmanEnd);
        }
        if let Some(place) = places.next() {
            *place = byte;
        }
        input.skip(bits);
    }
    let unused = places.len();
    out.truncate(out.len() - unused);
    input.padding()
}

/// The code that these bits begin with; that of the end has some byte or other.
fn first_of(next: u32) -> Code {
    let short = TABLE[(next >> (32 - SHORT)) as usize];
    if short.bits > 0 {
        return short;
    }
    let mut found = GROUPS[0];
    for group in &GROUPS[1..] {
        if group.first > next {
            break;
        }
        found = *group;
    }
    let order = (next - found.first) >> (32 - found.bits);
    let byte = LONG_BYTES.get(usize::from(found.at) + order as usize).copied();
    Code { byte: byte.unwrap_or_default(), bits: found.bits }
}

/// The bits that are still to come.
struct Bits<'a> {
    rest: &'a [u8],
    /// The next ones, from the highest; zeros below.
    held: u64,
    /// How many are held, 63 at most.
    count: u32,
}

impl Bits<'_> {
    /// Holds as many as any code has, or all.
    fn fill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some((bytes, rest)) = self.rest.split_first_chunk::<4>() {
            self.held |= u64::from(u32::from_be_bytes(*bytes)) << (32 - self.count);
            self.count += 32;
            self.rest = rest;
            return;
        }
        while let Some((byte, rest)) = self.rest.split_first()
            && self.count < 32
        {
            self.held |= u64::from(*byte) << (56 - self.count);
            self.count += 8;
            self.rest = rest;
        }
    }

    /// The next 32; behind the last one come ones, as in padding.
    fn next(&self) -> u32 {
        ((self.held | u64::MAX >> self.count) >> 32) as u32
    }

    fn skip(&mut self, bits: u8) {
        self.held <<= bits;
        self.count -= u32::from(bits);
    }

    /// What is left is no code: whether it is padding.
    fn padding(&self) -> Result<(), HpackError> {
        if self.held | u64::MAX >> self.count != u64::MAX {
            return Err(HpackError::HuffmanPadding);
        }
        if self.count > 7 { Err(HpackError::HuffmanPaddingTooLong) } else { Ok(()) }
    }
}
