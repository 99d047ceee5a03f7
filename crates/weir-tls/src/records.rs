//! The records of a connection whose handshake is over, either end of it.
//!
//! Ciphers are of aws-lc; what is done here is framing: kinds of content, padding, numbers, alerts,
//! and the few messages that come after a handshake. What there is of a connection is plain values,
//! so another process can go on with it ([`Carried`]).
//!
//! Must not know: handshakes, who the peer is. Invariants: after an error nothing more is read;
//! nothing is sealed behind `close_notify`; a key is renewed before it is worn, and where it cannot
//! be, the connection ends.

mod half;
mod schedule;

use std::ops::Range;

use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;
use rustls::{AlertDescription, Error, InvalidMessage, PeerMisbehaved};
use serde::{Deserialize, Serialize};

use crate::{Secret, TlsError};
pub(crate) use half::{Half, Suite, joined};

/// Bytes of a record before its content.
pub(crate) const HEADER: usize = 5;

/// The longest text of one record, in bytes (RFC 8446 §5.1).
const TEXT: usize = 16_384;

/// The longest record with the ciphers that are spoken, its header included (RFC 8446 §5.2), in
/// bytes. A longer one is refused.
pub const MAX_RECORD: usize = HEADER + TEXT + 256;

/// Longest handshake message after the handshake: a session ticket of any size fits.
const MOST_PIECES: usize = 1 << 17;

// Kinds of content.
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

// Handshake messages that can come after the handshake.
const HELLO_REQUEST: u8 = 0;
const CLIENT_HELLO: u8 = 1;
const NEW_SESSION_TICKET: u8 = 4;
const KEY_UPDATE: u8 = 24;

const WARNING: u8 = 1;
const FATAL: u8 = 2;

/// What a peer may do without cause, each so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Patience {
    warnings: u8,
    renegotiations: u8,
    /// Renewed by data.
    updates: u8,
}

const PATIENCE: Patience = Patience { warnings: 4, renegotiations: 1, updates: UPDATES };
const UPDATES: u8 = 32;

/// A connection after its handshake, as values: whoever has them and its socket goes on with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// Number of the cipher suite.
    suite: u16,
    server: bool,
    pub(crate) sends: (Secret, u64),
    pub(crate) receives: (Secret, u64),
    patience: Patience,
    owes_update: bool,
    said_end: bool,
    heard_end: bool,
    pieces: Vec<u8>,
    /// Plain bytes that nobody had room for.
    pub(crate) rest: Vec<u8>,
}

impl Carried {
    /// Plain bytes are in it.
    pub fn has_plain(&self) -> bool {
        !self.rest.is_empty()
    }
}

/// Both directions of a connection.
pub(crate) struct Records {
    server: bool,
    pub(crate) sends: Half,
    receives: Half,
    patience: Patience,
    /// The peer has asked for a new key of ours: it is told of one before the next data.
    pub(crate) owes_update: bool,
    said_end: bool,
    heard_end: bool,
    /// Of a handshake message that is not complete.
    pieces: Vec<u8>,
    /// Takes session tickets.
    tickets: Option<Box<KernelConnection<ClientConnectionData>>>,
}

/// A record that was opened.
#[derive(Default)]
pub(crate) struct Opened {
    /// Its length.
    pub(crate) consumed: usize,
    /// Where data is in it.
    pub(crate) plain: Range<usize>,
}

impl Records {
    pub(crate) fn new(
        server: bool,
        [sends, receives]: [Half; 2],
        tickets: Option<Box<KernelConnection<ClientConnectionData>>>,
    ) -> Self {
        let (owes_update, said_end, heard_end, pieces) = (false, false, false, Vec::new());
        let patience = PATIENCE;
        Self {
            server,
            sends,
            receives,
            patience,
            owes_update,
            said_end,
            heard_end,
            pieces,
            tickets,
        }
    }

    /// What another process needs to go on.
    pub(crate) fn part(self, rest: Vec<u8>) -> Carried {
        let of = |half: &Half| (half.secret().clone(), half.count());
        Carried {
            suite: self.sends.suite().number(),
            server: self.server,
            sends: of(&self.sends),
            receives: of(&self.receives),
            patience: self.patience,
            owes_update: self.owes_update,
            said_end: self.said_end,
            heard_end: self.heard_end,
            pieces: self.pieces,
            rest,
        }
    }

