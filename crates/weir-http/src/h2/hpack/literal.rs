//! Fields that are written out, RFC 7541 §6.2.

use super::{huffman, integer};

/// What becomes of a field that is written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// It is put into the table (§6.2.1).
    Indexed,
    /// It is not (§6.2.2).
    NotIndexed,
    /// It is not, and must not be by anybody who sends it on (§6.2.3).
    NeverIndexed,
}

impl Form {
    /// Bits of the index of the name, and the bits above it.
    fn prefix(self) -> (u32, u8) {
        match self {
            Self::Indexed => (6, 0b0100_0000),
            Self::NotIndexed => (4, 0),
            Self::NeverIndexed => (4, 0b0001_0000),
        }
    }
}

/// Appends a field, with its name unless that has an index.
pub(super) fn write(
    form: Form,
    index: Option<usize>,
    name: &[u8],
    value: &[u8],
    out: &mut Vec<u8>,
) {
    let (bits, above) = form.prefix();
    integer::write(bits, above, index.unwrap_or(0), out);
    if index.is_none() {
        string(name, out);
    }
    string(value, out);
}

/// Appends a string, coded when that makes it shorter (§5.2).
fn string(text: &[u8], out: &mut Vec<u8>) {
    let coded = huffman::encoded_len(text);
    if coded < text.len() {
        integer::write(7, 0b1000_0000, coded, out);
        huffman::encode(text, out);
    } else {
        integer::write(7, 0, text.len(), out);
        out.extend_from_slice(text);
    }
}
