//! The certificates of a listener, and which one a client gets.
//!
//! A name has any number of certificates. Those whose key the client can check are candidates; of
//! them, one that has not expired comes before one that has, a key that is cheap to sign with
//! before RSA, then the one that expires last.
//!
//! Invariants: a certificate and its key are parsed when a client first needs them, and kept once,
//! in one form or the other; equal issuers are kept once for the whole store.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use rustls::SignatureAlgorithm;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::{Der, Fingerprint, Secret};

/// A certificate that is to be served.
pub struct Offer {
    /// Of the leaf.
    pub fingerprint: Fingerprint,
    /// Lower case, `*.` for one label.
    pub names: Vec<String>,
    /// Seconds since 1970.
    pub expires: i64,
    /// The leaf first.
    pub chain: Vec<Der>,
    /// Of the leaf.
    pub key: Secret,
}

/// A certificate as it is served.
pub struct Entry {
    fingerprint: Fingerprint,
    names: Box<[Box<str>]>,
    expires: i64,
    material: Mutex<Material>,
}

/// What an entry holds.
enum Material {
    Bytes {
        chain: Box<[Der]>,
        key: Secret,
    },
    Ready(Arc<CertifiedKey>),
    /// The key cannot be used: the one who added it did not look.
    Useless,
}

impl Entry {
    /// Whether a host is one of those that the certificate was made for; lower case, no final dot.
    pub fn covers(&self, host: &[u8]) -> bool {
        self.names.iter().any(|name| matches(name.as_bytes(), host))
    }

    /// Of the leaf.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn ready(&self) -> Option<Arc<CertifiedKey>> {
        let mut material = self.material.lock().unwrap_or_else(PoisonError::into_inner);
        if let Material::Bytes { chain, key } = &*material {
            *material = parse(chain, key).map_or(Material::Useless, Material::Ready);
        }
        match &*material {
            Material::Ready(ready) => Some(Arc::clone(ready)),
            _ => None,
        }
    }
}

fn parse(chain: &[Der], key: &Secret) -> Option<Arc<CertifiedKey>> {
    let chain = chain.iter().map(|der| CertificateDer::from(der.bytes().to_vec())).collect();
    let key = PrivateKeyDer::try_from(key.bytes()).ok()?;
    Some(Arc::new(CertifiedKey::new(chain, any_supported_type(&key).ok()?)))
}

fn matches(name: &[u8], host: &[u8]) -> bool {
    let same = |a: &[u8], b: &[u8]| a.eq_ignore_ascii_case(b);
    match name.strip_prefix(b"*") {
        Some(suffix) => {
            let at = host.iter().position(|byte| *byte == b'.');
            at.is_some_and(|at| at > 0 && same(suffix, &host[at..]))
        }
        None => same(name, host),
    }
}

/// The certificates of one listener. Clones share them.
#[derive(Clone, Default)]
pub struct Store(Arc<Shared>);

#[derive(Default)]
struct Shared {
    inner: RwLock<Inner>,
    /// What the handshake that is being worked on was answered with.
    chosen: Mutex<Option<Chosen>>,
}

#[derive(Default)]
struct Inner {
    by_name: HashMap<Box<str>, Vec<Arc<Entry>>>,
    by_fingerprint: HashMap<Fingerprint, Arc<Entry>>,
    default: Option<Arc<Entry>>,
    issuers: HashSet<Der>,
}

/// What was found for a client.
#[derive(Clone)]
pub(crate) struct Chosen {
    /// The name it asked for.
    pub(crate) server_name: Option<Box<str>>,
    pub(crate) entry: Option<Arc<Entry>>,
    pub(crate) is_default: bool,
}

impl Store {
    /// Adds a certificate, or replaces the one with its fingerprint.
    pub fn add(&self, offer: Offer) {
        let mut inner = self.write();
        inner.remove(&offer.fingerprint);
        let entry = inner.entry(offer);
        inner.by_fingerprint.insert(entry.fingerprint, Arc::clone(&entry));
        for name in &entry.names {
            let list = inner.by_name.entry(name.clone()).or_default();
            list.push(Arc::clone(&entry));
        }
    }

    /// Removes a certificate; connections that use it go on.
    pub fn remove(&self, fingerprint: &Fingerprint) {
        self.write().remove(fingerprint);
    }

    /// For clients that name nobody, or somebody unknown; `None`: they are refused.
    pub fn set_default(&self, offer: Option<Offer>) {
        let mut inner = self.write();
        let entry = offer.map(|offer| inner.entry(offer));
        inner.default = entry;
    }

