//! Header blocks as they come, RFC 7541 §3 and §6.

use super::literal::{self, Form};
use super::table::Table;
use super::{DecodeError, HpackError, INITIAL_TABLE, KEPT, huffman, integer, static_table};

/// Bytes of a name or of a value, both as it is sent and as it is meant (RFC 7541 §7.4).
pub const MOST_STRING: usize = 64 * 1024;

/// Bytes of names and values that the fields of one block may have, those that come by index alone
/// not counted; a block of 64 KiB that is no attack has a tenth of that.
pub const MOST_WRITTEN_OUT: usize = 1024 * 1024;

/// Decodes the header blocks of one connection.
///
/// Memory: the bytes of the table, three eighths of that for where its entries lie, and scratch
/// space for the longest field of a block, of which 4 KiB are kept.
///
/// Work: what comes by index alone is copied only when it goes over the end of the ring, and is not
/// even looked at once the sink has refused a field. What is written out costs its own bytes, and
/// those of a name that it takes out of the table: two bytes may cost as many as the table has, so
/// there is a bound for them ([`MOST_WRITTEN_OUT`]), whatever the sink says.
#[derive(Debug)]
pub struct Decoder {
    table: Table,
    /// Bytes that the peer may make the table.
    most: usize,
    /// Name and value of a field that does not lie in one piece.
    scratch: Vec<u8>,
    /// What is left of [`MOST_WRITTEN_OUT`].
    left: usize,
}

impl Decoder {
    /// `table_bytes` is what SETTINGS announce. When it is more than 4,096, the table has 4,096
    /// until the peer enlarges it. It should not be less: until the peer has acknowledged that, it
    /// may use 4,096.
    pub fn new(table_bytes: usize) -> Self {
        let mut table = Table::new(table_bytes);
        table.set_bound(table_bytes.min(INITIAL_TABLE));
        Self { table, most: table_bytes, scratch: Vec::new(), left: 0 }
    }

    /// Decodes one complete block. `sink` gets names and values in order until it does not want
    /// one; the rest is decoded for the sake of the table.
    ///
    /// # Errors
    /// [`DecodeError::Hpack`] when a rule is broken, also after the sink has refused a field;
    /// otherwise [`DecodeError::Sink`] with the sink's error.
    pub fn decode<E>(
        &mut self,
        block: &[u8],
        sink: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), DecodeError<E>> {
        let mut gate = Gate { sink, refused: None };
        self.left = MOST_WRITTEN_OUT;
        let mut rest = self.size_updates(block)?;
        while let Some(first) = rest.first() {
            let is_indexed = first & 0b1000_0000 != 0;
            rest = if is_indexed {
                self.indexed(rest, &mut gate)?
            } else {
                self.literal(*first, rest, &mut gate)?
            };
        }
        if self.scratch.capacity() > KEPT {
            self.scratch = Vec::with_capacity(KEPT);
        }
        gate.refused.map_or(Ok(()), |error| Err(DecodeError::Sink(error)))
    }

    /// Appends a block that gives the decoder of another process the table of this one.
    pub fn remember(&self, out: &mut Vec<u8>) {
        integer::write(5, 0b0010_0000, self.table.bound(), out);
        let fields: Vec<_> = (0..).map_while(|age| self.table.get(age)).collect();
        for field in fields.iter().rev() {
            let [mut name, mut value] = [Vec::new(), Vec::new()];
            field.name().append_to(&mut name);
            field.value().append_to(&mut value);
            literal::write(Form::Indexed, None, &name, &value, out);
        }
    }

    /// Takes the table that [`Decoder::remember`] has written down.
    ///
    /// # Errors
    /// When it is none.
    pub fn recall(&mut self, block: &[u8]) -> Result<(), HpackError> {
        let ignored = |_: &[u8], _: &[u8]| Ok::<(), std::convert::Infallible>(());
        match self.decode(block, ignored) {
            Err(DecodeError::Hpack(error)) => Err(error),
            Ok(()) | Err(DecodeError::Sink(_)) => Ok(()),
        }
    }

