//! Vocabulary that every room shares: instants, generational slab, timer wheel, limits,
//! hashes, addresses and blocks of them, bytes that leave nothing behind.
//!
//! Must not know: anything else of the project. No I/O, no clock, no randomness, no environment.
//!
//! Invariants: every collection here has a capacity that is fixed when it is made; reaching it is
//! an answer that the caller sees, never growth. ([`Wiped`] is as long as whoever fills it wants.)

mod address;
mod cidr;
mod hash;
mod limits;
mod slab;
mod time;
mod transport;
mod wheel;
mod wiped;

pub use address::{Address, AddressError, LONGEST_PATH, UnixPath};
pub use cidr::{Cidr, CidrError, CidrSet};
pub use hash::{address_hash, mix, stable_hash};
pub use limits::Limits;
pub use slab::{Key, Slab};
pub use time::Instant;
pub use transport::{Endpoint, Transport};
pub use wheel::{Timer, Wheel};
pub use wiped::Wiped;
