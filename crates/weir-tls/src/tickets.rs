//! Session tickets that any process with the same keys opens (RFC 8446 §4.6.1, RFC 5077).
//!
//! A ticket is the name of its key, a nonce, and what rustls wants to find again, under
//! AES-256-GCM. The first key seals; all of them open.
//!
//! Invariants: tickets live as long as their key is kept; whoever makes keys forgets them in time.
//! A session is resumed only where clients are asked for the same proof of who they are: rustls
//! does not ask again, so a ticket of a listener that asks for nothing must not open another.

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

/// The tickets of listeners that ask clients for the same.
pub(crate) struct Bound {
    pub(crate) tickets: Tickets,
    /// What is asked, in a few bytes.
    pub(crate) terms: [u8; 32],
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets")
    }
}

impl Bound {
    fn aad(&self, key: &[u8; NAME_LEN]) -> Aad<[u8; 48]> {
        let mut aad = [0; 48];
        aad[..NAME_LEN].copy_from_slice(key);
        aad[NAME_LEN..].copy_from_slice(&self.terms);
        Aad::from(aad)
    }
}

impl ProducesTickets for Bound {
    fn enabled(&self) -> bool {
        !self.tickets.keys.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn lifetime(&self) -> u32 {
        self.tickets.lifetime
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let keys = self.tickets.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.first()?;
        let mut sealed = plain.to_vec();
        let nonce = key.aead.seal_in_place_append_tag(self.aad(&key.name), &mut sealed).ok()?;
        Some([&key.name[..], nonce.as_ref(), &sealed].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME_LEN>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let keys = self.tickets.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.iter().find(|key| key.name == *name)?;
        let mut plain = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let len = key.aead.open_in_place(nonce, self.aad(name), &mut plain).ok()?.len();
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

    fn with(keys: &[TicketKey]) -> Bound {
        let tickets = Tickets::new(60);
        tickets.set(keys);
        Bound { tickets, terms: [0; 32] }
    }

    #[test]
    fn whoever_has_the_key_opens_the_ticket() {
        let (one, other) = (with(&[]), with(&[key(2), key(1)]));
        assert!(!one.enabled() && one.encrypt(b"x").is_none());
        one.tickets.set(&[key(1)]);
        let ticket = one.encrypt(b"session").unwrap();
        assert_eq!(other.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_ne!(ticket, one.encrypt(b"session").unwrap(), "another nonce each time");
        other.tickets.set(&[key(2)]);
        assert_eq!(other.decrypt(&ticket), None, "the key was forgotten");
    }

    #[test]
    fn a_ticket_that_was_touched_is_no_ticket() {
        let tickets = with(&[key(1)]);
        let ticket = tickets.encrypt(b"session").unwrap();
        for at in 0..ticket.len() {
            let mut touched = ticket.clone();
            touched[at] ^= 1;
            assert_eq!(tickets.decrypt(&touched), None);
            assert_eq!(tickets.decrypt(&ticket[..at]), None);
        }
        let elsewhere = Bound { terms: [1; 32], ..tickets };
        assert_eq!(elsewhere.decrypt(&ticket), None, "clients are asked for something else there");
    }
}
