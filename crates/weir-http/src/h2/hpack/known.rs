//! What the peer's decoder knows, and what is worth to be known to it.

use super::hash::{hash, hash_name};
use super::literal::Form;
use super::seen::Seen;
use super::table::{Field, Table};
use super::{INITIAL_TABLE, static_table};
use crate::message::bytes::token_is;

/// Longer values are rarely the same twice, and evict many others.
const LONGEST_KEPT: usize = 512;

/// How a field is to be written.
pub(super) enum Place {
    /// It has an index.
    Index(usize),
    /// It is written out, with the index of its name if that has one.
    Literal(Form, Option<usize>),
}

/// Names that are guessed in a block.
const NAMES: usize = 8;

/// Where a name is that has an index.
#[derive(Clone, Copy)]
enum Named {
    Nowhere,
    Fixed(u8),
    /// The number of an entry.
    Entry(u16),
}

/// The table, and where to find what is in it.
///
/// The table is that of the peer, except that names stand in it as the caller wrote them: so that a
/// field that comes again is compared at once, without putting its name into lower case before.
pub(super) struct Known {
    table: Table,
    seen: Seen,
    /// The entry that may be the next one to be found: heads of one origin have their fields in one
    /// order, in which they were put into the table. It spares the search by hash.
    guess: u16,
    /// The first entry that was found in a block, which is the first guess for the next one.
    first: u16,
    /// Nothing was found in this block so far.
    is_first: bool,
    /// The names of those fields of the block before whose values are others each time, in their
    /// order, which is mostly that of the next block too.
    names: [Named; NAMES],
    /// How many of them this block has had.
    named: usize,
}

impl Known {
    /// With the table that a connection begins with.
    pub(super) fn new() -> Self {
        Self {
            table: Table::new(INITIAL_TABLE),
            seen: Seen::new(),
            guess: 0,
            first: 0,
            is_first: true,
            names: [Named::Nowhere; NAMES],
            named: 0,
        }
    }

    pub(super) fn bound(&self) -> usize {
        self.table.bound()
    }

    /// Changes the bound, within the one of the beginning.
    pub(super) fn set_bound(&mut self, bound: usize) {
        self.table.set_bound(bound);
    }

    /// A block begins.
    pub(super) fn begin(&mut self) {
        (self.guess, self.is_first) = (self.first, true);
        self.named = 0;
    }

    /// The index of a field that came before, with its name written in the same way.
    #[inline]
    pub(super) fn find(&mut self, name: &[u8], value: &[u8]) -> Option<usize> {
        let guessed = self.index(self.guess, |field| field.is(name, value));
        if guessed.is_some() {
            self.guess = self.guess.wrapping_add(1);
            self.is_first = false;
            return guessed;
        }
        self.search(name, value)
    }

    /// The same by hash.
    #[inline(never)]
    fn search(&mut self, name: &[u8], value: &[u8]) -> Option<usize> {
        if value.len() > LONGEST_KEPT {
            return None;
        }
        let found = self.seen.find(key(name, value), |entry| {
            self.index(entry, |field| field.is(name, value)).map(|index| (index, entry))
        });
        let (index, entry) = found?;
        self.guess = entry.wrapping_add(1);
        if std::mem::take(&mut self.is_first) {
            self.first = entry;
        }
        Some(index)
    }

    /// The index of the name of a field whose value is another one each time, if it is where it
    /// was in the block before. If it is not, it is to be [remembered](Self::remember).
    #[inline]
    pub(super) fn guess_name(&mut self, name: &[u8], value: &[u8]) -> Option<usize> {
        let index = match self.names[self.named % NAMES] {
            Named::Nowhere => None,
            Named::Fixed(index) => {
                let index = usize::from(index);
                let (known, _) = static_table::get(index)?;
                let same = name.eq_ignore_ascii_case(known);
                // With an index for its value too, it needs no literal.
                (same && static_table::with_value(index, value).is_none()).then_some(index)
            }
            Named::Entry(entry) => self.index(entry, |field| field.name().is(name)),
        }?;
        self.named += 1;
        Some(index)
    }

    /// The next name is where this index says.
    pub(super) fn remember(&mut self, index: Option<usize>) {
        let newest = (self.table.next() as u16).wrapping_sub(1);
        self.names[self.named % NAMES] = match index {
            None => Named::Nowhere,
            Some(index) => match index.checked_sub(static_table::DYNAMIC) {
                None => Named::Fixed(index as u8),
                Some(age) => Named::Entry(newest.wrapping_sub(age as u16)),
            },
        };
        self.named += 1;
    }

    /// The index of a name, which is in lower case.
    pub(super) fn find_name(&self, lower: &[u8]) -> Option<usize> {
        let hash = hash_name(lower);
        static_table::find(hash, lower).or_else(|| self.named(hash, lower))
    }

    /// How a field is to be written that [`find`](Self::find) does not find; `name` as the caller
    /// writes it, `lower` in lower case. When it is to be put into the peer's table, it is in this
    /// one afterwards.
    pub(super) fn place(&mut self, name: &[u8], lower: &[u8], value: &[u8]) -> Place {
        let hash = hash_name(lower);
        let fixed = static_table::find(hash, lower);
        if let Some(index) = fixed.and_then(|first| static_table::with_value(first, value)) {
            return Place::Index(index);
        }
        let index = fixed.or_else(|| self.named(hash, lower));
        // A name without an index comes again, even when its value does not.
        let is_worth_it = index.is_none() || comes_again(lower);
        if !is_worth_it || value.len() > LONGEST_KEPT || !self.table.fits(name, value) {
            return Place::Literal(Form::NotIndexed, index);
        }
        // It may have taken the place of the field that was guessed.
        self.guess = self.guess.wrapping_add(1);
        let entry = self.table.next() as u16;
        self.table.add(name, value);
        self.seen.put(key(name, value), entry);
        if fixed.is_none() {
            self.seen.put(hash, entry);
        }
        Place::Literal(Form::Indexed, index)
    }

    /// The index of an entry with that name, whose hash is `hash`.
    fn named(&self, hash: u64, lower: &[u8]) -> Option<usize> {
        let same = |field: Field<'_>| field.name().is_ignoring_case(lower);
        self.seen.find(hash, |entry| self.index(entry, same))
    }

    /// The index of an entry by its number, when it is there and the `same`.
    #[inline]
    fn index(&self, entry: u16, same: impl Fn(Field<'_>) -> bool) -> Option<usize> {
        let age = usize::from((self.table.next() as u16).wrapping_sub(entry).wrapping_sub(1));
        self.table.get(age).is_some_and(same).then_some(static_table::DYNAMIC + age)
    }
}

/// What a field is searched by.
fn key(name: &[u8], value: &[u8]) -> u64 {
    hash(hash(0, name), value)
}

/// Fields whose value is another one each time are not worth a search, or a place in the table.
#[inline]
pub(super) fn comes_again(name: &[u8]) -> bool {
    match name.len() {
        3 => !token_is(name, b"age"),
        4 => !token_is(name, b"etag"),
        5 => name != b":path",
        7 => !token_is(name, b"expires") && !token_is(name, b"sozu-id"),
        8 => !token_is(name, b"location"),
        12 => !token_is(name, b"x-request-id"),
        13 => !token_is(name, b"last-modified") && !token_is(name, b"content-range"),
        14 => !token_is(name, b"content-length"),
        _ => true,
    }
}
