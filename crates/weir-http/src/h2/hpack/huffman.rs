//! The Huffman code, RFC 7541 §5.2 and appendix B.
//!
//! The code is canonical: among the codes of one length the bytes are in order, and the codes of
//! all lengths follow each other. So the lengths alone say what the codes are.

mod decode;

pub(super) use decode::decode;

/// Bits of the code of each byte.
#[rustfmt::skip]
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

/// Bits of the code of the end, which is the last one and all ones; it is never sent.
const END: u8 = 30;

/// The code of each byte.
const CODES: [u32; 256] = {
    let mut codes = [0; 256];
    let (mut next, mut bits) = (0, 1);
    while bits <= END {
        next <<= 1;
        let mut byte = 0;
        while byte < 256 {
            if LENGTHS[byte] == bits {
                codes[byte] = next;
                next += 1;
            }
            byte += 1;
        }
        bits += 1;
    }
    codes
};

/// Code and bits of each byte: one read for both.
static BOTH: [(u32, u32); 256] = {
    let mut both = [(0, 0); 256];
    let mut byte = 0;
    while byte < 256 {
        both[byte] = (CODES[byte], LENGTHS[byte] as u32);
        byte += 1;
    }
    both
};

/// Bytes of the code of a text.
pub(super) fn encoded_len(text: &[u8]) -> usize {
    let bits: usize = text.iter().map(|byte| usize::from(LENGTHS[usize::from(*byte)])).sum();
    bits.div_ceil(8)
}

/// Appends the code of a text.
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) {
    // Fewer than 32 bits are held between two bytes: with the longest code there are fewer than 64.
    let (mut held, mut bits) = (0_u64, 0_u32);
    for byte in text {
        let (code, length) = BOTH[usize::from(*byte)];
        held = held << length | u64::from(code);
        bits += length;
        if bits >= 32 {
            bits -= 32;
            out.extend_from_slice(&((held >> bits) as u32).to_be_bytes());
        }
    }
    // Padded with the beginning of the end, which is made of ones.
    let padding = (8 - bits % 8) % 8;
    held = held << padding | ((1 << padding) - 1);
    let bytes = ((bits + padding) / 8) as usize;
    out.extend_from_slice(&(held as u32).to_be_bytes()[4 - bytes..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::HpackError;
    use super::*;

    #[test]
    fn the_code_is_that_of_the_rfc() {
        let mut symbols = 0..;
        let lines = include_str!("data/huffman.txt").lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            let mut words = line.split(' ');
            let mut word = |radix| u32::from_str_radix(words.next().unwrap(), radix).unwrap();
            let (symbol, code, bits) = (word(10) as usize, word(16), word(10));
            assert_eq!(symbols.next(), Some(symbol));
            let known = (CODES.get(symbol).copied(), LENGTHS.get(symbol).copied());
            let (known, length) = (known.0.unwrap_or((1 << END) - 1), known.1.unwrap_or(END));
            assert_eq!((known, u32::from(length)), (code, bits), "{symbol}");
        }
        assert_eq!(symbols.next(), Some(257));
    }

    #[test]
    fn every_two_bytes_come_back() {
        for first in 0..=255 {
            for second in 0..=255 {
                let (mut code, mut back) = (Vec::new(), Vec::new());
                encode(&[first, second], &mut code);
                assert_eq!(code.len(), encoded_len(&[first, second]));
                decode(&code, &mut back).unwrap();
                assert_eq!(back, [first, second]);
            }
        }
    }

    #[test]
    fn padding_is_short_and_made_of_ones() {
        use HpackError::{HuffmanEnd, HuffmanPadding, HuffmanPaddingTooLong};
        // The code of 'a' is 00011, that of 'X' is 11111100, that of '\n' 30 bits long.
        type Decoded = Result<&'static [u8], HpackError>;
        let cases: [(&[u8], Decoded); 16] = [
            (&[], Ok(b"")),
            (&[0b0001_1111], Ok(b"a")),
            (&[0b0001_1000, 0b1111_1111], Ok(b"aa")),
            (&[0b0001_1110], Err(HuffmanPadding)),
            (&[0b0001_1011], Err(HuffmanPadding)),
            (&[0b0001_1000], Err(HuffmanPadding)),
            (&[0b0001_1000, 0b1100_0111], Ok(b"aaa")),
            (&[0b0001_1111, 0xff], Err(HuffmanPaddingTooLong)),
            (&[0b1111_1100], Ok(b"X")),
            (&[0xff], Err(HuffmanPaddingTooLong)),
            (&[0xff; 3], Err(HuffmanPaddingTooLong)),
            (&[0xff, 0xff, 0xff, 0b1111_0011], Ok(b"\n")),
            (&[0xff, 0xff, 0xff, 0b1111_0010], Err(HuffmanPadding)),
            (&[0xff; 4], Err(HuffmanEnd)),
            (&[0xff, 0xff, 0xff, 0b1111_1100], Err(HuffmanEnd)),
            (&[0b0001_1111, 0xff, 0xff, 0xff, 0xff], Err(HuffmanEnd)),
        ];
        for (code, wanted) in cases {
            let mut out = Vec::new();
            assert_eq!(decode(code, &mut out).map(|()| &out[..]), wanted, "{code:02x?}");
        }
    }

    /// Bit by bit, as the RFC says it.
    fn slowly(code: &[u8]) -> Option<Vec<u8>> {
        let (mut text, mut held, mut bits) = (Vec::new(), 0_u32, 0_u8);
        for at in 0..code.len() * 8 {
            held = held << 1 | u32::from(code[at / 8] >> (7 - at % 8) & 1);
            bits += 1;
            let known = (0..=255).find(|n| (LENGTHS[*n], CODES[*n]) == (bits, held));
            if let Some(byte) = known {
                text.push(byte as u8);
                (held, bits) = (0, 0);
            } else if bits == END {
                return None;
            }
        }
        (bits < 8 && held == (1 << bits) - 1).then_some(text)
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in prop::collection::vec(any::<u8>(), 0..30)) {
            let (mut code, mut back) = (Vec::new(), Vec::new());
            encode(&text, &mut code);
            prop_assert_eq!(code.len(), encoded_len(&text));
            prop_assert_eq!(decode(&code, &mut back), Ok(()));
            prop_assert_eq!(&back, &text);
            prop_assert_eq!(slowly(&code), Some(text));
        }

        #[test]
        fn fast_is_as_slow(
            code in prop::collection::vec(prop_oneof![any::<u8>(), Just(0xff)], 0..12),
        ) {
            let mut text = Vec::new();
            let decoded = decode(&code, &mut text).ok().map(|()| text);
            prop_assert_eq!(decoded, slowly(&code));
        }
    }
}
