//! Agreeing on keys with a client, and what is known of it afterwards.

use std::rc::Rc;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use weir_control::channel::{PassedClient, PassedFacts};
use weir_http::h1::RequestError;
use weir_http::message::RequestHead;
use weir_telemetry::Counter;
use weir_tls::{Entry, Facts, Fingerprint};

use super::answer::Answer;
use super::{Session, Stage, Step};
use crate::buffers::{Buffers, Reservation};
use crate::context::Context;
use crate::socket::Shaken;
use crate::tables::ListenerSettings;

/// What a session keeps of its handshake.
pub(crate) struct TlsClient {
    pub(crate) version: &'static str,
    pub(crate) cipher: &'static str,
    /// The application protocol, when one was agreed on.
    pub(crate) alpn: Box<[u8]>,
    /// What it was shown.
    certificate: Option<Arc<Entry>>,
    is_default: bool,
    /// The name it asked for.
    pub(crate) server_name: Option<Box<str>>,
    /// What it showed, as `Client-Cert` tells it (RFC 9440 §2.2); empty when it showed nothing.
    pub(crate) certificate_field: Vec<u8>,
    /// And the issuers that it sent along (RFC 9440 §2.3).
    pub(crate) chain_field: Vec<u8>,
    /// Of what it showed, in hexadecimal; empty when it showed nothing.
    pub(crate) fingerprint: String,
}

impl TlsClient {
    fn new(facts: Facts) -> Self {
        let binary = |der: &Vec<u8>| format!(":{}:", STANDARD.encode(der));
        let (leaf, issuers) = match &facts.peer[..] {
            [leaf, issuers @ ..] => (Some(leaf), issuers),
            [] => (None, &[][..]),
        };
        let chain: Vec<_> = issuers.iter().map(binary).collect();
        Self {
            version: facts.version,
            cipher: facts.cipher,
            alpn: facts.alpn.unwrap_or_default(),
            certificate: facts.certificate,
            is_default: facts.is_default,
            server_name: facts.server_name,
            certificate_field: leaf.map(binary).unwrap_or_default().into_bytes(),
            chain_field: chain.join(", ").into_bytes(),
            fingerprint: leaf.map(|leaf| Fingerprint::of(leaf).to_string()).unwrap_or_default(),
        }
    }

    /// As another worker gets it.
    pub(super) fn pass(&self) -> PassedFacts {
        PassedFacts {
            alpn: self.alpn.to_vec(),
            server_name: self.server_name.as_deref().map(Into::into),
            certificate: self.certificate.as_ref().map(|entry| entry.fingerprint()),
            is_default: self.is_default,
            certificate_field: self.certificate_field.clone(),
            chain_field: self.chain_field.clone(),
            fingerprint: self.fingerprint.clone(),
        }
    }

    /// As another worker has told it. A certificate that is not served any more covers no host.
    fn adopted(
        facts: PassedFacts,
        (version, cipher): (&'static str, &'static str),
        settings: &ListenerSettings,
    ) -> Self {
        let shown = facts.certificate.zip(settings.tls.as_ref());
        Self {
            version,
            cipher,
            alpn: facts.alpn.into(),
            certificate: shown.and_then(|(shown, tls)| tls.store.entry(&shown, facts.is_default)),
            is_default: facts.is_default,
            server_name: facts.server_name.map(Into::into),
            certificate_field: facts.certificate_field,
            chain_field: facts.chain_field,
            fingerprint: facts.fingerprint,
        }
    }

    /// Whether a request for this host may come on this connection: one that the certificate
    /// covers; behind the default certificate, the host that the client asked for.
    pub(crate) fn covers(&self, host: &[u8]) -> bool {
        let host = host.strip_suffix(b".").unwrap_or(host);
        let asked = self.server_name.as_ref();
        let same = asked.is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(host));
        match &self.certificate {
            Some(certificate) if !self.is_default => certificate.covers(host),
            Some(certificate) => same || asked.is_none() || certificate.covers(host),
            None => same,
        }
    }
}

impl Session {
    /// Goes on with the TLS of another worker. What it holds is of the session's reservation.
    ///
    /// # Errors
    /// When the other worker knew a cipher that is not known here.
    pub(super) fn resume_tls(
        &mut self,
        passed: PassedClient,
        pool: &mut Buffers,
    ) -> std::io::Result<()> {
        let Some(socket) = self.front.socket() else { return Ok(()) };
        socket.resume_tls(passed.tls, pool)?;
        let names = socket.tls_names().unwrap_or_default();
        self.tls = Some(Rc::new(TlsClient::adopted(passed.facts, names, &self.settings)));
        Ok(())
    }

    /// `Handshake`: moves it on.
    pub(super) fn shake_hands(&mut self, cx: &mut Context) -> Step {
        let Some(socket) = self.front.socket() else { return Step::Close };
        if socket.is_broken() {
            return Step::Close;
        }
        if self.starved {
            return Step::Wait;
        }
        if self.reservation == Reservation::None {
            if !socket.is_readable() {
                return Step::Wait;
            }
            if !cx.buffers.admit_handshake() {
                cx.wait_for_handshake(self);
                return Step::Wait;
            }
            self.reservation = Reservation::Handshake;
        }
        if cx.handshakes_left == 0 {
            return Step::Yield;
        }
        cx.handshakes_left -= 1;
        let Some(socket) = self.front.socket() else { return Step::Close };
        match socket.shake_hands(&mut cx.buffers) {
            Shaken::Blocked => return Step::Wait,
            Shaken::Done => {}
            Shaken::Clear => return self.answer_clear(cx),
            Shaken::Gone => return Step::Close,
            Shaken::Failed(error) => {
                let listener = self.settings.config.address;
                cx.observe.handshake_failed((self.client, listener), error.reason(), &error);
                // What the client has sent already must not cost it the alert.
                socket.leave_tls(&mut cx.buffers);
                return self.start_linger(cx);
            }
        }
        let facts = socket.take_facts();
        if let Some(facts) = &facts {
            cx.observe.shaken(facts, cx.now - self.since);
        }
        let multiplexed = facts.as_ref().is_some_and(|facts| facts.alpn.as_deref() == Some(b"h2"));
        self.tls = facts.map(TlsClient::new).map(Rc::new);
        self.active_at = cx.now;
        if multiplexed {
            return self.become_connection(None, cx);
        }
        if self.settings.config.tls.as_ref().is_some_and(|tls| tls.disable_http11) {
            cx.observe.count(Counter::AlpnHttp11Disabled);
            return Step::Close;
        }
        self.stage = Stage::Idle;
        self.unreserve(cx);
        Step::Again
    }

    /// A client that speaks HTTP where TLS is spoken is told so in HTTP.
    fn answer_clear(&mut self, cx: &mut Context) -> Step {
        if let Some(socket) = self.front.socket() {
            socket.leave_tls(&mut cx.buffers);
        }
        if !self.reserve(cx) {
            return Step::Close;
        }
        let buffer = cx.buffers.take();
        let active = cx.new_active(RequestHead::UNREADABLE, Some(buffer), self.since);
        let error = RequestError::ClearOnTls;
        cx.observe.client_error(self.client, &error);
        self.answer(active, Answer::refusal(error.status(), &error), cx)
    }
}
