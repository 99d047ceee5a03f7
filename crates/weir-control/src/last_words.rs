//! What a worker leaves where main can read it when it dies: a page of memory that both have.
//!
//! A worker notes what it is about to do, in a few stores, and strikes it out afterwards; a panic
//! is noted in words. Main reads the page when the process has ended.
//!
//! Must not know: how the page is come by.
//!
//! Invariants: nothing here allocates while it writes, nor trusts what it reads.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};

/// Of the page.
pub const BYTES: usize = 4096;

const BUSY: usize = 0;
const EPOCH: usize = 1;
const ROUTE: usize = 2;
const CLIENT: usize = 3;
const SESSION: usize = 5;
const PANIC_BYTES: usize = 9;
const PANIC: usize = 10;

/// Bytes of an id in logs.
const ID: usize = 26;

/// What is being worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Identity of the session in logs.
    pub session: [u8; ID],
    /// The other end.
    pub client: IpAddr,
    /// Hash of the frontend that was chosen; 0: none was.
    pub route: u64,
}

/// What a page says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastWords {
    /// The configuration in use.
    pub epoch: u64,
    /// What was being worked on.
    pub work: Option<Work>,
    /// Where it panicked and why.
    pub panic: Option<String>,
}

/// Work begins.
pub fn begin(page: &[AtomicU64], work: &Work) {
    let client = match work.client {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    let client = client.to_bits();
    put(page, CLIENT, (client >> 64) as u64);
    put(page, CLIENT + 1, client as u64);
    put_bytes(page, SESSION, &work.session);
    put(page, ROUTE, work.route);
    put(page, BUSY, 1);
}

/// The frontend of what is being worked on was chosen.
pub fn set_route(page: &[AtomicU64], route: u64) {
    put(page, ROUTE, route);
}

/// Work is done.
pub fn end(page: &[AtomicU64]) {
    put(page, BUSY, 0);
}

/// This configuration is in use.
pub fn set_epoch(page: &[AtomicU64], epoch: u64) {
    put(page, EPOCH, epoch);
}

/// A panic, in words, as far as there is room.
pub fn panicked(page: &[AtomicU64], text: &str) {
    let room = BYTES - PANIC * size_of::<u64>();
    let text = &text.as_bytes()[..text.len().min(room)];
    put_bytes(page, PANIC, text);
    put(page, PANIC_BYTES, text.len() as u64);
}

/// What the bytes of a page say.
pub fn read(bytes: &[u8]) -> LastWords {
    let word = |index: usize| {
        let bytes = bytes.get(index * 8..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u64::from_ne_bytes(*bytes))
    };
    let work = (word(BUSY) != 0).then(|| {
        let client = u128::from(word(CLIENT)) << 64 | u128::from(word(CLIENT + 1));
        let session = bytes.get(SESSION * 8..).and_then(|rest| rest.first_chunk());
        Work {
            session: session.copied().unwrap_or([b'?'; ID]),
            client: Ipv6Addr::from_bits(client).to_canonical(),
            route: word(ROUTE),
        }
    });
    let said = usize::try_from(word(PANIC_BYTES)).unwrap_or(0);
    let said = bytes.get(PANIC * 8..).map(|text| &text[..said.min(text.len())]);
    let panic = said.filter(|said| !said.is_empty());
    let panic = panic.map(|said| String::from_utf8_lossy(said).into_owned());
    LastWords { epoch: word(EPOCH), work, panic }
}

fn put(page: &[AtomicU64], index: usize, value: u64) {
    if let Some(word) = page.get(index) {
        word.store(value, Ordering::Relaxed);
    }
}

#[inline]
fn put_bytes(page: &[AtomicU64], index: usize, bytes: &[u8]) {
    let (words, rest) = bytes.as_chunks();
    for (at, word) in words.iter().enumerate() {
        put(page, index + at, u64::from_ne_bytes(*word));
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        put(page, index + words.len(), u64::from_ne_bytes(word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(words: usize) -> Vec<AtomicU64> {
        (0..words).map(|_| AtomicU64::new(0)).collect()
    }

    fn read_again(page: &[AtomicU64]) -> LastWords {
        let words = page.iter().map(|word| word.load(Ordering::Relaxed).to_ne_bytes());
        read(&words.flatten().collect::<Vec<_>>())
    }

    fn work(client: &str) -> Work {
        let client = client.parse().expect("an address");
        Work { session: *b"01KAYVGYDTXM6Q8Z0000000000", client, route: 7 }
    }

    #[test]
    fn what_was_begun_is_read_until_it_is_done() {
        let page = page(BYTES / 8);
        assert_eq!(read_again(&page), LastWords::default());
        for client in ["192.0.2.1", "2001:db8::1"] {
            set_epoch(&page, 3);
            begin(&page, &work(client));
            set_route(&page, 9);
            let words =
                LastWords { epoch: 3, work: Some(Work { route: 9, ..work(client) }), panic: None };
            assert_eq!(read_again(&page), words);
            end(&page);
            assert_eq!(read_again(&page), LastWords { work: None, ..words });
        }
    }

    #[test]
    fn a_panic_is_cut_to_the_room_there_is() {
        let page = page(BYTES / 8);
        panicked(&page, "at a.rs:1: why");
        assert_eq!(read_again(&page).panic.as_deref(), Some("at a.rs:1: why"));
        panicked(&page, &"x".repeat(2 * BYTES));
        assert_eq!(read_again(&page).panic.map(|text| text.len()), Some(BYTES - 80));
    }

    #[test]
    fn a_page_that_is_none_says_nothing_and_hurts_nobody() {
        let page = page(4);
        begin(&page, &work("::1"));
        panicked(&page, "why");
        assert!(read_again(&page).panic.is_none());
        read(&[0xff; BYTES]);
        read(&[0xff; 11]);
        assert_eq!(read(&[]), LastWords::default());
    }
}
