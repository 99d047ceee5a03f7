//! One direction of a connection: its key, and the number of the next record.
//!
//! Invariants: a number is used once with a key; nothing is sealed with a key beyond what the
//! cipher is safe for, see [`Half::is_worn`].

use std::ops::Range;

use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce,
    UnboundKey,
};
use aws_lc_rs::hkdf::{HKDF_SHA256, HKDF_SHA384};
use rustls::crypto::aws_lc_rs::ALL_CIPHER_SUITES;
use rustls::{CipherSuite, PeerMisbehaved, SupportedCipherSuite};
use zeroize::Zeroizing;

use super::schedule::{Keys, Schedule};
use super::{APPLICATION_DATA, HEADER, MAX_RECORD, TEXT};
use crate::Secret;

const TAG: usize = 16;

/// The part of a nonce that a record of TLS 1.2 with AES has in front (RFC 5288 §3).
const EXPLICIT: usize = 8;

/// What the handshake agreed on.
#[derive(Clone, Copy)]
pub(crate) struct Suite(SupportedCipherSuite);

impl Suite {
    pub(crate) fn new(suite: SupportedCipherSuite) -> Self {
        Self(suite)
    }

    /// The one with this number (the TLS Cipher Suites registry).
    pub(crate) fn of(number: u16) -> Option<Self> {
        let found = ALL_CIPHER_SUITES.iter().find(|s| u16::from(s.suite()) == number)?;
        Some(Self(*found))
    }

    pub(crate) fn number(self) -> u16 {
        self.0.suite().into()
    }

    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        self.0.suite().as_str().unwrap_or("unknown")
    }

    /// `TLSv1.2` or `TLSv1.3`.
    pub(crate) fn version(self) -> &'static str {
        if self.is_tls13() { "TLSv1.3" } else { "TLSv1.2" }
    }

    pub(crate) fn is_tls13(self) -> bool {
        self.0.tls13().is_some()
    }

    fn algorithm(self) -> &'static Algorithm {
        match self.0.suite() {
            CipherSuite::TLS13_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => &AES_128_GCM,
            CipherSuite::TLS13_AES_256_GCM_SHA384
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => &AES_256_GCM,
            _ => &CHACHA20_POLY1305,
        }
    }

    /// How keys come from secrets; `None`: the secret is the key.
    fn schedule(self) -> Option<Schedule> {
        let hash = match self.0.suite() {
            CipherSuite::TLS13_AES_256_GCM_SHA384 => HKDF_SHA384,
            _ => HKDF_SHA256,
        };
        self.is_tls13().then_some(Schedule { hash, key_len: self.algorithm().key_len() })
    }

    /// Records that may be sealed with one key.
    fn endurance(self) -> u64 {
        let common = match self.0 {
            SupportedCipherSuite::Tls13(suite) => &suite.common,
            SupportedCipherSuite::Tls12(suite) => &suite.common,
        };
        common.confidentiality_limit
    }

    /// Bytes of the nonce that each record shows.
    fn explicit(self) -> usize {
        let shown = !self.is_tls13() && self.algorithm() != &CHACHA20_POLY1305;
        if shown { EXPLICIT } else { 0 }
    }
}

/// One direction.
pub(crate) struct Half {
    suite: Suite,
    /// What the key was made from; of TLS 1.2, the key and behind it the IV.
    secret: Secret,
    key: LessSafeKey,
    iv: [u8; NONCE_LEN],
    /// Records so far.
    count: u64,
}

impl Half {
    /// `None`: the secret is not one of this suite.
    pub(crate) fn new(suite: Suite, secret: Secret, count: u64) -> Option<Self> {
        let Keys { key, iv } = match suite.schedule() {
            Some(schedule) => schedule.keys(secret.bytes())?,
            None => Keys::split(secret.bytes())?,
        };
        let key = LessSafeKey::new(UnboundKey::new(suite.algorithm(), &key).ok()?);
        Some(Self { suite, secret, key, iv, count })
    }

