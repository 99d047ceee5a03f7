//! Heads of requests and responses.

use super::{Method, Span};

/// The protocol version of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

/// How the length of a message body is known, RFC 9112 §6.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body at all: the message ends with its head.
    None,
    /// Exactly that many bytes (`Content-Length`); may be 0.
    Length(u64),
    /// The chunked transfer coding.
    Chunked,
    /// Until the connection closes (only responses), or the stream ends.
    UntilClose,
}

impl Framing {
    /// How a message that arrived so is delimited for a peer of that version: a peer of HTTP/1.0
    /// knows no chunks, and a body of unknown length needs not cost one of HTTP/1.1 its connection.
    pub const fn towards(self, peer: Version) -> Self {
        match (self, peer) {
            (Self::Chunked | Self::UntilClose, Version::Http10) => Self::UntilClose,
            (Self::Chunked | Self::UntilClose, Version::Http11) => Self::Chunked,
            // A stream has an end of its own.
            (Self::Chunked | Self::UntilClose, Version::Http2) => Self::UntilClose,
            (Self::None | Self::Length(_), _) => self,
        }
    }
}

/// The four forms of a request target, RFC 9112 §3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetForm {
    /// `/path?query`
    Origin,
    /// `http://authority/path?query`
    Absolute,
    /// `host:port`, only with CONNECT
    Authority,
    /// `*`, only with OPTIONS
    Asterisk,
}

/// What a request is for. All spans lie in the buffer of the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The form it was written in.
    pub form: TargetForm,
    /// Host and optional port: of an absolute target, else of `Host`; as received.
    pub authority: Span,
    /// The host alone, brackets of an IPv6 literal included; as received, not lower-cased.
    pub host: Span,
    /// The port, when the authority has one.
    pub port: Option<u16>,
    /// Path and query as sent to an origin server; `*` in the asterisk form. Empty for
    /// `http://host` without a path, which encodes as `/` (or `*` for OPTIONS, RFC 9112 §3.2.4).
    pub path_and_query: Span,
    /// The path alone, without `?` and query.
    pub path: Span,
}

/// A request head, checked. It is a view: the spans belong to the buffer it was parsed from and
/// its field lines are in the [`super::Fields`] that was passed to the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// Its text.
    pub method_text: Span,
    /// What it is for.
    pub target: Target,
    /// The version of the client.
    pub version: Version,
    /// How its body is delimited; [`Framing::UntilClose`] is the end of a stream.
    pub framing: Framing,
    /// The client lets the connection be reused after this exchange.
    pub keep_alive: bool,
    /// `Connection: upgrade` with an `Upgrade` field, on HTTP/1.1.
    pub upgrade: bool,
    /// `Expect: 100-continue`, on HTTP/1.1.
    pub expect_continue: bool,
    /// `TE` contains `trailers`.
    pub te_trailers: bool,
    /// Bytes of the head, the empty line included.
    pub len: usize,
}

impl RequestHead {
    /// Stands for a request that could not be read.
    pub const UNREADABLE: Self = Self {
        method: Method::Other,
        method_text: Span { start: 0, len: 0 },
        target: Target {
            form: TargetForm::Origin,
            authority: Span { start: 0, len: 0 },
            host: Span { start: 0, len: 0 },
            port: None,
            path_and_query: Span { start: 0, len: 0 },
            path: Span { start: 0, len: 0 },
        },
        version: Version::Http11,
        framing: Framing::None,
        keep_alive: false,
        upgrade: false,
        expect_continue: false,
        te_trailers: false,
        len: 0,
    };

    /// False of [`Self::UNREADABLE`]: every request that could be read has a length.
    pub const fn is_readable(&self) -> bool {
        self.len > 0
    }
}

/// A response head, checked. A view like [`RequestHead`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// 100..=999
    pub status: u16,
    /// Reason phrase; may be empty.
    pub reason: Span,
    /// The version of the backend.
    pub version: Version,
    /// How its body is delimited, with the request's method taken into account.
    pub framing: Framing,
    /// The `Content-Length` field of a message without a body (a response to HEAD, a 304), which is
    /// forwarded though nothing follows.
    pub declared_length: Option<u64>,
    /// The backend lets its connection be reused after this exchange.
    pub keep_alive: bool,
    /// Bytes of the head, the empty line included.
    pub len: usize,
}
