//! Lists of addresses, and who is served by them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use weir_base::Cidr;

/// Lists of a state, at most.
pub const MOST_LISTS: usize = 1024;
/// Blocks of all lists of a state, at most.
pub const MOST_BLOCKS: usize = 1_000_000;
/// Blocks in one order or request, so that neither is too long.
pub const BLOCKS_AT_ONCE: usize = 500;

/// The blocks of a list.
pub type AddressList = BTreeSet<Cidr>;

/// Who is served, by names of lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Nobody else is, where lists are named.
    pub allow: Vec<String>,
    /// They are not, whatever the others say.
    pub deny: Vec<String>,
}

impl Access {
    /// Everybody is served.
    pub fn is_open(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// All lists that are named.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.allow.iter().chain(&self.deny).map(String::as_str)
    }
}
