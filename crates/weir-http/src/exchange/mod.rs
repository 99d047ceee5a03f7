//! One request and its response: which phase it is in, and what a failure means there.
//!
//! The machine decides; it moves no bytes and knows no sockets. Its owner reports what happened
//! ([`BackFailure`], [`FrontFailure`], a response head) and carries out the [`Verdict`].
//!
//! ```text
//!             connected            final head              both ends decoded
//! Connecting ───────────▶ Waiting ───────────▶ Responding ──────────────────▶ (over)
//!     ▲  │ failed            │ closed, safe        │ failed
//!     └──┘ retry             └──▶ Connecting       └──▶ cut
//! ```
//!
//! Invariants: a request is sent again only when nothing of a response was seen and either no byte
//! of it was taken, or it is idempotent and met the end of a reused connection (RFC 9110 §9.2.2,
//! RFC 9112 §9.3.1); there are at most [`CONNECT_ATTEMPTS`] connection attempts; once a final
//! response has begun, the only way out of a failure is to cut the connection, so that the client
//! sees a truncation and never a mixture.

mod cause;

pub use cause::{BackFailure, Cause, FrontFailure};

use crate::message::Method;

/// Attempts to connect to a backend for one request; each chooses again.
pub const CONNECT_ATTEMPTS: u8 = 3;

/// How far an exchange has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A connection to a backend is wanted or being made.
    Connecting,
    /// The backend is connected; nothing of a final response was seen.
    Waiting,
    /// The final response head was seen.
    Responding,
}

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Choose a backend again and send the request from its start, on a fresh connection.
    Retry,
    /// Answer the client with this status.
    Answer(u16, Cause),
    /// Close the client connection: it has part of a response, or is gone.
    Cut(Cause),
}

/// The state of one exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    phase: Phase,
    idempotent: bool,
    /// Connection attempts that failed.
    attempts: u8,
    /// The connection in use had served before.
    reused: bool,
    /// An interim response was passed on.
    interim: bool,
    /// Bytes of the request are gone from the buffer: it cannot be sent again.
    spent: bool,
    /// Why the backend before failed.
    last: Option<BackFailure>,
}

impl Exchange {
    /// A request with this method is to be forwarded.
    pub fn new(method: Method) -> Self {
        Self {
            phase: Phase::Connecting,
            idempotent: method.is_idempotent(),
            attempts: 0,
            reused: false,
            interim: false,
            spent: false,
            last: None,
        }
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Connection attempts that failed so far.
    pub fn attempts(&self) -> u8 {
        self.attempts
    }

    /// A backend connection is ready for the request; `reused` when it had served before.
    pub fn handle_connected(&mut self, reused: bool) {
        debug_assert_eq!(self.phase, Phase::Connecting);
        self.phase = Phase::Waiting;
        self.reused = reused;
    }

    /// The connection turned out to be for others: another one is wanted.
    pub fn handle_elsewhere(&mut self) {
        self.phase = Phase::Connecting;
        self.reused = false;
    }

    /// Bytes of the request body have left the buffer for good.
    pub fn handle_spent(&mut self) {
        self.spent = true;
    }

    /// A response head came from the backend.
    pub fn handle_response(&mut self, status: u16) {
        match status {
            100 | 102..200 => self.interim = true,
            _ => self.phase = Phase::Responding,
        }
    }

    /// There are no heads: from now on bytes pass both ways.
    pub fn handle_piped(&mut self) {
        self.phase = Phase::Responding;
    }

    /// A failure that leads to a retry tells no more than that a kept connection was at its end
    /// when the request came: that says nothing of the backend, and is no second request.
    pub fn is_stale(&self, failure: BackFailure) -> bool {
        self.reused && matches!(failure, BackFailure::Closed { .. })
    }

    /// The backend side failed. A retry is granted at most
    /// [`CONNECT_ATTEMPTS`] − 1 times; when there is nobody left to try, the answer says how the
    /// last one failed.
    pub fn handle_back_failure(&mut self, failure: BackFailure) -> Verdict {
        let last = self.last.filter(|_| failure == BackFailure::NoBackend);
        let cause = Cause::Back(last.unwrap_or(failure));
        if self.phase == Phase::Responding {
            return Verdict::Cut(cause);
        }
        let answer = Verdict::Answer(status_of(last.unwrap_or(failure)), cause);
        self.attempts += 1;
        let again = match failure {
            BackFailure::Refused | BackFailure::ConnectTimeout | BackFailure::Handshake => true,
            BackFailure::Closed { taken } => {
                let safe = !taken || (self.idempotent && self.reused);
                safe && !self.interim && !self.spent
            }
            _ => false,
        };
        if !again || self.attempts == CONNECT_ATTEMPTS {
            return answer;
        }
        self.last = Some(failure);
        self.retry()
    }

    /// Another attempt was granted and is not made: how the last one failed is the answer.
    pub fn give_up(&self) -> Verdict {
        let last = self.last.unwrap_or(BackFailure::NoBackend);
        Verdict::Answer(status_of(last), Cause::Back(last))
    }

    /// The client side failed.
    pub fn handle_front_failure(&self, failure: FrontFailure) -> Verdict {
        let cause = Cause::Front(failure);
        let answer = match failure {
            FrontFailure::Gone => None,
            FrontFailure::Truncated | FrontFailure::MalformedBody => Some(400),
            FrontFailure::SlowBody => Some(408),
            FrontFailure::Stalled => Some(504),
            FrontFailure::Dismissed => Some(503),
        };
        match answer {
            Some(status) if self.phase != Phase::Responding => Verdict::Answer(status, cause),
            _ => Verdict::Cut(cause),
        }
    }

    fn retry(&mut self) -> Verdict {
        self.phase = Phase::Connecting;
        self.reused = false;
        Verdict::Retry
    }
}

/// What a client is answered when a backend failed like that and no other is tried.
const fn status_of(failure: BackFailure) -> u16 {
    match failure {
        BackFailure::NoBackend | BackFailure::NoRoom => 503,
        BackFailure::QueueFull | BackFailure::QueueTimeout => 503,
        BackFailure::Refused | BackFailure::ConnectTimeout => 503,
        BackFailure::NoProtocol
        | BackFailure::Handshake
        | BackFailure::Closed { .. }
        | BackFailure::Malformed => 502,
        BackFailure::Silent => 504,
    }
}

#[cfg(test)]
mod tests;
