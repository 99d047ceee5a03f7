//! One end of a connection: frames in, events out; and what streams send.
//!
//! A [`Role::Server`] is asked on streams that its peer opens, a [`Role::Client`] opens them and
//! gets responses; everything else is the same for both.
//!
//! A call of [`Connection::receive`] takes one frame, or a part of one DATA frame, from the start
//! of what was received. What the connection itself has to say (acknowledgements, windows, resets)
//! waits in [`Connection::control`] for the caller to send it first.
//!
//! Invariants: at most `Options::ours.max_streams` streams are open; a stream that is closed is
//! forgotten; nothing that the peer sends makes anything here grow beyond its bound; every frame
//! that costs more than it should is counted.

mod carried;
mod control;
mod data;
mod heads;
mod sending;
mod streams;

use weir_base::Instant;

use super::floods::{self, Flood, Floods};
use super::frame::{HEADER, Header, Kind, MAX_PAYLOAD, PREFACE, flag};
use super::head::{HeadLimits, Told};
use super::hpack::{Decoder, Encoder};
use super::stream::{self, Refusal, State};
use super::{Code, Numbered, Ours, Priority, Tally, Theirs, flow};
pub use carried::Carried;
use flow::Window;
use streams::Stream;

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The peer opens streams.
    Server,
    /// We do.
    Client,
}

/// What a connection is made with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Our end.
    pub role: Role,
    /// Streams that may be open at once.
    pub most_streams: usize,
    /// What we announce.
    pub ours: Ours,
    /// Bytes of the table of our encoder, whatever the peer allows.
    pub encoder_table: u32,
    /// Bounds of heads.
    pub head: HeadLimits,
    /// Bounds of what costs more than it should.
    pub floods: floods::Limits,
}

/// What one step took, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that are done with; 0: more has to come first.
    pub consumed: usize,
    /// What whoever serves streams has to know.
    pub event: Event,
}

/// What happened to streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing.
    Nothing,
    /// A request began: its text was written. The stream may be refused with
    /// [`Connection::reset`].
    Request {
        /// The stream.
        stream: u32,
        /// `content-length` and priority.
        told: Told,
        /// Nothing follows.
        end: bool,
    },
    /// A response began, an interim one perhaps: its text was written.
    Response {
        /// The stream.
        stream: u32,
        /// `content-length`, when there is a body of that length.
        length: Option<u64>,
        /// Nothing follows.
        end: bool,
    },
    /// A part of a body: this range of the input. Its reader gives it back with
    /// [`Connection::consumed`].
    Data {
        /// The stream.
        stream: u32,
        /// Where it begins.
        start: usize,
        /// How many bytes.
        len: usize,
        /// The body is complete.
        end: bool,
    },
    /// The message ended with trailers: their lines were written.
    End {
        /// The stream.
        stream: u32,
    },
    /// The peer gave the stream up, or it broke a rule and was reset.
    Reset {
        /// The stream.
        stream: u32,
        /// Why.
        code: Code,
    },
    /// More may be sent: on this stream, or on all (0).
    Window {
        /// The stream, or 0.
        stream: u32,
    },
    /// A response is wanted more or less urgently.
    Priority {
        /// The stream.
        stream: u32,
        /// How.
        priority: Priority,
    },
    /// A client opens no more streams; a server serves none with a higher number.
    GoAway {
        /// The highest one.
        last: u32,
    },
}

/// Why the connection ends; the code is to be sent with [`Connection::go_away`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The first bytes are not the preface (RFC 9113 §3.4).
    #[error("the connection does not begin with the preface of HTTP/2")]
    Preface,
    /// A rule of RFC 9113 was broken.
    #[error("a rule of HTTP/2 is broken ({0:?}): {1}")]
    Rule(Code, &'static str),
    /// Too much of what costs more than it should.
    #[error("too many of what costs the proxy more than its peer: {0:?}")]
    Flood(Flood),
}

impl Fault {
    /// What the peer is told.
    pub const fn code(self) -> Code {
        match self {
            Self::Preface => Code::ProtocolError,
            Self::Rule(code, _) => code,
            Self::Flood(_) => Code::EnhanceYourCalm,
        }
    }
}

impl From<Flood> for Fault {
    fn from(flood: Flood) -> Self {
        Self::Flood(flood)
    }
}

/// The rest of a DATA frame.
#[derive(Clone, Copy, Debug)]
struct Pending {
    stream: u32,
    /// Bytes of the body.
    data: usize,
    /// Bytes of padding behind them.
    padding: usize,
    end: bool,
    /// Nobody reads it.
    dropped: bool,
}

/// A header block that CONTINUATION frames go on with.
#[derive(Debug)]
struct Block {
    stream: u32,
    end: bool,
    bytes: Vec<u8>,
    frames: u32,
}

/// One connection.
pub struct Connection {
    options: Options,
    theirs: Theirs,
    decoder: Decoder,
    encoder: Encoder,
    /// At most as many as were announced.
    streams: Numbered<Stream>,
    floods: Floods,
    /// Bytes of the preface that were seen.
    preface: usize,
    /// The first SETTINGS have come.
    introduced: bool,
    /// The highest stream that was opened.
    last: u32,
    /// Our peer, a server, takes no more streams.
    closed_by_peer: bool,
    /// The peer was told that the end is near.
    warned: bool,
    /// Streams beyond this one are not served any more.
    served: u32,
    /// The peer may send us that much.
    receive: Window,
    /// Bytes that were read and not given back.
    credit: u32,
    /// We may send that much.
    send: Window,
    pending: Option<Pending>,
    block: Option<Block>,
    control: Vec<u8>,
    tally: Tally,
}

