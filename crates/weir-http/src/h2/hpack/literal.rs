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
    let once = form == Form::Indexed;
    if index.is_none() {
        string(name, once, out);
    }
    string(value, once, out);
}

/// Appends a string. One that is sent `once` and known from then on is coded, when that makes it
/// shorter (§5.2); for one that is sent each time, the work of both peers would cost more than the
/// few bytes.
fn string(text: &[u8], once: bool, out: &mut Vec<u8>) {
    let coded = if once { huffman::encoded_len(text) } else { text.len() };
    if coded < text.len() {
        integer::write(7, 0b1000_0000, coded, out);
        huffman::encode(text, out);
    } else {
        integer::write(7, 0, text.len(), out);
        out.extend_from_slice(text);
    }
}