    /// Goes on with what [`Records::part`] has told. `None`: the suite is not known here.
    pub(crate) fn resume(carried: Carried) -> Option<Self> {
        let suite = Suite::of(carried.suite)?;
        let half = |(secret, count)| Half::new(suite, secret, count);
        Some(Self {
            patience: carried.patience,
            owes_update: carried.owes_update,
            said_end: carried.said_end,
            heard_end: carried.heard_end,
            pieces: carried.pieces,
            ..Self::new(carried.server, [half(carried.sends)?, half(carried.receives)?], None)
        })
    }

    pub(crate) fn suite(&self) -> Suite {
        self.sends.suite()
    }

    /// The peer has said that it sends nothing more.
    pub(crate) fn heard_end(&self) -> bool {
        self.heard_end
    }

    /// Opens the first record of `incoming`, where it lies; `None`: more has to come. What the peer
    /// is to be told goes to `out`.
    pub(crate) fn open(
        &mut self,
        incoming: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Opened>, TlsError> {
        if self.heard_end {
            return Ok(None);
        }
        let result = self.open_first(incoming, out);
        if let Err(TlsError::Peer(error)) = &result
            && let Some(alert) = alert_for(error)
        {
            self.say(alert, out);
        }
        result
    }

    fn open_first(
        &mut self,
        incoming: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Opened>, TlsError> {
        let Some(consumed) = half::whole(incoming)? else { return Ok(None) };
        let record = &mut incoming[..consumed];
        if self.suite().is_tls13() && record[0] != APPLICATION_DATA {
            return Err(unexpected("a record that is not sealed"));
        }
        let (kind, text) = self.receives.open(record)?;
        if kind != HANDSHAKE && !self.pieces.is_empty() {
            return Err(unexpected("something else within a handshake message"));
        }
        let content = &record[text.clone()];
        let mut plain = 0..0;
        match kind {
            APPLICATION_DATA => {
                self.patience.updates = UPDATES;
                plain = text;
            }
            ALERT => self.hear_alert(content)?,
            HANDSHAKE => self.hear_messages(content, out)?,
            CHANGE_CIPHER_SPEC => return Err(unexpected("ChangeCipherSpec")),
            _ => return Err(unexpected("content of an unknown kind")),
        }
        Ok(Some(Opened { consumed, plain }))
    }

    fn hear_alert(&mut self, content: &[u8]) -> Result<(), TlsError> {
        let &[level, description] = content else {
            return Err(Error::from(InvalidMessage::MessageTooShort).into());
        };
        let description = AlertDescription::from(description);
        if description == AlertDescription::CloseNotify {
            self.heard_end = true;
            return Ok(());
        }
        let harmless = !self.suite().is_tls13() || description == AlertDescription::UserCanceled;
        if level != WARNING || !harmless {
            return Err(Error::AlertReceived(description).into());
        }
        let left = self.patience.warnings.checked_sub(1);
        let left = left.ok_or(Error::from(PeerMisbehaved::TooManyWarningAlertsReceived));
        self.patience.warnings = left?;
        Ok(())
    }

    fn hear_messages(&mut self, content: &[u8], out: &mut Vec<u8>) -> Result<(), TlsError> {
        if content.is_empty() {
            return Err(Error::from(InvalidMessage::InvalidEmptyPayload).into());
        }
        let mut pieces = std::mem::take(&mut self.pieces);
        pieces.extend_from_slice(content);
        let mut left = &pieces[..];
        while let Some((kind, body, rest)) = first_message(left) {
            self.hear_message(kind, body, rest.is_empty(), out)?;
            left = rest;
        }
        if left.len() > MOST_PIECES {
            return Err(TlsError::TooLong);
        }
        self.pieces = left.to_vec();
        Ok(())
    }

    /// `last`: nothing follows in its record.
    fn hear_message(
        &mut self,
        kind: u8,
        body: &[u8],
        last: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), TlsError> {
        let renegotiation = if self.server { CLIENT_HELLO } else { HELLO_REQUEST };
        match (self.suite().is_tls13(), kind) {
            (true, KEY_UPDATE) => self.hear_update(body, last),
            (true, NEW_SESSION_TICKET) if !self.server => {
                if let Some(tickets) = &mut self.tickets {
                    tickets.handle_new_session_ticket(body)?;
                }
                Ok(())
            }
            (false, kind) if kind == renegotiation => {
                let left = self.patience.renegotiations.checked_sub(1);
                let left = left.ok_or(Error::from(PeerMisbehaved::TooManyRenegotiationRequests));
                self.patience.renegotiations = left?;
                self.seal_alert(WARNING, AlertDescription::NoRenegotiation, out)
            }
            _ => Err(unexpected("a handshake message after the handshake")),
        }
    }

    /// The peer seals with its next key from now on (RFC 8446 §4.6.3).
    fn hear_update(&mut self, body: &[u8], last: bool) -> Result<(), TlsError> {
        let [request @ (0 | 1)] = body else {
            return Err(Error::from(InvalidMessage::InvalidKeyUpdate).into());
        };
        if !last {
            return Err(Error::from(PeerMisbehaved::KeyEpochWithPendingFragment).into());
        }
        let left = self.patience.updates.checked_sub(1);
        self.patience.updates =
            left.ok_or(Error::from(PeerMisbehaved::TooManyKeyUpdateRequests))?;
        self.owes_update |= *request == 1;
        self.receives.renew().ok_or(BROKEN)
    }

    /// Seals data.
    pub(crate) fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), TlsError> {
        for text in plain.chunks(TEXT) {
            if self.said_end {
                return Err(BROKEN);
            }
            if self.owes_update || self.sends.is_worn() {
                self.renew(out)?;
            }
            self.sends.seal(APPLICATION_DATA, text, out).ok_or(BROKEN)?;
        }
        Ok(())
    }

    /// Another key of ours; where there can be none, the end.
    fn renew(&mut self, out: &mut Vec<u8>) -> Result<(), TlsError> {
        if !self.suite().is_tls13() {
            self.close(out);
            return Err(TlsError::Worn);
        }
        self.owes_update = false;
        self.sends.seal(HANDSHAKE, &[KEY_UPDATE, 0, 0, 1, 0], out).ok_or(BROKEN)?;
        self.sends.renew().ok_or(BROKEN)
    }

    /// Appends `close_notify`, once.
    pub(crate) fn close(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.said_end, true) {
            // A connection that cannot say it any more is closed without.
            let _ = self.seal_alert(WARNING, AlertDescription::CloseNotify, out);
        }
    }

