//! Header blocks as they are sent, RFC 7541 §6.
//!
//! Fields that come again are put into the table; a map from a hash to their age finds them. What
//! could be guessed byte by byte if it were compressed beside what an attacker sends
//! (authorization, cookies) is never put into a table (RFC 7541 §7.1).

use std::hash::BuildHasher;

use hashbrown::HashMap;

use super::table::Table;
use super::{huffman, integer, static_table};

/// Values longer than that are rarely the same twice.
const LONGEST_KEPT: usize = 512;

/// Encodes the header blocks of one connection.
pub struct Encoder {
    table: Table,
    /// Where fields and names were put, by their hash: the number of the addition.
    known: HashMap<u64, u64, foldhash::fast::RandomState>,
    hasher: foldhash::fast::RandomState,
    /// The peer's decoder has to be told of another bound.
    announce: Option<usize>,
    value: Vec<u8>,
    name: Vec<u8>,
    scratch: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// With the table that every peer begins with.
    pub fn new() -> Self {
        Self {
            table: Table::new(4_096),
            known: HashMap::default(),
            hasher: foldhash::fast::RandomState::default(),
            announce: None,
            value: Vec::new(),
            name: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// The peer's decoder has a table of that many bytes; no more than 4,096 are used.
    pub fn set_peer_limit(&mut self, bytes: u32) {
        let bound = (bytes as usize).min(4_096);
        if bound != self.table.bound() {
            self.table.set_bound(bound);
            self.announce = Some(bound);
        }
    }

    /// A new block begins.
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        if let Some(bound) = self.announce.take() {
            integer::write(5, 0b0010_0000, bound, out);
        }
        // What was evicted is forgotten when it is more than what is there.
        if self.known.len() > 4 * self.table.len() + 64 {
            let oldest = self.table.added() - self.table.len() as u64;
            self.known.retain(|_, at| *at >= oldest);
        }
    }

    /// A status.
    pub fn status(&mut self, status: u16, out: &mut Vec<u8>) {
        self.field(b":status", &[itoa::Buffer::new().format(status).as_bytes()], false, out);
    }

    /// A field; its value is these pieces one after the other.
    pub fn field(&mut self, name: &[u8], value: &[&[u8]], sensitive: bool, out: &mut Vec<u8>) {
        let mut text = std::mem::take(&mut self.value);
        text.clear();
        value.iter().for_each(|piece| text.extend_from_slice(piece));
        let mut lower = std::mem::take(&mut self.name);
        lower.clear();
        lower.extend(name.iter().map(u8::to_ascii_lowercase));
        self.put(&lower, &text, sensitive, out);
        (self.value, self.name) = (text, lower);
    }

    fn put(&mut self, name: &[u8], value: &[u8], sensitive: bool, out: &mut Vec<u8>) {
        let fixed = static_table::find(name, value);
        if let Some((index, true)) = fixed {
            return integer::write(7, 0b1000_0000, index, out);
        }
        let both = self.hasher.hash_one((name, value));
        if let Some(index) = self.index(both, name, Some(value)) {
            return integer::write(7, 0b1000_0000, index, out);
        }
        let alone = self.hasher.hash_one(name);
        let named = fixed.map(|(index, _)| index).or_else(|| self.index(alone, name, None));
        let kept = !sensitive && value.len() <= LONGEST_KEPT && comes_again(name);
        let (bits, above) = match (kept, sensitive) {
            (true, _) => (6, 0b0100_0000),
            (false, true) => (4, 0b0001_0000),
            (false, false) => (4, 0),
        };
        integer::write(bits, above, named.unwrap_or(0), out);
        if named.is_none() {
            string(name, out);
        }
        string(value, out);
        if kept {
            let at = self.table.added();
            self.table.add(name, value);
            self.known.insert(both, at);
            self.known.insert(alone, at);
        }
    }

    /// The index of what has this hash, if it is still in the table and really the same.
    fn index(&mut self, hash: u64, name: &[u8], value: Option<&[u8]>) -> Option<usize> {
        let at = *self.known.get(&hash)?;
        let age = usize::try_from(self.table.added() - 1 - at).ok()?;
        self.scratch.clear();
        let len = self.table.copy(age, value.is_some(), &mut self.scratch)?;
        let (known, rest) = self.scratch.split_at(len);
        let same = known == name && value.is_none_or(|value| value == rest);
        same.then_some(age + static_table::DYNAMIC)
    }
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
