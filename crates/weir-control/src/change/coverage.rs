//! Which hosts a listener has certificates for.
//!
//! Costs what all certificates that are looked at cost, once; [`Coverage::of`] looks at a bounded
//! number of them.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use weir_tls::Fingerprint;
use weir_tls::certificate::describe;

use super::frontend_name;
use crate::state::{CertificateId, Frontend, Identity, State};

/// The names of certificates by listener.
pub(crate) struct Coverage {
    names: HashMap<SocketAddr, HashSet<String>>,
}

/// Certificates of a listener beyond which a transaction does not look at them.
const MOST: usize = 1000;

impl Coverage {
    /// Of all listeners.
    pub(crate) fn of_all(state: &State) -> Self {
        let mut names = HashMap::<_, HashSet<_>>::new();
        for listener in state.listeners.values().filter(|listener| listener.tls.is_some()) {
            names.insert(listener.address, HashSet::new());
        }
        for certificate in state.certificates.values() {
            names.entry(certificate.address).or_default().extend(certificate.names.iter().cloned());
        }
        Self { names }
    }

    /// Of some listeners that end TLS, but for those with too many certificates to be looked at.
    pub(crate) fn of(state: &State, addresses: impl Iterator<Item = SocketAddr>) -> Self {
        let addresses: HashSet<_> = addresses.collect();
        let ends_tls =
            |address: &SocketAddr| state.listeners.get(address).is_some_and(|l| l.tls.is_some());
        let names = addresses.into_iter().filter(ends_tls).filter_map(|address| {
            let first = CertificateId { address, fingerprint: Fingerprint::FIRST };
            let all = state.certificates.range(first..).map(|(_, certificate)| certificate);
            let here = all.take_while(|certificate| certificate.address == address);
            let few: Vec<_> = here.take(MOST + 1).collect();
            let names = few.iter().flat_map(|certificate| certificate.names.iter().cloned());
            (few.len() <= MOST).then(|| (address, names.collect()))
        });
        Self { names: names.collect() }
    }

    /// The listener ends TLS and has no certificate at all.
    pub(crate) fn has_nothing(&self, state: &State, address: SocketAddr) -> bool {
        let tls = state.listeners.get(&address).and_then(|listener| listener.tls.as_ref());
        let names = self.names.get(&address);
        tls.is_some_and(|tls| tls.default_certificate.is_none())
            && names.is_none_or(HashSet::is_empty)
    }

    /// What a client of a frontend would meet if there is no certificate for its host.
    pub(crate) fn remark(&self, state: &State, frontend: &Frontend) -> Option<String> {
        let listener = state.listeners.get(&frontend.address)?;
        let tls = listener.tls.as_deref()?;
        let host = &frontend.hostname;
        // Of expressions nobody can tell which hosts they are for.
        if host == "*" || host.contains('/') {
            return None;
        }
        let names = self.names.get(&frontend.address)?;
        if covers(|name| names.contains(name), host) {
            return None;
        }
        let what = match &tls.default_certificate {
            None => "clients that name it are refused",
            Some(identity) if tls.strict_sni_binding && !is_of(identity, host) => {
                "and the default one does not either: 421"
            }
            Some(_) => return None,
        };
        let name = frontend_name(&frontend.id());
        Some(format!("no certificate of {} is for {name}: {what}", frontend.address))
    }
}

fn is_of(identity: &Identity, host: &str) -> bool {
    let description = identity.chain.first().and_then(|leaf| describe(leaf.bytes()));
    let names = description.map(|description| description.names).unwrap_or_default();
    covers(|name| names.iter().any(|known| known == name), host)
}

/// A name, or the wildcard above it.
fn covers(has: impl Fn(&str) -> bool, host: &str) -> bool {
    has(host) || host.split_once('.').is_some_and(|(_, parent)| has(&format!("*.{parent}")))
}
