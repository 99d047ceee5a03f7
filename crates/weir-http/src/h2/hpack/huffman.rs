//! The Huffman code, RFC 7541 §5.2 and appendix B.
//!
//! Decoding takes four bits a step through a table of states, made once: a state is how far into
//! the code a symbol is.

use std::sync::LazyLock;

use super::HpackError;

/// Code and length in bits of each byte.
const CODES: [(u32, u8); 256] = [
    (0x1ff8, 13),
    (0x7fffd8, 23),
    (0xfffffe2, 28),
    (0xfffffe3, 28),
    (0xfffffe4, 28),
    (0xfffffe5, 28),
    (0xfffffe6, 28),
    (0xfffffe7, 28),
    (0xfffffe8, 28),
    (0xffffea, 24),
    (0x3ffffffc, 30),
    (0xfffffe9, 28),
    (0xfffffea, 28),
    (0x3ffffffd, 30),
    (0xfffffeb, 28),
    (0xfffffec, 28),
    (0xfffffed, 28),
    (0xfffffee, 28),
    (0xfffffef, 28),
    (0xffffff0, 28),
    (0xffffff1, 28),
    (0xffffff2, 28),
    (0x3ffffffe, 30),
    (0xffffff3, 28),
    (0xffffff4, 28),
    (0xffffff5, 28),
    (0xffffff6, 28),
    (0xffffff7, 28),
    (0xffffff8, 28),
    (0xffffff9, 28),
    (0xffffffa, 28),
    (0xffffffb, 28),
    (0x14, 6),
    (0x3f8, 10),
    (0x3f9, 10),
    (0xffa, 12),
    (0x1ff9, 13),
    (0x15, 6),
    (0xf8, 8),
    (0x7fa, 11),
    (0x3fa, 10),
    (0x3fb, 10),
    (0xf9, 8),
    (0x7fb, 11),
    (0xfa, 8),
    (0x16, 6),
    (0x17, 6),
    (0x18, 6),
    (0x0, 5),
    (0x1, 5),
    (0x2, 5),
    (0x19, 6),
    (0x1a, 6),
    (0x1b, 6),
    (0x1c, 6),
    (0x1d, 6),
    (0x1e, 6),
    (0x1f, 6),
    (0x5c, 7),
    (0xfb, 8),
    (0x7ffc, 15),
    (0x20, 6),
    (0xffb, 12),
    (0x3fc, 10),
    (0x1ffa, 13),
    (0x21, 6),
    (0x5d, 7),
    (0x5e, 7),
    (0x5f, 7),
    (0x60, 7),
    (0x61, 7),
    (0x62, 7),
    (0x63, 7),
    (0x64, 7),
    (0x65, 7),
    (0x66, 7),
    (0x67, 7),
    (0x68, 7),
    (0x69, 7),
    (0x6a, 7),
    (0x6b, 7),
    (0x6c, 7),
    (0x6d, 7),
    (0x6e, 7),
    (0x6f, 7),
    (0x70, 7),
    (0x71, 7),
    (0x72, 7),
    (0xfc, 8),
    (0x73, 7),
    (0xfd, 8),
    (0x1ffb, 13),
    (0x7fff0, 19),
    (0x1ffc, 13),
    (0x3ffc, 14),
    (0x22, 6),
    (0x7ffd, 15),
    (0x3, 5),
    (0x23, 6),
    (0x4, 5),
    (0x24, 6),
    (0x5, 5),
    (0x25, 6),
    (0x26, 6),
    (0x27, 6),
    (0x6, 5),
    (0x74, 7),
    (0x75, 7),
    (0x28, 6),
    (0x29, 6),
    (0x2a, 6),
    (0x7, 5),
    (0x2b, 6),
    (0x76, 7),
    (0x2c, 6),
    (0x8, 5),
    (0x9, 5),
    (0x2d, 6),
    (0x77, 7),
    (0x78, 7),
    (0x79, 7),
    (0x7a, 7),
    (0x7b, 7),
    (0x7ffe, 15),
    (0x7fc, 11),
    (0x3ffd, 14),
    (0x1ffd, 13),
    (0xffffffc, 28),
    (0xfffe6, 20),
    (0x3fffd2, 22),
    (0xfffe7, 20),
    (0xfffe8, 20),
    (0x3fffd3, 22),
    (0x3fffd4, 22),
    (0x3fffd5, 22),
    (0x7fffd9, 23),
    (0x3fffd6, 22),
    (0x7fffda, 23),
    (0x7fffdb, 23),
    (0x7fffdc, 23),
    (0x7fffdd, 23),
    (0x7fffde, 23),
    (0xffffeb, 24),
    (0x7fffdf, 23),
    (0xffffec, 24),
    (0xffffed, 24),
    (0x3fffd7, 22),
    (0x7fffe0, 23),
    (0xffffee, 24),
    (0x7fffe1, 23),
    (0x7fffe2, 23),
    (0x7fffe3, 23),
    (0x7fffe4, 23),
    (0x1fffdc, 21),
    (0x3fffd8, 22),
    (0x7fffe5, 23),
    (0x3fffd9, 22),
    (0x7fffe6, 23),
    (0x7fffe7, 23),
    (0xffffef, 24),
    (0x3fffda, 22),
    (0x1fffdd, 21),
    (0xfffe9, 20),
    (0x3fffdb, 22),
    (0x3fffdc, 22),
    (0x7fffe8, 23),
    (0x7fffe9, 23),
    (0x1fffde, 21),
    (0x7fffea, 23),
    (0x3fffdd, 22),
    (0x3fffde, 22),
    (0xfffff0, 24),
    (0x1fffdf, 21),
    (0x3fffdf, 22),
    (0x7fffeb, 23),
    (0x7fffec, 23),
    (0x1fffe0, 21),
    (0x1fffe1, 21),
    (0x3fffe0, 22),
    (0x1fffe2, 21),
    (0x7fffed, 23),
    (0x3fffe1, 22),
    (0x7fffee, 23),
    (0x7fffef, 23),
    (0xfffea, 20),
    (0x3fffe2, 22),
    (0x3fffe3, 22),
    (0x3fffe4, 22),
    (0x7ffff0, 23),
    (0x3fffe5, 22),
    (0x3fffe6, 22),
    (0x7ffff1, 23),
    (0x3ffffe0, 26),
    (0x3ffffe1, 26),
    (0xfffeb, 20),
    (0x7fff1, 19),
    (0x3fffe7, 22),
    (0x7ffff2, 23),
    (0x3fffe8, 22),
    (0x1ffffec, 25),
    (0x3ffffe2, 26),
    (0x3ffffe3, 26),
    (0x3ffffe4, 26),
    (0x7ffffde, 27),
    (0x7ffffdf, 27),
    (0x3ffffe5, 26),
    (0xfffff1, 24),
    (0x1ffffed, 25),
    (0x7fff2, 19),
    (0x1fffe3, 21),
    (0x3ffffe6, 26),
    (0x7ffffe0, 27),
    (0x7ffffe1, 27),
    (0x3ffffe7, 26),
    (0x7ffffe2, 27),
    (0xfffff2, 24),
    (0x1fffe4, 21),
    (0x1fffe5, 21),
    (0x3ffffe8, 26),
    (0x3ffffe9, 26),
    (0xffffffd, 28),
    (0x7ffffe3, 27),
    (0x7ffffe4, 27),
    (0x7ffffe5, 27),
    (0xfffec, 20),
    (0xfffff3, 24),
    (0xfffed, 20),
    (0x1fffe6, 21),
    (0x3fffe9, 22),
    (0x1fffe7, 21),
    (0x1fffe8, 21),
    (0x7ffff3, 23),
    (0x3fffea, 22),
    (0x3fffeb, 22),
    (0x1ffffee, 25),
    (0x1ffffef, 25),
    (0xfffff4, 24),
    (0xfffff5, 24),
    (0x3ffffea, 26),
    (0x7ffff4, 23),
    (0x3ffffeb, 26),
    (0x7ffffe6, 27),
    (0x3ffffec, 26),
    (0x3ffffed, 26),
    (0x7ffffe7, 27),
    (0x7ffffe8, 27),
    (0x7ffffe9, 27),
    (0x7ffffea, 27),
    (0x7ffffeb, 27),
    (0xffffffe, 28),
    (0x7ffffec, 27),
    (0x7ffffed, 27),
    (0x7ffffee, 27),
    (0x7ffffef, 27),
    (0x7fffff0, 27),
    (0x3ffffee, 26),
];