    /// A fatal alert is the last that is said.
    fn say(&mut self, alert: AlertDescription, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.said_end, true) {
            let _ = self.seal_alert(FATAL, alert, out);
        }
    }

    fn seal_alert(
        &mut self,
        level: u8,
        alert: AlertDescription,
        out: &mut Vec<u8>,
    ) -> Result<(), TlsError> {
        self.sends.seal(ALERT, &[level, alert.into()], out).ok_or(BROKEN)
    }
}

const BROKEN: TlsError = TlsError::Peer(Error::EncryptError);

fn unexpected(what: &'static str) -> TlsError {
    Error::from(InvalidMessage::UnexpectedMessage(what)).into()
}

/// The first handshake message of these bytes: its kind, its body, and what follows.
fn first_message(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [kind, a, b, c, rest @ ..] = bytes else { return None };
    let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
    let (body, rest) = rest.split_at_checked(length)?;
    Some((*kind, body, rest))
}

/// What a peer that has broken a rule is told; `None`: it is the one who has said it.
fn alert_for(error: &Error) -> Option<AlertDescription> {
    Some(match error {
        Error::AlertReceived(_) | Error::EncryptError => return None,
        Error::DecryptError => AlertDescription::BadRecordMac,
        Error::PeerSentOversizedRecord => AlertDescription::RecordOverflow,
        Error::InvalidMessage(InvalidMessage::UnexpectedMessage(_)) | Error::PeerMisbehaved(_) => {
            AlertDescription::UnexpectedMessage
        }
        _ => AlertDescription::DecodeError,
    })
}
