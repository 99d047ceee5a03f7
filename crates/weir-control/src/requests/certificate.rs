//! Certificates of HTTPS listeners.

use std::net::SocketAddr;

use weir_proto::{
    AddCertificate, CertificateAndKey, RemoveCertificate, ReplaceCertificate, SocketAddress,
};
use weir_tls::certificate::{
    CertificateError, ReadCertificate, certificate_pem, describe, key_pem, read_certificate,
};
use weir_tls::{Fingerprint, NotAFingerprint};

use super::{Kind, Refusal, address};
use crate::check;
use crate::order::Order;
use crate::state::{Certificate, CertificateId, Identity, State};

impl From<CertificateError> for Refusal {
    fn from(error: CertificateError) -> Self {
        Self(format!("the certificate is refused: {error}"))
    }
}

impl From<NotAFingerprint> for Refusal {
    fn from(error: NotAFingerprint) -> Self {
        Self(error.to_string())
    }
}

/// Nothing changes when the listener has it already.
pub(super) fn add(state: &State, wanted: &AddCertificate) -> Result<Vec<Order>, Refusal> {
    let address = https_listener(state, &wanted.address)?;
    let certificate = certificate(address, &wanted.certificate, wanted.expired_at)?;
    Ok(order_unless_known(state, certificate).into_iter().collect())
}

/// The new one is added before the old one goes: there is no moment without.
pub(super) fn replace(state: &State, wanted: &ReplaceCertificate) -> Result<Vec<Order>, Refusal> {
    let address = https_listener(state, &wanted.address)?;
    let old = CertificateId { address, fingerprint: wanted.old_fingerprint.parse()? };
    if state.certificates_of(address).is_empty() {
        return Err(format!("{address} has no certificate to replace: add the new one").into());
    }
    let new = certificate(address, &wanted.new_certificate, wanted.new_expired_at)?;
    let goes = new.id() != old && state.certificates.contains_key(&old);
    let removal = goes.then_some(Order::RemoveCertificate(old));
    Ok(order_unless_known(state, new).into_iter().chain(removal).collect())
}

/// Nothing changes when the listener does not have it.
pub(super) fn remove(state: &State, wanted: &RemoveCertificate) -> Result<Vec<Order>, Refusal> {
    let fingerprint: Fingerprint = wanted.fingerprint.parse()?;
    let id = CertificateId { address: address(&wanted.address)?, fingerprint };
    let known = state.certificates.contains_key(&id);
    Ok(known.then_some(Order::RemoveCertificate(id)).into_iter().collect())
}

fn https_listener(state: &State, wanted: &SocketAddress) -> Result<SocketAddr, Refusal> {
    let address = address(wanted)?;
    match state.listeners.get(&address) {
        None => Err(format!("there is no listener on {address}: add it first").into()),
        Some(listener) if Kind::of(listener) == Kind::Https => Ok(address),
        Some(listener) => {
            let (what, is) = (check::HTTPS_FOR_CERTIFICATES, Kind::of(listener).name());
            Err(format!("{what}: {address} speaks {is}").into())
        }
    }
}

fn order_unless_known(state: &State, certificate: Certificate) -> Option<Order> {
    let known = state.certificates.contains_key(&certificate.id());
    (!known).then(|| Order::Certificate(Box::new(certificate)))
}

fn certificate(
    address: SocketAddr,
    config: &CertificateAndKey,
    expired_at: Option<i64>,
) -> Result<Certificate, Refusal> {
    let ReadCertificate { description, chain, key } = read(config)?;
    let mut names = Vec::new();
    for name in &config.names {
        let name = check::host_pattern(name)?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        names = description.names;
    }
    if names.is_empty() {
        return Err("the certificate names no host: give `names` that it is chosen for".into());
    }
    Ok(Certificate {
        address,
        fingerprint: description.fingerprint,
        names,
        expires: expired_at.unwrap_or(description.not_after),
        identity: Identity { chain, key },
    })
}

fn read(config: &CertificateAndKey) -> Result<ReadCertificate, CertificateError> {
    read_certificate(&config.certificate, &config.certificate_chain, &config.key)
}

/// A certificate that is shown for no name in particular.
pub(super) fn identity(config: &CertificateAndKey) -> Result<Identity, Refusal> {
    let ReadCertificate { chain, key, .. } = read(config)?;
    Ok(Identity { chain, key })
}

/// A certificate as the protocol shows it, with its key.
pub(super) fn config(certificate: &Certificate) -> AddCertificate {
    let own = certificate.identity.chain.first().and_then(|leaf| describe(leaf.bytes()));
    let told = own.is_none_or(|description| description.not_after != certificate.expires);
    AddCertificate {
        address: certificate.address.into(),
        certificate: with_key(certificate),
        expired_at: told.then_some(certificate.expires),
    }
}

/// PEM, key included, and names.
pub(super) fn with_key(certificate: &Certificate) -> CertificateAndKey {
    CertificateAndKey {
        key: key_pem(&certificate.identity.key).to_string(),
        names: certificate.names.clone(),
        ..without_key(&certificate.identity)
    }
}

/// PEM of what is no secret.
pub(super) fn without_key(identity: &Identity) -> CertificateAndKey {
    let mut blocks = identity.chain.iter().map(certificate_pem);
    CertificateAndKey {
        certificate: blocks.next().unwrap_or_default(),
        certificate_chain: blocks.collect(),
        ..CertificateAndKey::default()
    }
}
