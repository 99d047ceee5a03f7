//! Certificates made for a test, and clients and backends that speak TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SignatureAlgorithm};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use weir_control::state::{BackendTls, Certificate, ClientAuth, Identity, ListenerTls, TlsVersion};
use weir_tls::{Der, Fingerprint, Secret};

/// An authority that a test trusts.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub der: Der,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("key");
        let mut params = CertificateParams::new(Vec::new()).expect("params");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let der = Der::from(&params.self_signed(&key).expect("signed").der()[..]);
        Self { issuer: Issuer::new(params, key), der }
    }

    pub fn issue(&self, names: &[&str]) -> Identity {
        self.issue_with(names, &PKCS_ECDSA_P256_SHA256)
    }

    pub fn issue_rsa(&self, names: &[&str]) -> Identity {
        self.issue_with(names, &PKCS_RSA_SHA256)
    }

    fn issue_with(&self, names: &[&str], algorithm: &'static SignatureAlgorithm) -> Identity {
        let key = KeyPair::generate_for(algorithm).expect("key");
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("params");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let chain = vec![Der::from(&certificate.der()[..])];
        Identity { chain, key: Secret::from(&key.serialize_der()[..]) }
    }

    /// A certificate of a listener.
    pub fn certificate(&self, address: SocketAddr, names: &[&str], expires: i64) -> Certificate {
        certificate(address, names, expires, self.issue(names))
    }

    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.der.bytes())).expect("added");
        roots
    }

    /// What a client of this authority wants.
    pub fn client(&self) -> ClientConfig {
        ClientConfig::builder().with_root_certificates(self.roots()).with_no_client_auth()
    }

    /// A client that shows who it is.
    pub fn client_with(&self, identity: &Identity) -> ClientConfig {
        ClientConfig::builder()
            .with_root_certificates(self.roots())
            .with_client_auth_cert(chain_of(identity), key_of(identity))
            .expect("a good identity")
    }

    /// TLS towards backends of this authority.
    pub fn backend_tls(&self, server_name: &str) -> Box<BackendTls> {
        Box::new(BackendTls {
            authorities: vec![self.der.clone()],
            server_name: Some(server_name.into()),
            identity: None,
            verify: true,
        })
    }
}

pub fn certificate(
    address: SocketAddr,
    names: &[&str],
    expires: i64,
    identity: Identity,
) -> Certificate {
    let fingerprint = Fingerprint::of(identity.chain[0].bytes());
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Certificate { address, fingerprint, names, expires, identity }
}

pub fn chain_of(identity: &Identity) -> Vec<CertificateDer<'static>> {
    identity.chain.iter().map(|der| CertificateDer::from(der.bytes().to_vec())).collect()
}

pub fn key_of(identity: &Identity) -> PrivateKeyDer<'static> {
    PrivateKeyDer::try_from(identity.key.bytes().to_vec()).expect("a key")
}

pub fn listener_tls() -> ListenerTls {
    ListenerTls {
        versions: vec![TlsVersion::V12, TlsVersion::V13],
        cipher_list: Vec::new(),
        groups_list: Vec::new(),
        alpn: vec!["http/1.1".into()],
        strict_sni_binding: true,
        disable_http11: false,
        tickets: 2,
        default_certificate: None,
        hsts: None,
        client_auth: ClientAuth::None,
        client_authorities: Vec::new(),
        client_revoked: Vec::new(),
    }
}

/// A client's TLS connection.
pub struct TlsPeer(pub StreamOwned<ClientConnection, TcpStream>);

impl TlsPeer {
    pub fn connect(address: SocketAddr, config: &Arc<ClientConfig>, name: &str) -> Self {
        let stream = TcpStream::connect(address).expect("connect");
        stream.set_read_timeout(Some(super::PATIENCE)).expect("set");
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let connection = ClientConnection::new(Arc::clone(config), name).expect("connection");
        Self(StreamOwned::new(connection, stream))
    }

    /// Makes the handshake.
    pub fn shake_hands(&mut self) -> std::io::Result<()> {
        while self.0.conn.is_handshaking() {
            self.0.conn.complete_io(&mut self.0.sock)?;
        }
        Ok(())
    }

    pub fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).expect("send");
    }

    /// Everything up to and including `end`.
    pub fn until(&mut self, end: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(end.as_bytes()) {
            let mut byte = [0];
            let n = self.0.read(&mut byte).expect("more bytes in time");
            assert!(n > 0, "closed before {end:?}: {:?}", String::from_utf8_lossy(&text));
            text.push(byte[0]);
        }
        String::from_utf8(text).expect("text")
    }

    /// Everything until the proxy says that it sends nothing more.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).expect("close_notify");
        bytes
    }
}
