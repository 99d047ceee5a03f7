//! Header blocks as they come, RFC 7541 §3 and §6.

use super::table::Table;
use super::{huffman, integer, static_table};

/// The rule that a block breaks: the connection cannot go on (RFC 9113 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HpackError {
    /// RFC 7541 §3.
    #[error("a header block ends in the middle of a field")]
    Truncated,
    /// RFC 7541 §5.1.
    #[error("an integer is too large")]
    Integer,
    /// RFC 7541 §5.2.
    #[error("a string is not Huffman-coded as it says")]
    Huffman,
    /// RFC 7541 §2.3.3.
    #[error("an index is beyond the table")]
    Index,
    /// RFC 7541 §4.2: only at the beginning of a block.
    #[error("the table changes its size in the middle of a block")]
    SizeUpdatePlace,
    /// RFC 7541 §6.3.
    #[error("the table becomes larger than allowed")]
    SizeUpdate,
}

/// Why a block was not decoded to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError<E> {
    /// It breaks a rule.
    Hpack(HpackError),
    /// The sink did not want it; all of it was decoded nevertheless, for the sake of the table.
    Sink(E),
}

impl<E> From<HpackError> for DecodeError<E> {
    fn from(error: HpackError) -> Self {
        Self::Hpack(error)
    }
}

/// Decodes the header blocks of one connection.
#[derive(Debug)]
pub struct Decoder {
    table: Table,
    /// The size that we announced.
    most: usize,
    /// Name and value of the field that is worked on.
    field: Vec<u8>,
}

impl Decoder {
    /// With a table of at most that many bytes.
    pub fn new(table_bytes: usize) -> Self {
        Self { table: Table::new(table_bytes), most: table_bytes, field: Vec::new() }
    }

    /// Decodes one complete block. `sink` gets every field in order until it does not want one.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode<E>(
        &mut self,
        block: &[u8],
        mut sink: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), DecodeError<E>> {
        let mut unwanted = None;
        let mut rest = self.size_updates(block)?;
        while !rest.is_empty() {
            // Of what nobody wants, only what goes into the table is looked at.
            let index = rest[0] & 0b1000_0000 != 0 && unwanted.is_some();
            let (name, after) = if index { self.skip_indexed(rest)? } else { self.next(rest)? };
            rest = after;
            let (name, value) = self.field.split_at(name);
            if unwanted.is_none() {
                unwanted = sink(name, value).err();
            }
        }
        if self.field.capacity() > KEPT {
            self.field = Vec::new();
        }
        unwanted.map_or(Ok(()), |error| Err(DecodeError::Sink(error)))
    }

    /// Changes of the size of the table, at the beginning of a block.
    fn size_updates<'a>(&mut self, mut block: &'a [u8]) -> Result<&'a [u8], HpackError> {
        while let Some(first) = block.first()
            && first & 0b1110_0000 == 0b0010_0000
        {
            let (size, rest) = integer::read(5, block)?;
            if size > self.most {
                return Err(HpackError::SizeUpdate);
            }
            self.table.set_bound(size);
            block = rest;
        }
        Ok(block)
    }

    /// The next field, in [`Self::field`]: the length of its name, and what is left.
    fn next<'a>(&mut self, block: &'a [u8]) -> Result<(usize, &'a [u8]), HpackError> {
        self.field.clear();
        let first = block.first().copied().unwrap_or_default();
        if first & 0b1000_0000 != 0 {
            let (index, rest) = integer::read(7, block)?;
            return Ok((self.indexed(index, true)?, rest));
        }
        if first & 0b1110_0000 == 0b0010_0000 {
            return Err(HpackError::SizeUpdatePlace);
        }
        let kept = first & 0b0100_0000 != 0;
        let (index, rest) = integer::read(if kept { 6 } else { 4 }, block)?;
        let (name, rest) = match index {
            0 => {
                let rest = self.string(rest)?;
                (self.field.len(), rest)
            }
            _ => (self.indexed(index, false)?, rest),
        };
        let rest = self.string(rest)?;
        if kept {
            let (name, value) = self.field.split_at(name);
            self.table.add(name, value);
        }
        Ok((name, rest))
    }

    fn skip_indexed<'a>(&mut self, block: &'a [u8]) -> Result<(usize, &'a [u8]), HpackError> {
        let (index, rest) = integer::read(7, block)?;
        let last = static_table::DYNAMIC + self.table.len();
        if index == 0 || index >= last { Err(HpackError::Index) } else { Ok((0, rest)) }
    }

    /// Appends the field of an index, or its name alone; the length of the name.
    fn indexed(&mut self, index: usize, with_value: bool) -> Result<usize, HpackError> {
        if let Some((name, value)) = static_table::get(index) {
            self.field.extend_from_slice(name);
            if with_value {
                self.field.extend_from_slice(value);
            }
            return Ok(name.len());
        }
        let age = index.checked_sub(static_table::DYNAMIC).ok_or(HpackError::Index)?;
        self.table.copy(age, with_value, &mut self.field).ok_or(HpackError::Index)
    }

    /// Appends a string; what is left.
    fn string<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], HpackError> {
        let coded = input.first().is_some_and(|byte| byte & 128 != 0);
        let (len, rest) = integer::read(7, input)?;
        let (string, rest) = rest.split_at_checked(len).ok_or(HpackError::Truncated)?;
        if coded {
            huffman::decode(string, &mut self.field)?;
        } else {
            self.field.extend_from_slice(string);
        }
        Ok(rest)
    }
}

/// Bytes of the longest field that are kept for the next one.
const KEPT: usize = 4_096;