/// The PING behind a warning: its answer comes behind all that was sent before the warning came.
const FAREWELL: &[u8; 8] = b"farewell";

/// The peer does not read what it makes us say, beyond that many bytes.
const MOST_CONTROL: usize = 32 * 1024;

impl Connection {
    /// Nothing was received. Our settings wait to be sent.
    pub fn new(options: Options, now: Instant) -> Self {
        let ours = options.ours;
        let mut control = Vec::new();
        let preface = match options.role {
            Role::Server => 0,
            Role::Client => {
                control.extend_from_slice(PREFACE);
                PREFACE.len()
            }
        };
        ours.write(&mut control);
        let mut tally = Tally::default();
        tally.sent_control(&control[preface..]);
        let window = ours.connection_window.max(flow::INITIAL as u32);
        Self {
            theirs: Theirs::default(),
            decoder: Decoder::new(ours.header_table as usize),
            encoder: Encoder::new(),
            streams: Numbered::default(),
            floods: Floods::new(options.floods.clone(), now),
            preface,
            introduced: false,
            last: 0,
            closed_by_peer: false,
            warned: false,
            served: u32::MAX,
            receive: Window::new(i32::try_from(window).unwrap_or(i32::MAX)),
            credit: 0,
            send: Window::new(flow::INITIAL),
            pending: None,
            block: None,
            control,
            tally,
            options,
        }
    }

    /// Takes the next frame from the start of `bytes`. The text of a head or of trailers goes to
    /// `text`.
    ///
    /// # Errors
    /// When the connection has to end.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        now: Instant,
        text: &mut Vec<u8>,
    ) -> Result<Step, Fault> {
        if self.preface < PREFACE.len() {
            return self.preface(bytes);
        }
        if let Some(pending) = self.pending {
            return Ok(self.go_on(pending, bytes));
        }
        let Some(header) = Header::parse(bytes) else { return Ok(nothing(0)) };
        if header.len > MAX_PAYLOAD {
            return Err(Fault::Rule(Code::FrameSizeError, "a frame is larger than announced"));
        }
        self.in_order(&header)?;
        if header.kind == Kind::Data {
            let step = self.data(&header, bytes, now)?;
            if step.consumed > 0 {
                self.tally.received(Kind::Data);
            }
            return Ok(step);
        }
        let Some(payload) = bytes.get(HEADER..HEADER + header.len) else { return Ok(nothing(0)) };
        self.tally.received(header.kind);
        let event = match header.kind {
            Kind::Headers => self.headers(&header, payload, now, text)?,
            Kind::Continuation => self.continuation(&header, payload, now, text)?,
            _ => self.control_frame(&header, payload, now)?,
        };
        if self.control.len() > MOST_CONTROL {
            return Err(Fault::Flood(Flood::Glitches));
        }
        Ok(Step { consumed: HEADER + header.len, event })
    }

    fn preface(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        let wanted = &PREFACE[self.preface..];
        let n = bytes.len().min(wanted.len());
        if bytes[..n] != wanted[..n] {
            return Err(Fault::Preface);
        }
        self.preface += n;
        Ok(nothing(n))
    }

    /// SETTINGS come first; nothing comes between the pieces of a block.
    fn in_order(&mut self, header: &Header) -> Result<(), Fault> {
        let first = !self.introduced;
        if first && (header.kind != Kind::Settings || header.has(flag::ACK)) {
            return Err(Fault::Rule(Code::ProtocolError, "the first frame is not SETTINGS"));
        }
        let between = self.block.is_some() != (header.kind == Kind::Continuation);
        if between {
            return Err(Fault::Rule(Code::ProtocolError, "a header block is not complete"));
        }
        Ok(())
    }

    /// Moves a stream on; false when it takes no such frame (any more).
    fn step_stream(&mut self, id: u32, event: stream::Event, now: Instant) -> Result<bool, Fault> {
        let state = match self.streams.get(id) {
            Some(stream) => stream.state,
            None if id > self.last || id.is_multiple_of(2) => State::Idle,
            None => State::Closed,
        };
        match state.next(event) {
            Ok(next) => {
                if let Some(stream) = self.streams.get_mut(id) {
                    stream.state = next;
                }
                Ok(true)
            }
            Err(Refusal::Connection(code)) => {
                Err(Fault::Rule(code, "a frame for a stream that was never opened"))
            }
            Err(Refusal::Stream(code)) => {
                self.provoked(id, code, now)?;
                Ok(false)
            }
            Err(Refusal::Ignore) => {
                self.floods.count(Flood::Glitches, self.streams.len(), now)?;
                Ok(false)
            }
        }
    }

    /// Resets a stream because of what the peer did.
    fn provoked(&mut self, id: u32, code: Code, now: Instant) -> Result<(), Fault> {
        self.reset(id, code);
        Ok(self.floods.count(Flood::ProvokedResets, self.streams.len(), now)?)
    }

    fn forget_if_closed(&mut self, id: u32) {
        if self.streams.get(id).is_some_and(|stream| stream.state == State::Closed) {
            self.streams.remove(id);
        }
    }
}

const fn nothing(consumed: usize) -> Step {
    Step { consumed, event: Event::Nothing }
}

#[cfg(test)]
mod tests;
