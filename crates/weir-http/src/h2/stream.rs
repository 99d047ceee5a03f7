//! The life of a stream that a client opened, RFC 9113 §5.1, on either side.
//!
//! ```text
//!                    HEADERS                    END_STREAM received
//!          Idle ──────────────▶ Open ─────────────────────────────▶ HalfClosedRemote
//!                                │                                        │
//!                END_STREAM sent │                        END_STREAM sent │ RST_STREAM
//!                                ▼        END_STREAM received             ▼
//!                        HalfClosedLocal ────────────────────────────▶ Closed
//! ```
//!
//! RST_STREAM, sent or received, leads from anywhere but `Idle` to `Closed`. There is no push.
//! HEADERS open a stream, whoever sends them; the heads of responses, which only a client receives,
//! leave it as it is unless they end it.

use super::Code;

/// Where a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is the state of that name")]
pub enum State {
    Idle,
    Open,
    HalfClosedLocal,
    HalfClosedRemote,
    Closed,
}

/// What can happen to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// HEADERS came; whether they end the stream.
    Headers(bool),
    /// HEADERS with a response came; whether they end the stream.
    Response(bool),
    /// DATA came; whether they end the stream.
    Data(bool),
    /// RST_STREAM came.
    Reset,
    /// WINDOW_UPDATE came.
    WindowUpdate,
    /// We sent the end of the stream.
    SentEnd,
    /// We sent RST_STREAM.
    SentReset,
}

/// What a frame that should not have come is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The stream alone is at fault.
    Stream(Code),
    /// The connection ends.
    Connection(Code),
    /// Nothing is done: it may have been sent before the peer knew.
    Ignore,
}

impl State {
    /// The next state.
    ///
    /// # Errors
    /// What to do about an event that must not happen here.
    pub const fn next(self, event: Event) -> Result<Self, Refusal> {
        use Event::{Data, Headers, Reset, Response, SentEnd, SentReset, WindowUpdate};
        use State::{Closed, HalfClosedLocal, HalfClosedRemote, Idle, Open};
        Ok(match (self, event) {
            (Idle, Headers(false)) => Open,
            (Idle, Headers(true)) => HalfClosedRemote,
            (Idle, _) => return Err(Refusal::Connection(Code::ProtocolError)),
            // A second HEADERS is a trailer section: it ends the stream (RFC 9113 §8.1).
            (Open | HalfClosedLocal, Headers(false)) => {
                return Err(Refusal::Stream(Code::ProtocolError));
            }
            (Open, Headers(true) | Response(true) | Data(true)) => HalfClosedRemote,
            (HalfClosedLocal, Headers(true) | Response(true) | Data(true)) => Closed,
            (Open | HalfClosedLocal, Response(false) | Data(false)) => self,
            (Open, SentEnd) => HalfClosedLocal,
            (HalfClosedRemote, SentEnd) => Closed,
            (HalfClosedRemote, Headers(_) | Response(_) | Data(_)) => {
                return Err(Refusal::Stream(Code::StreamClosed));
            }
            (Open | HalfClosedLocal | HalfClosedRemote, WindowUpdate) => self,
            (Open | HalfClosedLocal | HalfClosedRemote, Reset | SentReset) => Closed,
            (HalfClosedLocal, SentEnd) => self,
            (Closed, _) => return Err(Refusal::Ignore),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole table, for whoever changes it to see.
    const TABLE: &str = "\
Idle: Headers(false) Open, Headers(true) HalfClosedRemote, \
Response(false) Connection(ProtocolError), Response(true) Connection(ProtocolError), \
Data(false) Connection(ProtocolError), Data(true) Connection(ProtocolError), \
Reset Connection(ProtocolError), WindowUpdate Connection(ProtocolError), \
SentEnd Connection(ProtocolError), SentReset Connection(ProtocolError)
Open: Headers(false) Stream(ProtocolError), Headers(true) HalfClosedRemote, \
Response(false) Open, Response(true) HalfClosedRemote, Data(false) Open, \
Data(true) HalfClosedRemote, Reset Closed, WindowUpdate Open, SentEnd HalfClosedLocal, \
SentReset Closed
HalfClosedLocal: Headers(false) Stream(ProtocolError), Headers(true) Closed, \
Response(false) HalfClosedLocal, Response(true) Closed, Data(false) HalfClosedLocal, \
Data(true) Closed, Reset Closed, WindowUpdate HalfClosedLocal, SentEnd HalfClosedLocal, \
SentReset Closed
HalfClosedRemote: Headers(false) Stream(StreamClosed), Headers(true) Stream(StreamClosed), \
Response(false) Stream(StreamClosed), Response(true) Stream(StreamClosed), \
Data(false) Stream(StreamClosed), Data(true) Stream(StreamClosed), Reset Closed, \
WindowUpdate HalfClosedRemote, SentEnd Closed, SentReset Closed
Closed: Headers(false) Ignore, Headers(true) Ignore, Response(false) Ignore, \
Response(true) Ignore, Data(false) Ignore, Data(true) Ignore, Reset Ignore, WindowUpdate Ignore, \
SentEnd Ignore, SentReset Ignore
";

    #[test]
    fn every_transition_is_the_one_of_the_table() {
        use Event::{Data, Headers, Reset, Response, SentEnd, SentReset, WindowUpdate};
        use State::{Closed, HalfClosedLocal, HalfClosedRemote, Idle, Open};
        let events = [
            Headers(false),
            Headers(true),
            Response(false),
            Response(true),
            Data(false),
            Data(true),
            Reset,
            WindowUpdate,
            SentEnd,
            SentReset,
        ];
        let mut table = String::new();
        for state in [Idle, Open, HalfClosedLocal, HalfClosedRemote, Closed] {
            let cells = events.map(|event| match state.next(event) {
                Ok(next) => format!("{event:?} {next:?}"),
                Err(refusal) => format!("{event:?} {refusal:?}"),
            });
            table.push_str(&format!("{state:?}: {}\n", cells.join(", ")));
        }
        assert_eq!(table, TABLE);
    }
}