    /// Changes of the size of the table, at the beginning of a block (§4.2, §6.3).
    fn size_updates<'a>(&mut self, mut block: &'a [u8]) -> Result<&'a [u8], HpackError> {
        while let Some(first) = block.first()
            && is_size_update(*first)
        {
            let (size, rest) = integer::read(5, block)?;
            if size > self.most {
                return Err(HpackError::SizeUpdateTooLarge);
            }
            self.table.set_bound(size);
            block = rest;
        }
        Ok(block)
    }

    /// A field of a table (§6.1); what is left.
    fn indexed<'a, E>(
        &mut self,
        block: &'a [u8],
        gate: &mut Gate<impl FnMut(&[u8], &[u8]) -> Result<(), E>, E>,
    ) -> Result<&'a [u8], HpackError> {
        let (index, rest) = integer::read(7, block)?;
        if let Some((name, value)) = static_table::get(index) {
            gate.give(name, value);
            return Ok(rest);
        }
        let age = index.checked_sub(static_table::DYNAMIC).ok_or(HpackError::IndexZero)?;
        let field = self.table.get(age).ok_or(HpackError::IndexTooLarge)?;
        if gate.refused.is_some() {
            return Ok(rest);
        }
        if let Some((name, value)) = field.whole() {
            gate.give(name, value);
            return Ok(rest);
        }
        self.scratch.clear();
        field.name().append_to(&mut self.scratch);
        let name = self.scratch.len();
        field.value().append_to(&mut self.scratch);
        let (name, value) = self.scratch.split_at(name);
        gate.give(name, value);
        Ok(rest)
    }

    /// A field that is written out, at least its value (§6.2); what is left.
    fn literal<'a, E>(
        &mut self,
        first: u8,
        block: &'a [u8],
        gate: &mut Gate<impl FnMut(&[u8], &[u8]) -> Result<(), E>, E>,
    ) -> Result<&'a [u8], HpackError> {
        if is_size_update(first) {
            return Err(HpackError::SizeUpdateTooLate);
        }
        let is_kept = first & 0b0100_0000 != 0;
        let (index, rest) = integer::read(if is_kept { 6 } else { 4 }, block)?;
        self.scratch.clear();
        let rest = if index == 0 { self.string(rest)? } else { self.name(index, rest)? };
        let name = self.scratch.len();
        let rest = self.string(rest)?;
        self.left = self.left.checked_sub(self.scratch.len()).ok_or(HpackError::TooLarge)?;
        let (name, value) = self.scratch.split_at(name);
        if is_kept {
            self.table.add(name, value);
        }
        gate.give(name, value);
        Ok(rest)
    }

    /// Appends the name of an index to the scratch; `rest` again.
    ///
    /// It is copied because the field that it is for may evict it (§4.4).
    fn name<'a>(&mut self, index: usize, rest: &'a [u8]) -> Result<&'a [u8], HpackError> {
        if let Some((name, _)) = static_table::get(index) {
            self.scratch.extend_from_slice(name);
            return Ok(rest);
        }
        let field = self.table.get(index - static_table::DYNAMIC);
        field.ok_or(HpackError::IndexTooLarge)?.name().append_to(&mut self.scratch);
        Ok(rest)
    }

    /// Appends a string to the scratch (§5.2); what is left.
    fn string<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], HpackError> {
        let is_coded = input.first().is_some_and(|first| first & 0b1000_0000 != 0);
        let (len, rest) = integer::read(7, input)?;
        if len > MOST_STRING {
            return Err(HpackError::StringTooLong);
        }
        let (string, rest) = rest.split_at_checked(len).ok_or(HpackError::Truncated)?;
        if !is_coded {
            self.scratch.extend_from_slice(string);
            return Ok(rest);
        }
        let before = self.scratch.len();
        huffman::decode(string, &mut self.scratch)?;
        if self.scratch.len() - before > MOST_STRING {
            return Err(HpackError::StringTooLong);
        }
        Ok(rest)
    }
}

fn is_size_update(first: u8) -> bool {
    first & 0b1110_0000 == 0b0010_0000
}

/// The sink, until it refuses a field.
struct Gate<S, E> {
    sink: S,
    refused: Option<E>,
}

impl<E, S: FnMut(&[u8], &[u8]) -> Result<(), E>> Gate<S, E> {
    fn give(&mut self, name: &[u8], value: &[u8]) {
        if self.refused.is_none() {
            self.refused = (self.sink)(name, value).err();
        }
    }
}
