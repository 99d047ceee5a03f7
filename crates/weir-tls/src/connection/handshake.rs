//! A handshake, which is rustls' work.
//!
//! Invariants: rustls gets a record only when the one before is done with, so that it never sees
//! one that comes after the handshake: those are for [`Records`].

use std::cell::RefCell;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::kernel::KernelConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::{CommonState, ConnectionTrafficSecrets, ExtractedSecrets, HandshakeKind, KeyLog};

use super::step::{Outcome, Step, step};
use super::{Facts, TlsError};
use crate::Secret;
use crate::records::{HEADER, Half, MAX_RECORD, Records, Suite, joined};
use crate::store::{Chosen, Store};

/// `unrecognized_name` as a record that is not encrypted (RFC 6066 §3): what a client gets whose
/// name has no certificate.
pub(super) const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// Either end of a connection.
pub(super) enum Side {
    Server(Box<UnbufferedServerConnection>, Store),
    Client(Box<UnbufferedClientConnection>),
}

/// A handshake under way.
pub(super) struct Handshake {
    side: Side,
    chosen: Option<Chosen>,
    secrets: Secrets,
    /// Bytes that rustls has seen and was not done with: they have to be there again.
    seen: usize,
}

/// Where a handshake is.
pub(super) enum Shaken {
    /// More has to come.
    Blocked,
    /// It is over.
    Done,
}

impl Handshake {
    pub(super) fn new(side: Side) -> Self {
        Self { side, chosen: None, secrets: Secrets::default(), seen: 0 }
    }

    /// Works on what was received; how much of it is done with.
    pub(super) fn receive(
        &mut self,
        incoming: &mut [u8],
        out: &mut Vec<u8>,
    ) -> (usize, Result<Shaken, TlsError>) {
        let (mut consumed, sent) = (0, out.len());
        let result = loop {
            if self.is_over() {
                break Ok(Shaken::Done);
            }
            let step = self.step(&mut incoming[consumed..consumed + self.seen], out);
            self.note();
            consumed += step.consumed;
            self.seen -= step.consumed;
            let left = &mut incoming[consumed..];
            match step.outcome {
                Ok(Outcome::Again) => {}
                Ok(Outcome::Blocked) => match record_behind(left, self.seen) {
                    Some(end) => self.seen = end,
                    None => break Ok(Shaken::Blocked),
                },
                Ok(Outcome::Failed(error)) => {
                    self.alert(&mut left[..self.seen], out);
                    break Err(self.explain(error, out, sent));
                }
                Err(error) => break Err(error),
            }
        };
        (consumed, result)
    }

    fn is_over(&self) -> bool {
        let common = self.common();
        !common.is_handshaking() && !common.wants_write()
    }

    fn step(&mut self, incoming: &mut [u8], out: &mut Vec<u8>) -> Step {
        match &mut self.side {
            Side::Server(connection, _) => step(connection.process_tls_records(incoming), out),
            Side::Client(connection) => step(connection.process_tls_records(incoming), out),
        }
    }

    fn common(&self) -> &CommonState {
        match &self.side {
            Side::Server(connection, _) => connection,
            Side::Client(connection) => connection,
        }
    }

    /// Takes note of what the step has said to others.
    fn note(&mut self) {
        self.secrets.take_noted();
        if let Side::Server(_, store) = &self.side
            && let Some(chosen) = store.take_chosen()
        {
            self.chosen = Some(chosen);
        }
    }

    /// Appends the alert that an error left behind. Nothing more is read.
    fn alert(&mut self, left: &mut [u8], out: &mut Vec<u8>) {
        while self.common().wants_write() {
            if !matches!(self.step(left, out).outcome, Ok(Outcome::Again)) {
                return;
            }
        }
    }

    /// A client whose name has no certificate is told so, rather than that it has no access.
    fn explain(&self, error: rustls::Error, out: &mut Vec<u8>, sent: usize) -> TlsError {
        match &self.chosen {
            Some(Chosen { entry: None, server_name, .. }) => {
                out.truncate(sent);
                out.extend(UNRECOGNIZED_NAME);
                TlsError::UnknownName(server_name.as_deref().unwrap_or_default().to_owned())
            }
            _ => error.into(),
        }
    }

