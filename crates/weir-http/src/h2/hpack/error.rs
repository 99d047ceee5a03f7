//! Why a header block is refused.

/// The rule that a block breaks. It is the peer's fault, and the connection cannot go on: both
/// sides may have different tables from there on (RFC 9113 §4.3, COMPRESSION_ERROR).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HpackError {
    /// RFC 7541 §6.
    #[error("a header block ends in the middle of a field")]
    Truncated,
    /// RFC 7541 §5.1: above 2^28, or with more bytes than such a one needs.
    #[error("an integer is too large")]
    Integer,
    /// RFC 7541 §7.4: longer than [`MOST_STRING`](super::MOST_STRING).
    #[error("a string is too long")]
    StringTooLong,
    /// RFC 7541 §7.3: more than [`MOST_WRITTEN_OUT`](super::MOST_WRITTEN_OUT).
    #[error("the fields that a block writes out are too large")]
    TooLarge,
    /// RFC 7541 §5.2.
    #[error("a Huffman-coded string has the end of the string in it")]
    HuffmanEnd,
    /// RFC 7541 §5.2.
    #[error("the padding of a Huffman-coded string is not made of ones")]
    HuffmanPadding,
    /// RFC 7541 §5.2.
    #[error("the padding of a Huffman-coded string is longer than seven bits")]
    HuffmanPaddingTooLong,
    /// RFC 7541 §6.1.
    #[error("an indexed field has the index zero")]
    IndexZero,
    /// RFC 7541 §2.3.3.
    #[error("an index is beyond the table")]
    IndexTooLarge,
    /// RFC 7541 §4.2.
    #[error("the table changes its size after the beginning of a block")]
    SizeUpdateTooLate,
    /// RFC 7541 §6.3.
    #[error("the table becomes larger than allowed")]
    SizeUpdateTooLarge,
}

/// Why a block was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError<E> {
    /// It breaks a rule; the decoder is not to be used again.
    Hpack(HpackError),
    /// The sink did not want it. All of it was decoded nevertheless: the table is as the peer
    /// thinks, and the next block can be decoded.
    Sink(E),
}

impl<E> From<HpackError> for DecodeError<E> {
    fn from(error: HpackError) -> Self {
        Self::Hpack(error)
    }
}
