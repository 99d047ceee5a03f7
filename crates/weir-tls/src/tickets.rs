//! Session tickets that any process with the same keys opens (RFC 8446 §4.6.1, RFC 5077).
//!
//! A ticket is the name of its key, a nonce, and what rustls wants to find again, under
//! AES-256-GCM. The first key seals; all of them open.
//!
//! Invariant: tickets live as long as their key is kept; whoever makes keys forgets them in time.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use rustls::server::ProducesTickets;
use serde::{Deserialize, Serialize};

use crate::Secret;

/// Bytes of a key: 16 of its name, 32 that are secret.
const KEY_LEN: usize = 48;
const NAME_LEN: usize = 16;

/// A key that seals tickets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketKey {
    /// When it was made, in seconds since 1970.
    pub made: u64,
    /// Name and secret, [`TicketKey::LEN`] bytes.
    pub bytes: Secret,
}

impl TicketKey {
    /// How many random bytes make a key.
    pub const LEN: usize = KEY_LEN;
}

/// The keys in use. Cheap to clone; clones share them.
#[derive(Clone)]
pub struct Tickets {
    keys: Arc<RwLock<Vec<Key>>>,
    lifetime: u32,
}

struct Key {
    name: [u8; NAME_LEN],
    aead: RandomizedNonceKey,
}

impl Key {
    fn new(key: &TicketKey) -> Option<Self> {
        let (name, secret) = key.bytes.bytes().split_first_chunk::<NAME_LEN>()?;
        let aead = RandomizedNonceKey::new(&AES_256_GCM, secret).ok()?;
        Some(Self { name: *name, aead })
    }
}

impl Tickets {
    /// Without keys: no tickets are made. `lifetime` is what clients are told, in seconds.
    pub fn new(lifetime: u32) -> Self {
        Self { keys: Arc::default(), lifetime }
    }

    /// Replaces the keys; the first one seals. One of the wrong length is left out.
    pub fn set(&self, keys: &[TicketKey]) {
        let keys = keys.iter().filter_map(Key::new).collect();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets")
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        !self.keys.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn lifetime(&self) -> u32 {
        self.lifetime
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.first()?;
        let mut sealed = plain.to_vec();
        let nonce = key.aead.seal_in_place_append_tag(Aad::from(key.name), &mut sealed).ok()?;
        Some([&key.name[..], nonce.as_ref(), &sealed].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME_LEN>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.iter().find(|key| key.name == *name)?;
        let mut plain = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let len = key.aead.open_in_place(nonce, Aad::from(*name), &mut plain).ok()?.len();
        plain.truncate(len);
        Some(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> TicketKey {
        TicketKey { made: 0, bytes: Secret::from(&[byte; KEY_LEN][..]) }
    }

    #[test]
    fn whoever_has_the_key_opens_the_ticket() {
        let (one, other) = (Tickets::new(60), Tickets::new(60));
        assert!(!one.enabled() && one.encrypt(b"x").is_none());
        one.set(&[key(1)]);
        other.set(&[key(2), key(1)]);
        let ticket = one.encrypt(b"session").unwrap();
        assert_eq!(other.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_ne!(ticket, one.encrypt(b"session").unwrap(), "another nonce each time");
        other.set(&[key(2)]);
        assert_eq!(other.decrypt(&ticket), None, "the key was forgotten");
    }

    #[test]
    fn a_ticket_that_was_touched_is_no_ticket() {
        let tickets = Tickets::new(60);
        tickets.set(&[key(1)]);
        let ticket = tickets.encrypt(b"session").unwrap();
        for at in 0..ticket.len() {
            let mut touched = ticket.clone();
            touched[at] ^= 1;
            assert_eq!(tickets.decrypt(&touched), None);
            assert_eq!(tickets.decrypt(&ticket[..at]), None);
        }
    }
}
