//! How keys come from secrets (RFC 8446 §7).

use aws_lc_rs::aead::NONCE_LEN;
use aws_lc_rs::hkdf::{Algorithm, KeyType, Prk};
use zeroize::Zeroizing;

use crate::Secret;

/// A key and the IV beside it.
pub(super) struct Keys {
    pub(super) key: Zeroizing<Vec<u8>>,
    pub(super) iv: [u8; NONCE_LEN],
}

impl Keys {
    /// Of TLS 1.2: they stand one behind the other.
    pub(super) fn split(secret: &[u8]) -> Option<Self> {
        let (key, iv) = secret.split_last_chunk()?;
        Some(Self { key: Zeroizing::new(key.to_vec()), iv: *iv })
    }
}

/// Of one suite.
#[derive(Clone, Copy)]
pub(super) struct Schedule {
    pub(super) hash: Algorithm,
    pub(super) key_len: usize,
}

impl Schedule {
    /// The keys of a traffic secret.
    pub(super) fn keys(self, secret: &[u8]) -> Option<Keys> {
        let mut iv = [0; NONCE_LEN];
        iv.copy_from_slice(&self.expand(secret, b"iv", NONCE_LEN)?);
        Some(Keys { key: self.expand(secret, b"key", self.key_len)?, iv })
    }

    /// The traffic secret after this one.
    pub(super) fn next(self, secret: &[u8]) -> Option<Secret> {
        let next = self.expand(secret, b"traffic upd", self.hash.len())?;
        Some(Secret::from(&next[..]))
    }

    /// `HKDF-Expand-Label` without context.
    fn expand(self, secret: &[u8], label: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
        if secret.len() != self.hash.len() {
            return None;
        }
        let prk = Prk::new_less_safe(self.hash, secret);
        let (long, short) = ((length as u16).to_be_bytes(), [6 + label.len() as u8]);
        let info = [&long[..], &short, b"tls13 ", label, &[0]];
        let mut out = Zeroizing::new(vec![0; length]);
        prk.expand(&info, Length(length)).ok()?.fill(&mut out).ok()?;
        Some(out)
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}
