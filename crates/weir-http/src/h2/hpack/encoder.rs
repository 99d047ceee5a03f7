//! Header blocks as they are sent, RFC 7541 §6.

use super::known::{Known, Place, comes_again};
use super::literal::{self, Form};
use super::words::lower;
use super::{INITIAL_TABLE, KEPT, integer};

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
        let (announced, lowest) = (INITIAL_TABLE, INITIAL_TABLE);
        Self { known: Known::new(), announced, lowest, name: Vec::new(), value: Vec::new() }
    }

    /// With a peer whose table is not known here: it is emptied by the next block. The peer's
    /// decoder has a table of at most `bytes`.
    pub fn anew(bytes: u32) -> Self {
        let mut encoder = Self::new();
        encoder.set_peer_limit(bytes);
        encoder.lowest = 0;
        encoder
    }

    /// The peer's decoder has a table of at most that many bytes, of which at most 4,096 are used.
    /// To be called between two blocks; the next one tells the peer.
    pub fn set_peer_limit(&mut self, bytes: u32) {
        let bound = (bytes as usize).min(INITIAL_TABLE);
        self.known.set_bound(bound);
        self.lowest = self.lowest.min(bound);
    }

    /// A new block begins.
    ///
    /// The peer learns the lowest bound of the meantime, since it evicted something, and the last
    /// one (§4.2).
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        let bound = self.known.bound();
        if self.lowest < self.announced.min(bound) {
            integer::write(5, 0b0010_0000, self.lowest, out);
            self.announced = self.lowest;
        }
        if bound != self.announced {
            integer::write(5, 0b0010_0000, bound, out);
        }
        (self.announced, self.lowest) = (bound, bound);
        self.known.begin();
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

    /// What a request is for; common words have indices of their own (appendix A).
    pub fn request(&mut self, method: &[u8], scheme: &[u8], path: &[u8], out: &mut Vec<u8>) {
        match method {
            b"GET" => integer::write(7, 0b1000_0000, 2, out),
            b"POST" => integer::write(7, 0b1000_0000, 3, out),
            _ => self.field(b":method", &[method], false, out),
        }
        match scheme {
            b"http" => integer::write(7, 0b1000_0000, 6, out),
            _ => integer::write(7, 0b1000_0000, 7, out),
        }
        match path {
            b"/" => integer::write(7, 0b1000_0000, 4, out),
            _ => literal::write(Form::NotIndexed, Some(4), b"", path, out),
        }
    }

    /// A field, whose name is sent in lower case; its value is these pieces one after the other.
    /// A sensitive one is not in any table, and never will be (§6.2.3, §7.1.3).
    pub fn field(&mut self, name: &[u8], value: &[&[u8]], sensitive: bool, out: &mut Vec<u8>) {
        let [value] = value else {
            let mut whole = std::mem::take(&mut self.value);
            whole.clear();
            value.iter().for_each(|piece| whole.extend_from_slice(piece));
            self.field(name, &[&whole], sensitive, out);
            self.value = whole;
            return give_back(&mut self.value);
        };
        if sensitive || !comes_again(name) {
            return self.changing(name, value, sensitive, out);
        }
        match self.known.find(name, value) {
            Some(index) => integer::write(7, 0b1000_0000, index, out),
            None => _ = self.other(name, value, false, out),
        }
    }

    /// A field whose value is not looked for.
    fn changing(&mut self, name: &[u8], value: &[u8], sensitive: bool, out: &mut Vec<u8>) {
        if let Some(index) = self.known.guess_name(name, value) {
            let form = if sensitive { Form::NeverIndexed } else { Form::NotIndexed };
            return literal::write(form, Some(index), b"", value, out);
        }
        let index = self.other(name, value, sensitive, out);
        self.known.remember(index);
    }

    /// A field that did not come before, or is sensitive; the index of its name, if that had one.
    #[inline(never)]
    fn other(
        &mut self,
        name: &[u8],
        value: &[u8],
        sensitive: bool,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        self.name.clear();
        self.name.extend_from_slice(name);
        lower(&mut self.name);
        let place = if sensitive {
            Place::Literal(Form::NeverIndexed, self.known.find_name(&self.name))
        } else {
            self.known.place(name, &self.name, value)
        };
        let index = match place {
            Place::Index(index) => {
                integer::write(7, 0b1000_0000, index, out);
                Some(index)
            }
            Place::Literal(form, index) => {
                literal::write(form, index, &self.name, value, out);
                index
            }
        };
        give_back(&mut self.name);
        index
    }
}

/// Gives room back that few fields need.
fn give_back(scratch: &mut Vec<u8>) {
    if scratch.capacity() > KEPT {
        *scratch = Vec::with_capacity(KEPT);
    }
}
