//! One TLS connection over buffers that belong to the caller.
//!
//! Must not know: sockets. What is received goes in as it came, what is to be sent comes out in
//! order; a part of a record stays with the caller until the rest of it is there.

mod step;
mod write;

use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::{CommonState, HandshakeKind, ProtocolVersion};

use crate::store::{Chosen, Entry, Store};
use crate::{ClientConfig, ServerConfig};
use step::{Outcome, Step, refuse_pieces, step};
use write::write;

/// The longest record with the ciphers that are spoken, its header included (RFC 8446 §5.2), in
/// bytes. A longer one is refused by rustls.
pub const MAX_RECORD: usize = 5 + 16_384 + 256;

/// `unrecognized_name` as a record that is not encrypted (RFC 6066 §3): what a client gets whose
/// name has no certificate.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The peer broke a rule, or shows what is not trusted; it has been told with an alert.
    #[error("{0}")]
    Peer(#[from] rustls::Error),
    /// No certificate for the name that the client asked for.
    #[error("there is no certificate for `{0}`, and the listener has no default certificate")]
    UnknownName(String),
    /// The peer cuts handshake messages into pieces after the handshake.
    #[error("a handshake message came in pieces after the handshake")]
    Pieces,
    /// What rustls wants to send is longer than it said: never seen.
    #[error("a record does not fit where it was to be written")]
    NoRoom,
}

/// What came of received bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Received {
    /// Bytes of the input that are done with.
    pub consumed: usize,
    /// Plain bytes that were written.
    pub plain: usize,
    /// There are more plain bytes, or there may be: there was no room.
    pub more: bool,
    /// The peer has said that it sends nothing more (`close_notify`).
    pub closed: bool,
}

/// What is known of a connection after its handshake.
#[derive(Clone)]
pub struct Facts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// `TLS13_AES_128_GCM_SHA256`…
    pub cipher: &'static str,
    /// The application protocol, when one was agreed on.
    pub alpn: Option<Box<[u8]>>,
    /// The name that the client asked for, lower case.
    pub server_name: Option<Box<str>>,
    /// The certificate that was served.
    pub certificate: Option<Arc<Entry>>,
    /// It is the listener's default one.
    pub is_default: bool,
    /// It went on with an earlier session.
    pub resumed: bool,
    /// What the peer showed and was verified, leaf first, in DER.
    pub peer: Vec<Vec<u8>>,
}

/// Either end of a connection.
enum Side {
    Server(Box<UnbufferedServerConnection>, Store),
    Client(Box<UnbufferedClientConnection>),
}

/// A TLS connection.
pub struct Connection {
    side: Side,
    chosen: Option<Chosen>,
    /// Plain bytes that nobody had room for.
    rest: Vec<u8>,
    established: bool,
    closed: bool,
}

impl Connection {
    /// The server's end.
    ///
    /// # Errors
    /// When rustls does not want the settings.
    pub fn server(config: &Arc<ServerConfig>, store: &Store) -> Result<Self, TlsError> {
        let connection = UnbufferedServerConnection::new(Arc::clone(config))?;
        Ok(Self::new(Side::Server(Box::new(connection), store.clone())))
    }

