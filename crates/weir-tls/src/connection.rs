//! One TLS connection over buffers that belong to the caller.
//!
//! Must not know: sockets. What is received goes in as it came, what is to be sent comes out in
//! order; a part of a record stays with the caller until the rest of it is there.

mod handshake;
mod step;

use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;

use crate::records::{Carried, Records, Suite};
use crate::store::{Entry, Store};
use crate::{ClientConfig, ServerConfig};
pub(crate) use handshake::noting;
use handshake::{Handshake, Shaken, Side};

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The peer broke a rule, or shows what is not trusted; it has been told with an alert.
    #[error("{0}")]
    Peer(#[from] rustls::Error),
    /// No certificate for the name that the client asked for.
    #[error("there is no certificate for `{0}`, and the listener has no default certificate")]
    UnknownName(String),
    /// A handshake message after the handshake is longer than any that makes sense.
    #[error("a handshake message after the handshake is too long")]
    TooLong,
    /// A connection of TLS 1.2 has sent as much as its cipher is safe for.
    #[error("as much was sent as is safe with the keys of this connection")]
    Worn,
    /// Another process has handed a connection over that cannot be gone on with here.
    #[error("the cipher suite of a connection that was handed over is not known")]
    Unknown,
    /// What rustls wants to send is longer than it said: never seen.
    #[error("a record does not fit where it was to be written")]
    NoRoom,
}

/// What kind of failure a [`TlsError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The peer gave up with an alert.
    AlertReceived,
    /// Nothing was found that both sides speak.
    PeerIncompatible,
    /// The peer broke a rule.
    PeerMisbehaved,
    /// A message could not be read.
    InvalidMessage,
    /// A message came out of turn.
    InappropriateMessage,
    /// A handshake message came out of turn.
    InappropriateHandshakeMessage,
    /// A record was too long.
    OversizedRecord,
    /// No application protocol was found that both sides speak.
    NoAlpn,
    /// What the peer showed is not trusted.
    InvalidCertificate,
    /// A record could not be opened.
    DecryptError,
    /// The peer showed no certificate, or there is none to show to it.
    NoCertificates,
    /// Anything else.
    Other,
}

impl TlsError {
    /// What kind of failure it is.
    pub fn reason(&self) -> Reason {
        use rustls::Error as E;
        match self {
            Self::Peer(E::AlertReceived(_)) => Reason::AlertReceived,
            Self::Peer(E::PeerIncompatible(_)) => Reason::PeerIncompatible,
            Self::Peer(E::PeerMisbehaved(_)) | Self::TooLong => Reason::PeerMisbehaved,
            Self::Peer(E::InvalidMessage(_)) => Reason::InvalidMessage,
            Self::Peer(E::InappropriateMessage { .. }) => Reason::InappropriateMessage,
            Self::Peer(E::InappropriateHandshakeMessage { .. }) => {
                Reason::InappropriateHandshakeMessage
            }
            Self::Peer(E::PeerSentOversizedRecord) => Reason::OversizedRecord,
            Self::Peer(E::NoApplicationProtocol) => Reason::NoAlpn,
            Self::Peer(E::InvalidCertificate(_)) => Reason::InvalidCertificate,
            Self::Peer(E::DecryptError) => Reason::DecryptError,
            Self::Peer(E::NoCertificatesPresented) | Self::UnknownName(_) => Reason::NoCertificates,
            Self::Peer(_) | Self::Worn | Self::Unknown | Self::NoRoom => Reason::Other,
        }
    }
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

/// A TLS connection.
pub struct Connection {
    state: State,
    /// What the handshake agreed on, until somebody wants to know.
    facts: Option<Box<Facts>>,
    /// Plain bytes that nobody had room for.
    rest: Vec<u8>,
}

enum State {
    Shaking(Box<Handshake>),
    Open(Box<Records>),
    /// The handshake has failed.
    Over,
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
        let state = State::Shaking(Box::new(Handshake::new(side)));
        Self { state, facts: None, rest: Vec::new() }
    }

    /// Takes a connection apart, for another process to go on with it. `None`: its handshake is
    /// not over.
    pub fn part(self) -> Option<Carried> {
        match self.state {
            State::Open(records) => Some(records.part(self.rest)),
            State::Shaking(_) | State::Over => None,
        }
    }

    /// Goes on with what [`Connection::part`] has told.
    ///
    /// # Errors
    /// When the other process knew a cipher suite that is not known here.
    pub fn resume(mut carried: Carried) -> Result<Self, TlsError> {
        let rest = std::mem::take(&mut carried.rest);
        let records = Records::resume(carried).ok_or(TlsError::Unknown)?;
        Ok(Self { state: State::Open(Box::new(records)), facts: None, rest })
    }

    /// The handshake is over.
    pub fn is_established(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// The cipher suite; `None`: none was agreed on yet.
    fn suite(&self) -> Option<Suite> {
        match &self.state {
            State::Open(records) => Some(records.suite()),
            State::Shaking(_) | State::Over => None,
        }
    }

    /// The version and the cipher suite, as [`Facts`] tell them.
    pub fn names(&self) -> Option<(&'static str, &'static str)> {
        self.suite().map(|suite| (suite.version(), suite.name()))
    }

    /// Plain bytes are in hand.
    pub fn has_plain(&self) -> bool {
        !self.rest.is_empty()
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
        if let State::Shaking(_) = self.state {
            received.consumed = self.shake(incoming, out)?;
        }
        if let State::Open(records) = &mut self.state {
            while self.rest.is_empty() {
                let left = &mut incoming[received.consumed..];
                let Some(opened) = records.open(left, out)? else { break };
                let plain = &left[opened.plain];
                let room = &mut room[received.plain..];
                let n = plain.len().min(room.len());
                room[..n].copy_from_slice(&plain[..n]);
                self.rest.extend_from_slice(&plain[n..]);
                received.plain += n;
                received.consumed += opened.consumed;
            }
        }
        received.more = !self.rest.is_empty();
        received.closed = self.heard_end() && !received.more;
        Ok(received)
    }

    fn heard_end(&self) -> bool {
        match &self.state {
            State::Shaking(_) => false,
            State::Open(records) => records.heard_end(),
            State::Over => true,
        }
    }

    /// Moves the handshake on; how much of the input is done with.
    fn shake(&mut self, incoming: &mut [u8], out: &mut Vec<u8>) -> Result<usize, TlsError> {
        let State::Shaking(mut handshake) = std::mem::replace(&mut self.state, State::Over) else {
            return Ok(0);
        };
        let (consumed, shaken) = handshake.receive(incoming, out);
        match shaken? {
            Shaken::Blocked => self.state = State::Shaking(handshake),
            Shaken::Done => {
                let (records, facts) = handshake.finish()?;
                self.state = State::Open(Box::new(records));
                self.facts = Some(Box::new(facts));
            }
        }
        Ok(consumed)
    }

    /// Encrypts `plain` and appends it to `out`.
    ///
    /// # Errors
    /// When nothing more can be encrypted with the keys of this connection.
    pub fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), TlsError> {
        match &mut self.state {
            State::Open(records) => records.seal(plain, out),
            State::Shaking(_) | State::Over => Err(rustls::Error::HandshakeNotComplete.into()),
        }
    }

    /// Appends `close_notify`: nothing more is sent.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if let State::Open(records) = &mut self.state {
            records.close(out);
        }
    }

    /// What the handshake agreed on, once; nothing is kept of it here.
    pub fn take_facts(&mut self) -> Option<Facts> {
        self.facts.take().map(|facts| *facts)
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
}

#[cfg(test)]
mod tests;
