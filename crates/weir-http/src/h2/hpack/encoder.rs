//! Header blocks as they are sent, RFC 7541 §6.

use super::hash::{hash, hash_name};
use super::seen::Seen;
use super::table::{Field, Table};
use super::words::lower;
use super::{INITIAL_TABLE, KEPT, huffman, integer, static_table};

/// Longer values are rarely the same twice, and evict many others.
const LONGEST_KEPT: usize = 512;

/// Encodes the header blocks of one connection.
///
/// A field that is likely to come again is put into the table. What could be guessed byte by byte
/// if it were compressed beside what an attacker sends (§7.1) is for the caller to call sensitive:
/// it is written out, and marked so that nobody on the way to the peer indexes it either.
///
/// Memory: a table of 4,096 bytes, 2 KiB of where to find what is in it, 1.5 KiB of where it lies,
/// and scratch space for the longest name and value, of which 4 KiB each are kept.
pub struct Encoder {
    known: Known,
    /// The bound that the peer knows of.
    announced: usize,
    /// The lowest bound that the peer has wanted since the last block began.
    lowest: usize,
    /// A name in lower case.
    name: Vec<u8>,
    /// A value that comes in pieces.
    value: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// With the table of 4,096 bytes that a connection begins with.
    pub fn new() -> Self {
        let known = Known { table: Table::new(INITIAL_TABLE), seen: Seen::new() };
        let (announced, lowest) = (INITIAL_TABLE, INITIAL_TABLE);
        Self { known, announced, lowest, name: Vec::new(), value: Vec::new() }
    }

    /// The peer's decoder has a table of at most that many bytes, of which at most 4,096 are used.
    /// To be called between two blocks; the next one tells the peer.
    pub fn set_peer_limit(&mut self, bytes: u32) {
        let bound = (bytes as usize).min(INITIAL_TABLE);
        self.known.table.set_bound(bound);
        self.lowest = self.lowest.min(bound);
    }

    /// A new block begins.
    ///
    /// The peer learns the lowest bound of the meantime, since it evicted something, and the last
    /// one (§4.2).
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        let bound = self.known.table.bound();
        if self.lowest < self.announced.min(bound) {
            integer::write(5, 0b0010_0000, self.lowest, out);
            self.announced = self.lowest;
        }
        if bound != self.announced {
            integer::write(5, 0b0010_0000, bound, out);
        }
        (self.announced, self.lowest) = (bound, bound);
    }

    /// The status of a response; some have an index of their own (appendix A).
    pub fn status(&mut self, status: u16, out: &mut Vec<u8>) {
        let fixed = match status {
            200 => 8,
            204 => 9,
            206 => 10,
            304 => 11,
            400 => 12,
            404 => 13,
            500 => 14,
            _ => {
                let mut digits = itoa::Buffer::new();
                return self.field(b":status", &[digits.format(status).as_bytes()], false, out);
            }
        };
        integer::write(7, 0b1000_0000, fixed, out);
    }

    /// A field, whose name is sent in lower case; its value is these pieces one after the other.
    /// A sensitive one is not in any table, and never will be (§6.2.3, §7.1.3).
    pub fn field(&mut self, name: &[u8], value: &[&[u8]], sensitive: bool, out: &mut Vec<u8>) {
        let value = match value {
            [] => &[],
            [value] => *value,
            pieces => {
                self.value.clear();
                pieces.iter().for_each(|piece| self.value.extend_from_slice(piece));
                &self.value
            }
        };
        let keys = Keys::of(name, value);
        if !sensitive && let Some(index) = self.known.again(keys, name, value) {
            return integer::write(7, 0b1000_0000, index, out);
        }
        self.name.clear();
        self.name.extend_from_slice(name);
        lower(&mut self.name);
        if sensitive {
            self.known.sensitive(keys, &self.name, value, out);
        } else {
            self.known.another(keys, &self.name, value, out);
        }
        for scratch in [&mut self.name, &mut self.value] {
            if scratch.capacity() > KEPT {
                *scratch = Vec::with_capacity(KEPT);
            }
        }
    }
}

/// What a field is searched by.
#[derive(Clone, Copy)]
struct Keys {
    name: u64,
    /// Name and value.
    field: u64,
}

impl Keys {
    fn of(name: &[u8], value: &[u8]) -> Self {
        let name = hash_name(name);
        // A long value is never put into the table: then any hash will do.
        let value = &value[..value.len().min(LONGEST_KEPT)];
        Self { name, field: hash(name, value) }
    }
}

/// The table, and where to find what is in it.
struct Known {
    table: Table,
    seen: Seen,
}

/// How a literal is written: the bits of its prefix, and those above.
type Form = (u32, u8);

/// It is put into the table (§6.2.1).
const KEPT_LITERAL: Form = (6, 0b0100_0000);
/// It is not (§6.2.2).
const PLAIN_LITERAL: Form = (4, 0);
/// It is not, and is not to be on the way either (§6.2.3).
const NEVER_INDEXED: Form = (4, 0b0001_0000);

impl Known {
    /// The index of a field that was put into the table before; its name in any case.
    fn again(&self, keys: Keys, name: &[u8], value: &[u8]) -> Option<usize> {
        let same = |field: Field<'_>| field.value.is(value) && field.name.is_lower_of(name);
        self.index(keys.field, same)
    }

    /// A field that is not [`again`](Self::again) there.
    fn another(&mut self, keys: Keys, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        let fixed = static_table::find(keys.name, name);
        if let Some(index) = fixed.and_then(|first| static_table::with_value(first, value)) {
            return integer::write(7, 0b1000_0000, index, out);
        }
        let index = fixed.or_else(|| self.named(keys.name, name));
        let is_kept =
            value.len() <= LONGEST_KEPT && comes_again(name) && self.table.fits(name, value);
        if !is_kept {
            return literal(PLAIN_LITERAL, index, name, value, out);
        }
        literal(KEPT_LITERAL, index, name, value, out);
        let entry = self.table.added() as u16;
        self.table.add(name, value);
        self.seen.put(keys.field, entry);
        if fixed.is_none() {
            self.seen.put(keys.name, entry);
        }
    }

    fn sensitive(&mut self, keys: Keys, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        let fixed = static_table::find(keys.name, name);
        let index = fixed.or_else(|| self.named(keys.name, name));
        literal(NEVER_INDEXED, index, name, value, out);
    }

    /// The index of an entry with that name.
    fn named(&self, hash: u64, name: &[u8]) -> Option<usize> {
        self.index(hash, |field| field.name.is(name))
    }

    /// The index of an entry that has that hash and is the `same`.
    fn index(&self, hash: u64, same: impl Fn(Field<'_>) -> bool) -> Option<usize> {
        self.seen.find(hash, |entry| {
            let age = usize::from((self.table.added() as u16).wrapping_sub(entry).wrapping_sub(1));
            self.table.get(age).is_some_and(&same).then_some(static_table::DYNAMIC + age)
        })
    }
}

/// A field that is written out, except for its name if that has an index.
fn literal(form: Form, index: Option<usize>, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    let (bits, above) = form;
    integer::write(bits, above, index.unwrap_or(0), out);
    if index.is_none() {
        string(name, out);
    }
    string(value, out);
}

/// A string, coded when that makes it shorter.
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

/// Fields whose value is another one each time are not worth a place in the table.
fn comes_again(name: &[u8]) -> bool {
    !matches!(
        name,
        b"age"
            | b"content-length"
            | b"content-range"
            | b"etag"
            | b"expires"
            | b"last-modified"
            | b"location"
            | b":path"
            | b"sozu-id"
            | b"x-request-id"
    )
}