    /// The client's end; `name` is a DNS name or an IP address.
    ///
    /// # Errors
    /// When `name` is neither.
    pub fn client(config: &Arc<ClientConfig>, name: &str) -> Result<Self, TlsError> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| rustls::Error::General(format!("`{name}` is no server name")))?;
        let connection = UnbufferedClientConnection::new(Arc::clone(config), name)?;
        Ok(Self::new(Side::Client(Box::new(connection))))
    }

    fn new(side: Side) -> Self {
        Self { side, chosen: None, rest: Vec::new(), established: false, closed: false }
    }

    /// The handshake is over.
    pub fn is_established(&self) -> bool {
        self.established
    }

    /// Works on what was received: plain bytes go to `room`, what is to be sent is appended to
    /// `out`. After an error, `out` may hold an alert that the peer is to get.
    ///
    /// # Errors
    /// When the connection cannot go on.
    pub fn receive(
        &mut self,
        incoming: &mut [u8],
        room: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Received, TlsError> {
        let mut received = Received { plain: self.take_rest(room), ..Received::default() };
        let sent = out.len();
        while self.rest.is_empty() {
            let (left, room) = (&mut incoming[received.consumed..], &mut room[received.plain..]);
            let step = self.step(left, room, out);
            received.consumed += step.consumed;
            self.note_choice();
            match step.outcome? {
                Outcome::Again(plain) => received.plain += plain,
                Outcome::Blocked => break,
                Outcome::Ready => {
                    refuse_pieces(&incoming[received.consumed..])?;
                    break;
                }
                Outcome::Closed => {
                    self.closed = true;
                    break;
                }
                Outcome::Failed(error) => {
                    self.alert(&mut incoming[received.consumed..], out);
                    return Err(self.explain(error, out, sent));
                }
            }
        }
        self.established |= !self.common().is_handshaking();
        received.more = !self.rest.is_empty();
        received.closed = self.closed && !received.more;
        Ok(received)
    }

    fn step(&mut self, left: &mut [u8], room: &mut [u8], out: &mut Vec<u8>) -> Step {
        match &mut self.side {
            Side::Server(c, _) => step(c.process_tls_records(left), room, out, &mut self.rest),
            Side::Client(c) => step(c.process_tls_records(left), room, out, &mut self.rest),
        }
    }

    /// Encrypts `plain` and appends it to `out`.
    ///
    /// # Errors
    /// When nothing more can be encrypted with the keys of this connection.
    pub fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), TlsError> {
        match &mut self.side {
            Side::Server(c, _) => write(&mut ***c, out, |traffic, out| traffic.encrypt(plain, out)),
            Side::Client(c) => write(&mut ***c, out, |traffic, out| traffic.encrypt(plain, out)),
        }
    }

    /// Appends `close_notify`: nothing more is sent.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if !self.established {
            return;
        }
        // A connection that cannot say it any more is closed without.
        let _ = match &mut self.side {
            Side::Server(c, _) => {
                write(&mut ***c, out, |traffic, out| traffic.queue_close_notify(out))
            }
            Side::Client(c) => {
                write(&mut ***c, out, |traffic, out| traffic.queue_close_notify(out))
            }
        };
    }

    /// What the handshake agreed on; nothing is kept of it here.
    pub fn take_facts(&mut self) -> Facts {
        let chosen = self.chosen.take();
        let common = self.common();
        let peer = common.peer_certificates().unwrap_or_default();
        Facts {
            version: match common.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
                _ => "TLSv1.2",
            },
            cipher: common
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or("unknown"),
            alpn: common.alpn_protocol().map(Into::into),
            resumed: common.handshake_kind() == Some(HandshakeKind::Resumed),
            peer: peer.iter().map(|certificate| certificate.to_vec()).collect(),
            is_default: chosen.as_ref().is_some_and(|chosen| chosen.is_default),
            server_name: chosen.as_ref().and_then(|chosen| chosen.server_name.clone()),
            certificate: chosen.and_then(|chosen| chosen.entry),
        }
    }

    fn common(&self) -> &CommonState {
        match &self.side {
            Side::Server(connection, _) => connection,
            Side::Client(connection) => connection,
        }
    }

    /// Plain bytes of before, as many as there is room for.
    fn take_rest(&mut self, room: &mut [u8]) -> usize {
        let n = self.rest.len().min(room.len());
        room[..n].copy_from_slice(&self.rest[..n]);
        if n == self.rest.len() {
            self.rest = Vec::new();
        } else {
            self.rest.drain(..n);
        }
        n
    }

    fn note_choice(&mut self) {
        if let Side::Server(_, store) = &self.side
            && !self.established
            && let Some(chosen) = store.take_chosen()
        {
            self.chosen = Some(chosen);
        }
    }

    /// Appends the alert that an error left behind. Nothing more is read.
    fn alert(&mut self, left: &mut [u8], out: &mut Vec<u8>) {
        while self.common().wants_write() {
            if !matches!(self.step(left, &mut [], out).outcome, Ok(Outcome::Again(_))) {
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
}

#[cfg(test)]
mod tests;