    pub(crate) fn suite(&self) -> Suite {
        self.suite
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Its key has sealed as much as is safe.
    pub(crate) fn is_worn(&self) -> bool {
        self.count >= self.suite.endurance()
    }

    /// Goes on with the next key (RFC 8446 §7.2); `None`: there is none.
    pub(crate) fn renew(&mut self) -> Option<()> {
        let next = self.suite.schedule()?.next(self.secret.bytes())?;
        *self = Self::new(self.suite, next, 0)?;
        Some(())
    }

    /// Appends a record; `text` is at most [`TEXT`] bytes. `None`: the cipher does not work.
    pub(crate) fn seal(&mut self, kind: u8, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let nonce = self.nonce();
        let (tls13, explicit) = (self.suite.is_tls13(), self.suite.explicit());
        let length = explicit + text.len() + usize::from(tls13) + TAG;
        let shown = if tls13 { APPLICATION_DATA } else { kind };
        let header = header(shown, length);
        out.reserve(HEADER + length);
        out.extend_from_slice(&header);
        out.extend_from_slice(&nonce[NONCE_LEN - explicit..]);
        let start = out.len();
        out.extend_from_slice(text);
        if tls13 {
            out.push(kind);
        }
        let aad = self.aad(header, text.len());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = &mut out[start..];
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(aad.bytes()), sealed);
        out.extend_from_slice(tag.ok()?.as_ref());
        self.count += 1;
        Some(())
    }

    /// Decrypts a record where it lies: its kind, and where its text is.
    pub(crate) fn open(&mut self, record: &mut [u8]) -> Result<(u8, Range<usize>), rustls::Error> {
        let (tls13, explicit) = (self.suite.is_tls13(), self.suite.explicit());
        let shown = record[0];
        let start = HEADER + explicit;
        let Some(len) = record.len().checked_sub(start + TAG) else {
            return Err(rustls::Error::DecryptError);
        };
        let mut nonce = self.nonce();
        nonce[NONCE_LEN - explicit..].copy_from_slice(&record[HEADER..start]);
        let aad = self.aad(header(shown, record.len() - HEADER), len);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.key.open_in_place(nonce, Aad::from(aad.bytes()), &mut record[start..]);
        let text = opened.map_err(|_| rustls::Error::DecryptError)?;
        self.count += 1;
        if !tls13 {
            let short = text.len() <= TEXT;
            let text = start..start + text.len();
            return if short { Ok((shown, text)) } else { Err(TOO_LONG) };
        }
        // Zeros behind the kind are padding (RFC 8446 §5.4).
        let end = text.iter().rposition(|byte| *byte != 0);
        match end {
            None => Err(PeerMisbehaved::IllegalTlsInnerPlaintext.into()),
            Some(end) if end > TEXT => Err(TOO_LONG),
            Some(end) => Ok((text[end], start..start + end)),
        }
    }

    /// Of the next record.
    fn nonce(&self) -> [u8; NONCE_LEN] {
        let mut nonce = self.iv;
        let count = self.count.to_be_bytes();
        nonce[NONCE_LEN - count.len()..].iter_mut().zip(count).for_each(|(a, b)| *a ^= b);
        nonce
    }

    /// What is authenticated beside the text: the header (RFC 8446 §5.2), or number and header with
    /// the length of the text (RFC 5246 §6.2.3.3).
    fn aad(&self, header: [u8; HEADER], text: usize) -> Authenticated {
        let mut bytes = [0; 8 + HEADER];
        bytes[..8].copy_from_slice(&self.count.to_be_bytes());
        bytes[8..].copy_from_slice(&header);
        if self.suite.is_tls13() {
            return Authenticated { bytes, from: 8 };
        }
        bytes[8 + 3..].copy_from_slice(&(text as u16).to_be_bytes());
        Authenticated { bytes, from: 0 }
    }
}

const TOO_LONG: rustls::Error = rustls::Error::PeerSentOversizedRecord;

struct Authenticated {
    bytes: [u8; 8 + HEADER],
    from: usize,
}

impl Authenticated {
    fn bytes(&self) -> &[u8] {
        &self.bytes[self.from..]
    }
}

fn header(kind: u8, length: usize) -> [u8; HEADER] {
    let [high, low] = (length as u16).to_be_bytes();
    [kind, 3, 3, high, low]
}

/// The first record that lies whole in `bytes`: its length. `None`: more has to come.
pub(crate) fn whole(bytes: &[u8]) -> Result<Option<usize>, rustls::Error> {
    let [_, _, _, high, low, content @ ..] = bytes else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if HEADER + length > MAX_RECORD {
        return Err(TOO_LONG);
    }
    Ok((content.len() >= length).then_some(HEADER + length))
}

/// The secret of TLS 1.2: a key and its IV.
pub(crate) fn joined(key: &[u8], iv: &[u8]) -> Secret {
    let joined = Zeroizing::new([key, iv].concat());
    Secret::from(&joined[..])
}
