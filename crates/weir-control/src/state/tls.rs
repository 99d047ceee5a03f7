//! What the desired state says of TLS.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use weir_tls::{Der, Fingerprint, Secret};

/// A version of TLS that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TlsVersion {
    /// RFC 5246
    V12,
    /// RFC 8446
    V13,
}

/// What a client is asked to prove who it is with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientAuth {
    /// No certificate is asked for.
    #[default]
    None,
    /// A certificate is asked for; one that is sent must be good.
    Optional,
    /// No connection without a good certificate.
    Required,
}

/// A certificate, the ones that lead to its issuer, and its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The leaf first.
    pub chain: Vec<Der>,
    /// Its private key.
    pub key: Secret,
}

/// How a listener ends TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerTls {
    /// Not empty.
    pub versions: Vec<TlsVersion>,
    /// Names of cipher suites, most wanted first; empty: the usual ones.
    pub cipher_list: Vec<String>,
    /// Names of key-exchange groups, most wanted first; empty: the usual ones.
    pub groups_list: Vec<String>,
    /// Application protocols, most wanted first: `h2`, `http/1.1`.
    pub alpn: Vec<String>,
    /// Answer 421 to a host that the certificate of the connection does not cover.
    pub strict_sni_binding: bool,
    /// Refuse clients that did not negotiate `h2`.
    pub disable_http11: bool,
    /// Tickets that a TLS 1.3 client is sent after a handshake.
    pub tickets: u64,
    /// For clients without SNI and for names that no certificate has.
    pub default_certificate: Option<Identity>,
    /// Of responses that have no policy of their frontend.
    pub hsts: Option<Hsts>,
    /// Certificates of clients.
    pub client_auth: ClientAuth,
    /// The authorities that may have issued them.
    pub client_authorities: Vec<Der>,
    /// What those authorities revoked.
    pub client_revoked: Vec<Der>,
}

impl Default for ListenerTls {
    /// What holds where nothing is said.
    fn default() -> Self {
        Self {
            versions: vec![TlsVersion::V12, TlsVersion::V13],
            cipher_list: Vec::new(),
            groups_list: Vec::new(),
            alpn: vec!["h2".to_owned(), "http/1.1".to_owned()],
            strict_sni_binding: true,
            disable_http11: false,
            tickets: 4,
            default_certificate: None,
            hsts: None,
            client_auth: ClientAuth::None,
            client_authorities: Vec::new(),
            client_revoked: Vec::new(),
        }
    }
}

/// `Strict-Transport-Security` (RFC 6797).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hsts {
    /// False on a frontend: not even the listener's policy.
    pub enabled: bool,
    /// Seconds; 0 makes clients forget.
    pub max_age: u32,
    /// Also for names below.
    pub include_subdomains: bool,
    /// May be built into browsers.
    pub preload: bool,
    /// Instead of the backend's own field.
    pub force_replace_backend: bool,
}

/// TLS towards the backends of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendTls {
    /// Who may have issued the backends' certificates; empty: whom the system trusts.
    pub authorities: Vec<Der>,
    /// The name that the certificate must have; `None`: the host of the request.
    pub server_name: Option<String>,
    /// What the proxy shows to a backend that asks.
    pub identity: Option<Identity>,
    /// False: any certificate will do.
    pub verify: bool,
}

/// A certificate of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The listener.
    pub address: SocketAddr,
    /// Of the leaf.
    pub fingerprint: Fingerprint,
    /// Names it is chosen for: lower case, `*.` for one label; never empty.
    pub names: Vec<String>,
    /// Of several for a name, the greatest wins; seconds since 1970, as the certificate says or
    /// as told.
    pub expires: i64,
    /// The certificate itself.
    pub identity: Identity,
}

/// What names a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CertificateId {
    /// The listener.
    pub address: SocketAddr,
    /// Of the leaf.
    pub fingerprint: Fingerprint,
}

impl Certificate {
    /// What names this certificate.
    pub fn id(&self) -> CertificateId {
        CertificateId { address: self.address, fingerprint: self.fingerprint }
    }
}

/// Certificates as a list: each says what names it.
pub(super) mod list {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Certificate, CertificateId};

    type Certificates = BTreeMap<CertificateId, Certificate>;

    pub(crate) fn serialize<S: Serializer>(all: &Certificates, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(all.values())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Certificates, D::Error> {
        let all = Vec::<Certificate>::deserialize(from)?;
        Ok(all.into_iter().map(|certificate| (certificate.id(), certificate)).collect())
    }
}