    /// A certificate that is served; the default one when it `is_default`.
    pub fn entry(&self, fingerprint: &Fingerprint, is_default: bool) -> Option<Arc<Entry>> {
        let inner = self.0.inner.read().unwrap_or_else(PoisonError::into_inner);
        let entry = match is_default {
            true => inner.default.as_ref(),
            false => inner.by_fingerprint.get(fingerprint),
        };
        entry.filter(|entry| entry.fingerprint == *fingerprint).cloned()
    }

    /// Names and fingerprints, those that would be served to clients that ask for `domain`, or all.
    pub fn list(&self, domain: Option<&str>) -> Vec<(String, Fingerprint)> {
        let inner = self.0.inner.read().unwrap_or_else(PoisonError::into_inner);
        let of = |(name, entries): (&str, &[Arc<Entry>])| {
            let name = name.to_owned();
            entries.iter().map(|e| (name.clone(), e.fingerprint)).collect::<Vec<_>>()
        };
        let mut list: Vec<_> = match domain {
            Some(domain) => inner
                .candidates(&domain.to_ascii_lowercase())
                .map(of)
                .into_iter()
                .flatten()
                .collect(),
            None => inner.by_name.iter().flat_map(|(name, list)| of((name, list))).collect(),
        };
        list.sort();
        list
    }

    /// What a client is shown that asks for a name and can check everything; whether it is the
    /// default.
    pub fn serves(&self, name: &str) -> Option<(Fingerprint, bool)> {
        let every = default_provider().signature_verification_algorithms.supported_schemes();
        let inner = self.0.inner.read().unwrap_or_else(PoisonError::into_inner);
        let (entry, is_default) = inner.choose(Some(&name.to_ascii_lowercase()), &every)?;
        Some((entry.fingerprint, is_default))
    }

    /// Takes what the handshake that was just worked on was answered with.
    pub(crate) fn take_chosen(&self) -> Option<Chosen> {
        self.0.chosen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Inner> {
        self.0.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn entry(&mut self, offer: Offer) -> Arc<Entry> {
        let mut chain = offer.chain;
        for issuer in chain.iter_mut().skip(1) {
            match self.issuers.get(issuer) {
                Some(known) => *issuer = known.clone(),
                None => _ = self.issuers.insert(issuer.clone()),
            }
        }
        let material = Material::Bytes { chain: chain.into(), key: offer.key };
        Arc::new(Entry {
            fingerprint: offer.fingerprint,
            names: offer.names.into_iter().map(Into::into).collect(),
            expires: offer.expires,
            material: Mutex::new(material),
        })
    }

    fn remove(&mut self, fingerprint: &Fingerprint) {
        let Some(entry) = self.by_fingerprint.remove(fingerprint) else { return };
        for name in &entry.names {
            let Some(list) = self.by_name.get_mut(name) else { continue };
            list.retain(|other| other.fingerprint != *fingerprint);
            if list.is_empty() {
                self.by_name.remove(name);
            }
        }
        if self.by_fingerprint.is_empty() {
            self.issuers.clear();
        }
    }

    /// The certificates of a name, exact before wildcard, and the name they are found under.
    fn candidates(&self, name: &str) -> Option<(&str, &[Arc<Entry>])> {
        let find = |name: &str| self.by_name.get_key_value(name);
        let found = find(name).or_else(|| {
            let at = name.find('.').filter(|at| *at > 0)?;
            find(&format!("*{}", &name[at..]))
        });
        found.map(|(name, list)| (&**name, &list[..]))
    }

    fn choose(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<(Arc<Entry>, bool)> {
        let now = i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX);
        let list = name.and_then(|name| self.candidates(name)).map_or(&[][..], |(_, list)| list);
        let usable = list.iter().filter_map(|entry| {
            let key = entry.ready()?;
            key.key.choose_scheme(schemes)?;
            let cheap = key.key.algorithm() != SignatureAlgorithm::RSA;
            Some(((entry.expires > now, cheap, entry.expires, entry.fingerprint), entry))
        });
        let best = usable.max_by_key(|(rank, _)| *rank).map(|(_, entry)| entry);
        // A name with certificates that the client cannot check gets one all the same: the alert
        // that follows says what is missing.
        let any = best.or_else(|| list.first());
        any.map(|entry| (Arc::clone(entry), false))
            .or_else(|| self.default.as_ref().map(|entry| (Arc::clone(entry), true)))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

impl ResolvesServerCert for Store {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        let inner = self.0.inner.read().unwrap_or_else(PoisonError::into_inner);
        let found = inner.choose(name.as_deref(), hello.signature_schemes());
        let is_default = found.as_ref().is_some_and(|(_, is_default)| *is_default);
        let entry = found.map(|(entry, _)| entry);
        let ready = entry.as_ref().and_then(|entry| entry.ready());
        let server_name = name.map(String::into_boxed_str);
        let mut chosen: MutexGuard<'_, _> =
            self.0.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        *chosen = Some(Chosen { server_name, entry, is_default });
        ready
    }
}