    /// What was agreed on, and the records that follow.
    pub(super) fn finish(self) -> Result<(Records, Facts), TlsError> {
        let common = self.common();
        let suite = common.negotiated_cipher_suite().ok_or(UNFINISHED)?;
        let suite = Suite::new(suite);
        let facts = facts(common, self.chosen.clone(), suite);
        let (server, extracted, tickets) = match self.side {
            Side::Server(connection, _) => {
                (true, connection.dangerous_into_kernel_connection()?.0, None)
            }
            Side::Client(connection) => {
                let (extracted, tickets) = connection.dangerous_into_kernel_connection()?;
                (false, extracted, Some(tickets).filter(|_| suite.is_tls13()))
            }
        };
        let halves = self.secrets.halves(server, suite, extracted).ok_or(UNFINISHED)?;
        let tickets = tickets.map(Box::<KernelConnection<_>>::new);
        Ok((Records::new(server, halves, tickets), facts))
    }
}

const UNFINISHED: TlsError = TlsError::Peer(rustls::Error::HandshakeNotComplete);

fn facts(common: &CommonState, chosen: Option<Chosen>, suite: Suite) -> Facts {
    let peer = common.peer_certificates().unwrap_or_default();
    Facts {
        version: suite.version(),
        cipher: suite.name(),
        alpn: common.alpn_protocol().map(Into::into),
        resumed: common.handshake_kind() == Some(HandshakeKind::Resumed),
        peer: peer.iter().map(|certificate| certificate.to_vec()).collect(),
        is_default: chosen.as_ref().is_some_and(|chosen| chosen.is_default),
        server_name: chosen.as_ref().and_then(|chosen| chosen.server_name.clone()),
        certificate: chosen.and_then(|chosen| chosen.entry),
    }
}

/// Where the first record ends of which not all was `seen`; all that there is when it cannot be a
/// record, for rustls to refuse it. `None`: more has to come.
fn record_behind(bytes: &[u8], seen: usize) -> Option<usize> {
    let mut end = 0;
    while end <= seen {
        let left = &bytes[end..];
        let length = match left {
            [20..=23, 3, _, high, low, ..] => u16::from_be_bytes([*high, *low]).into(),
            [20..=23] | [20..=23, 3] | [20..=23, 3, _] | [20..=23, 3, _, _] | [] => return None,
            _ => usize::MAX,
        };
        if length > MAX_RECORD {
            return Some(bytes.len()).filter(|end| *end > seen);
        }
        end += HEADER + length;
        if end > bytes.len() {
            return None;
        }
    }
    Some(end)
}

/// The traffic secrets of TLS 1.3. rustls gives out keys, but not what the next ones are made of
/// when the peer renews its own (RFC 8446 §7.2), except to whoever writes them into a log.
#[derive(Default)]
struct Secrets {
    client: Option<Secret>,
    server: Option<Secret>,
}

thread_local! {
    /// What the handshake that is being worked on has told.
    static NOTED: RefCell<Secrets> = RefCell::default();
}

impl Secrets {
    fn take_noted(&mut self) {
        let Self { client, server } = NOTED.take();
        self.client = client.or(self.client.take());
        self.server = server.or(self.server.take());
    }

    /// The two directions: what is sent, what is received.
    fn halves(self, server: bool, suite: Suite, extracted: ExtractedSecrets) -> Option<[Half; 2]> {
        let ((sent, send_key), (received, receive_key)) = (extracted.tx, extracted.rx);
        let (send, receive) = match (suite.is_tls13(), server) {
            (true, true) => (self.server?, self.client?),
            (true, false) => (self.client?, self.server?),
            (false, _) => (key_of(&send_key)?, key_of(&receive_key)?),
        };
        Some([Half::new(suite, send, sent)?, Half::new(suite, receive, received)?])
    }
}

fn key_of(secrets: &ConnectionTrafficSecrets) -> Option<Secret> {
    use ConnectionTrafficSecrets::{Aes128Gcm, Aes256Gcm, Chacha20Poly1305};
    match secrets {
        Aes128Gcm { key, iv } | Aes256Gcm { key, iv } | Chacha20Poly1305 { key, iv } => {
            Some(joined(key.as_ref(), iv.as_ref()))
        }
        _ => None,
    }
}

/// Keeps traffic secrets for the handshake that is being worked on.
#[derive(Debug)]
struct Noting;

/// What a handshake needs of rustls' settings.
pub(crate) fn noting() -> Arc<dyn KeyLog> {
    Arc::new(Noting)
}

impl KeyLog for Noting {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        let secret = Some(Secret::from(secret));
        NOTED.with_borrow_mut(|noted| match label {
            CLIENT => noted.client = secret,
            SERVER => noted.server = secret,
            _ => {}
        });
    }

    fn will_log(&self, label: &str) -> bool {
        matches!(label, CLIENT | SERVER)
    }
}

const CLIENT: &str = "CLIENT_TRAFFIC_SECRET_0";
const SERVER: &str = "SERVER_TRAFFIC_SECRET_0";
