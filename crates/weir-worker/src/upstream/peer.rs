//! How a backend is spoken with.

use std::rc::Rc;
use std::sync::Arc;
use weir_base::Address;

use weir_tls::{ClientConfig, Connection, TlsError};

/// TLS towards the backends of a cluster, ready for handshakes.
pub(crate) struct BackendTls {
    pub(crate) config: Arc<ClientConfig>,
    /// The name that certificates must have; `None`: the host of the request.
    pub(crate) server_name: Option<Rc<str>>,
    /// The cluster, by which another worker finds the same.
    pub(crate) cluster: String,
    /// The hash of the cluster.
    pub(crate) hash: u64,
}

/// A backend and how it is spoken with: connections are shared by those who want the same.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) address: Address,
    /// It is asked for HTTP/2: in clear text without more ado, over TLS by ALPN.
    pub(crate) streams: bool,
    tls: Option<(Rc<BackendTls>, Rc<str>)>,
}

impl Peer {
    /// In clear text.
    pub(crate) fn clear(address: Address, streams: bool) -> Self {
        Self { address, streams, tls: None }
    }

    /// With TLS, on behalf of a client that asked for `host`, port included.
    pub(crate) fn tls(address: Address, streams: bool, tls: &Rc<BackendTls>, host: &[u8]) -> Self {
        let name = tls.server_name.clone().unwrap_or_else(|| server_name(host, &address));
        Self { address, streams, tls: Some((Rc::clone(tls), name)) }
    }

    /// The same, on behalf of whoever wanted this name.
    pub(super) fn named(address: Address, streams: bool, tls: (Rc<BackendTls>, Rc<str>)) -> Self {
        Self { address, streams, tls: Some(tls) }
    }

    /// What makes TLS with it what it is, and the name that was wanted.
    pub(super) fn secret(&self) -> Option<(&BackendTls, &str)> {
        self.tls.as_ref().map(|(tls, name)| (&**tls, &**name))
    }

    /// Whether connections of one are good for the other.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (&self.tls, &other.tls) {
            _ if self.streams != other.streams => false,
            (None, None) => true,
            (Some((tls, name)), Some((other, other_name))) => {
                Rc::ptr_eq(tls, other) && name == other_name
            }
            _ => false,
        }
    }

    /// The client's end of a TLS connection, if TLS is spoken.
    pub(crate) fn connection(&self) -> Option<Result<Connection, TlsError>> {
        self.tls.as_ref().map(|(tls, name)| Connection::client(&tls.config, name))
    }
}

/// The host without its port; the backend's address when there is none.
fn server_name(host: &[u8], address: &Address) -> Rc<str> {
    let host = str::from_utf8(host).unwrap_or_default();
    let bare = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let bare = bare.trim_end_matches('.');
    match address {
        _ if !bare.is_empty() => bare.to_ascii_lowercase().into(),
        Address::Ip(address) => address.ip().to_string().into(),
        Address::Unix(_) => address.authority().into(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn a_server_name_has_no_port() {
        let address = Address::from(SocketAddr::from(([127, 0, 0, 1], 443)));
        let cases = [
            ("Example.org:8443", "example.org"),
            ("example.org.", "example.org"),
            ("[::1]:443", "::1"),
            ("", "127.0.0.1"),
        ];
        for (host, name) in cases {
            assert_eq!(&*server_name(host.as_bytes(), &address), name);
        }
    }
}
