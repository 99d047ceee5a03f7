//! What is configured: listeners and certificates.
//!
//! Bounds: at most [`MOST`] certificates. Must not know: connections.

use serde::Serialize;
use weir_client::proto::request::RequestType;
use weir_client::proto::response_content::ContentType;
use weir_client::proto::{
    CertificateAndKey, ListListeners, ListenersList, QueryCertificatesFilters, SocketAddress,
};
use weir_tls::certificate::{certificates, describe};

use crate::show::address;

/// Certificates that are looked at.
const MOST: usize = 10_000;

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inventory {
    /// By protocol, then address.
    pub(crate) listeners: Vec<Listener>,
    /// By fingerprint.
    pub(crate) certificates: Vec<Certificate>,
}

/// An address that is listened on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) protocol: &'static str,
    pub(crate) address: String,
    /// What clients connect to, if that is another.
    pub(crate) public: String,
    pub(crate) active: bool,
    /// Connections begin with a PROXY header.
    pub(crate) proxied: bool,
}

/// A certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Certificate {
    /// Hexadecimal.
    pub(crate) fingerprint: String,
    pub(crate) names: String,
    /// When it ends, in seconds since 1970, if that can be read.
    pub(crate) ends: Option<i64>,
}

impl Inventory {
    /// Takes down an answer, or a page of one; whether there is room for more.
    pub(super) fn add(&mut self, content: ContentType) -> bool {
        match content {
            ContentType::ListenersList(list) => self.listeners.extend(listeners(&list)),
            ContentType::CertificatesWithFingerprints(list) => {
                self.certificates.extend(list.certs.into_iter().map(certificate));
            }
            _ => {}
        }
        self.certificates.len() < MOST
    }

    /// At most `most` certificates, those that end first.
    pub(crate) fn first_to_end(&self, most: usize) -> Vec<Certificate> {
        let mut all: Vec<_> = self.certificates.iter().collect();
        all.sort_by_key(|of| (of.ends.is_none(), of.ends));
        all.into_iter().take(most).cloned().collect()
    }
}

/// What is asked for to know it.
pub(super) fn requests() -> [RequestType; 2] {
    let certificates = QueryCertificatesFilters::default();
    [
        RequestType::ListListeners(ListListeners {}),
        RequestType::QueryCertificatesFromTheState(certificates),
    ]
}

fn listeners(list: &ListenersList) -> Vec<Listener> {
    let one = |protocol, at: &SocketAddress, public: Option<&SocketAddress>, active, proxied| {
        let public = public.map(address).unwrap_or_default();
        Listener { protocol, address: address(at), public, active, proxied }
    };
    let http = list.http_listeners.values();
    let http =
        http.map(|l| one("HTTP", &l.address, l.public_address.as_ref(), l.active, l.expect_proxy));
    let https = list.https_listeners.values();
    let https = https
        .map(|l| one("HTTPS", &l.address, l.public_address.as_ref(), l.active, l.expect_proxy));
    let tcp = list.tcp_listeners.values();
    let tcp =
        tcp.map(|l| one("TCP", &l.address, l.public_address.as_ref(), l.active, l.expect_proxy));
    let udp = list.udp_listeners.values();
    let udp = udp.map(|l| one("UDP", &l.address, l.public_address.as_ref(), l.active, false));
    http.chain(https).chain(tcp).chain(udp).collect()
}

fn certificate((fingerprint, of): (String, CertificateAndKey)) -> Certificate {
    let leaf = certificates(&of.certificate).ok().and_then(|all| all.into_iter().next());
    let ends = leaf.and_then(|leaf| describe(leaf.bytes())).map(|of| of.not_after);
    Certificate { fingerprint, names: of.names.join(", "), ends }
}
