//! What is told of handshakes with clients.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use weir_telemetry::{Counter, Event, Time};
use weir_tls::{Facts, Reason};

use super::Observe;

impl Observe {
    /// A client, on a listener, has not got its keys.
    pub(crate) fn handshake_failed(
        &mut self,
        (client, listener): (SocketAddr, SocketAddr),
        reason: Reason,
        error: &dyn Display,
    ) {
        self.count(match reason {
            Reason::AlertReceived => Counter::TlsAlertReceived,
            Reason::PeerIncompatible => Counter::TlsPeerIncompatible,
            Reason::PeerMisbehaved => Counter::TlsPeerMisbehaved,
            Reason::InvalidMessage => Counter::TlsInvalidMessage,
            Reason::InappropriateMessage => Counter::TlsInappropriateMessage,
            Reason::InappropriateHandshakeMessage => Counter::TlsInappropriateHandshakeMessage,
            Reason::OversizedRecord => Counter::TlsOversizedRecord,
            Reason::NoAlpn => Counter::TlsNoAlpn,
            Reason::InvalidCertificate => Counter::TlsInvalidCertificate,
            Reason::DecryptError => Counter::TlsDecryptError,
            Reason::NoCertificates => Counter::TlsNoCertificatesPresent,
            Reason::Other => Counter::TlsOther,
        });
        self.tell(Event::HandshakeFailed { client, listener, error });
    }

    /// Keys were agreed on, so long after the session began.
    pub(crate) fn shaken(&mut self, facts: &Facts, took: Duration) {
        self.timed(Time::Handshake, took);
        self.count(match facts.version {
            "TLSv1.2" => Counter::TlsVersion12,
            _ => Counter::TlsVersion13,
        });
        self.count(cipher(facts.cipher));
        self.count(match facts.alpn.as_deref() {
            Some(b"h2") => Counter::AlpnH2,
            _ => Counter::AlpnHttp11,
        });
        if facts.is_default {
            self.count(Counter::TlsDefaultCertificate);
        }
    }
}

fn cipher(suite: &str) -> Counter {
    match suite {
        "TLS13_AES_128_GCM_SHA256" => Counter::CipherTls13Aes128,
        "TLS13_AES_256_GCM_SHA384" => Counter::CipherTls13Aes256,
        "TLS13_CHACHA20_POLY1305_SHA256" => Counter::CipherTls13ChaCha20,
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" => Counter::CipherEcdsaAes128,
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" => Counter::CipherEcdsaAes256,
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" => Counter::CipherEcdsaChaCha20,
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" => Counter::CipherRsaAes128,
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" => Counter::CipherRsaAes256,
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" => Counter::CipherRsaChaCha20,
        _ => Counter::CipherOther,
    }
}