/// Bits of a code that is not a symbol but the end; all of them are 1.
const MOST_PADDING: u8 = 7;

/// What four bits lead to.
#[derive(Clone, Copy, Default)]
struct Move {
    /// The next state.
    to: u8,
    /// A symbol was complete.
    symbol: Option<u8>,
    /// There is no such code.
    dead: bool,
}

struct Machine {
    moves: Vec<[Move; 16]>,
    /// The text may end in this state: nothing but up to seven bits of 1 was begun.
    ends: Vec<bool>,
}

static MACHINE: LazyLock<Machine> = LazyLock::new(Machine::new);

impl Machine {
    fn new() -> Self {
        let tree = Tree::new();
        let mut ends = vec![false; tree.nodes.len()];
        let mut at = Some(0);
        for _ in 0..=MOST_PADDING {
            if let Some(node) = at {
                ends[node] = true;
                at = tree.inner(node, 1);
            }
        }
        let moves = (0..tree.nodes.len()).map(|node| tree.moves(node)).collect();
        Self { moves, ends }
    }
}

/// The code as a tree: what a bit leads to.
#[derive(Clone, Copy)]
enum Child {
    Nothing,
    Node(usize),
    Symbol(u8),
}

struct Tree {
    nodes: Vec<[Child; 2]>,
}

impl Tree {
    fn new() -> Self {
        let mut tree = Self { nodes: vec![[Child::Nothing; 2]] };
        for (symbol, (code, bits)) in (0..=255).zip(CODES) {
            let mut node = 0;
            for bit in (1..bits).rev() {
                node = tree.grow(node, (code >> bit) & 1);
            }
            tree.nodes[node][(code & 1) as usize] = Child::Symbol(symbol);
        }
        tree
    }

    fn grow(&mut self, node: usize, bit: u32) -> usize {
        if let Child::Node(next) = self.nodes[node][bit as usize] {
            return next;
        }
        self.nodes.push([Child::Nothing; 2]);
        let next = self.nodes.len() - 1;
        self.nodes[node][bit as usize] = Child::Node(next);
        next
    }

    fn inner(&self, node: usize, bit: usize) -> Option<usize> {
        match self.nodes[node][bit] {
            Child::Node(next) => Some(next),
            _ => None,
        }
    }

    fn moves(&self, from: usize) -> [Move; 16] {
        let mut moves = [Move::default(); 16];
        for (bits, step) in moves.iter_mut().enumerate() {
            let mut node = from;
            for bit in [3, 2, 1, 0] {
                match self.nodes[node][(bits >> bit) & 1] {
                    Child::Node(next) => node = next,
                    // The shortest code has five bits: one symbol at most in four.
                    Child::Symbol(symbol) => {
                        step.symbol = Some(symbol);
                        node = 0;
                    }
                    Child::Nothing => {
                        step.dead = true;
                        break;
                    }
                }
            }
            step.to = node as u8;
        }
        moves
    }
}

/// Appends the text that `code` stands for.
///
/// # Errors
/// When a code is none, or the padding is not the beginning of the end.
pub(super) fn decode(code: &[u8], out: &mut Vec<u8>) -> Result<(), HpackError> {
    let machine = &*MACHINE;
    let mut state = 0_u8;
    for byte in code {
        for bits in [byte >> 4, byte & 15] {
            let step = machine.moves[usize::from(state)][usize::from(bits)];
            if step.dead {
                return Err(HpackError::Huffman);
            }
            if let Some(symbol) = step.symbol {
                out.push(symbol);
            }
            state = step.to;
        }
    }
    if machine.ends[usize::from(state)] { Ok(()) } else { Err(HpackError::Huffman) }
}

/// Bytes of the code of a text.
pub(super) fn encoded_len(text: &[u8]) -> usize {
    let bits: usize = text.iter().map(|byte| usize::from(CODES[usize::from(*byte)].1)).sum();
    bits.div_ceil(8)
}

/// Appends the code of a text.
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) {
    let (mut held, mut bits) = (0_u64, 0);
    for byte in text {
        let (code, len) = CODES[usize::from(*byte)];
        held = held << len | u64::from(code);
        bits += u32::from(len);
        while bits >= 8 {
            bits -= 8;
            out.push((held >> bits) as u8);
        }
    }
    if bits > 0 {
        let padding = 8 - bits;
        out.push((held << padding) as u8 | ((1 << padding) - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        for len in 0..40 {
            let text: Vec<u8> = (0..len).map(|n: u32| (n * 37 + len * 11) as u8).collect();
            let (mut code, mut back) = (Vec::new(), Vec::new());
            encode(&text, &mut code);
            assert_eq!(code.len(), encoded_len(&text));
            decode(&code, &mut back).unwrap();
            assert_eq!(back, text);
        }
        let all: Vec<u8> = (0..=255).collect();
        let (mut code, mut back) = (Vec::new(), Vec::new());
        encode(&all, &mut code);
        decode(&code, &mut back).unwrap();
        assert_eq!(back, all);
    }

    #[test]
    fn the_code_is_a_prefix_code_without_gaps() {
        let sum: u64 = CODES.iter().map(|(_, bits)| 1 << (30 - bits)).sum();
        // The end has the one code that is left, of 30 bits.
        assert_eq!(sum + 1, 1 << 30);
        assert!(MACHINE.moves.len() <= 256);
    }

    #[test]
    fn padding_is_short_and_made_of_ones() {
        // 'a' is 00011
        let decode = |code: &[u8]| decode(code, &mut Vec::new());
        assert_eq!(decode(&[0b0001_1111]), Ok(()));
        assert_eq!(decode(&[0b0001_1110]), Err(HpackError::Huffman));
        assert_eq!(decode(&[0b0001_1111, 0xff]), Err(HpackError::Huffman));
        assert_eq!(decode(&[0xff; 4]), Err(HpackError::Huffman), "the end is no symbol");
    }
}
