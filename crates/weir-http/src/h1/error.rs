//! The rules of RFC 9112 that a peer can break: one variant each. The message of a variant is a
//! sentence for the log and for the answer.

use thiserror::Error;

use crate::message::AuthorityError;

/// What can be wrong in the lines of any head or trailer section, and in the fields that delimit
/// a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeadError {
    /// RFC 9112 §2.2.
    #[error("a carriage return is not followed by a line feed")]
    BareCr,
    /// RFC 9112 §2.2; a recipient may accept it, and is then read differently than others.
    #[error("a line ends with a line feed alone")]
    BareLf,
    /// RFC 9112 §5.2; also whitespace before the first field, §2.2.
    #[error("a line begins with whitespace")]
    Folded,
    /// RFC 9112 §5.
    #[error("a field has no name")]
    EmptyName,
    /// RFC 9110 §5.1.
    #[error("a field name contains a character that is not allowed")]
    NameByte,
    /// RFC 9112 §5.1.
    #[error("whitespace stands between a field name and its colon")]
    SpaceBeforeColon,
    /// RFC 9112 §5.
    #[error("a field line has no colon")]
    NoColon,
    /// RFC 9110 §5.5.
    #[error("a field value contains a control character")]
    ValueByte,
    /// More than the capacity of [`crate::message::Fields`].
    #[error("the head has too many fields")]
    TooManyFields,
    /// More than [`super::HeadLimits::head_bytes`].
    #[error("the head is too large")]
    TooLarge,
    /// RFC 9110 §8.6; lists of lengths are refused too.
    #[error("Content-Length is not a number")]
    LengthSyntax,
    /// More than 2^63-1.
    #[error("Content-Length is too large")]
    LengthOverflow,
    /// RFC 9112 §6.3; refused even when the values agree.
    #[error("Content-Length is repeated")]
    LengthRepeated,
    /// RFC 9112 §6.1.
    #[error("Content-Length and Transfer-Encoding are both present")]
    LengthAndCoding,
    /// RFC 9112 §6.1: only a single `chunked` is understood.
    #[error("Transfer-Encoding is not exactly chunked")]
    Coding,
    /// RFC 9112 §7.1: chunked twice.
    #[error("Transfer-Encoding is repeated")]
    CodingRepeated,
    /// RFC 9112 §6.1.
    #[error("Transfer-Encoding is not part of HTTP/1.0")]
    CodingInHttp10,
    /// RFC 9112 §6.1: on a 1xx or 204.
    #[error("Transfer-Encoding is present on a response that never has a body")]
    CodingWithoutBody,
    /// RFC 9112 §3.2.
    #[error("Host is repeated")]
    HostRepeated,
    /// RFC 9110 §7.6.1.
    #[error("Connection contains an option that is not a token")]
    OptionSyntax,
    /// More than 32.
    #[error("Connection has too many options")]
    TooManyOptions,
}

/// Why a request head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RequestError {
    /// Its lines or its framing.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// RFC 9112 §3: not three words with single spaces between.
    #[error("the request line is not a method, a target and a version")]
    RequestLine,
    /// RFC 9110 §9.1.
    #[error("the method is not a token")]
    Method,
    /// RFC 9112 §3.
    #[error("the method is too long")]
    MethodTooLong,
    /// Tunnels are not offered, RFC 9110 §9.3.6.
    #[error("CONNECT is not supported")]
    Connect,
    /// RFC 9112 §3.2: whitespace, a control or a byte outside ASCII.
    #[error("the target contains a character that is not allowed")]
    TargetByte,
    /// RFC 9110 §7.1.
    #[error("the target contains a fragment")]
    Fragment,
    /// More than [`super::HeadLimits::target_bytes`].
    #[error("the target is too long")]
    TargetTooLong,
    /// RFC 9112 §3.2: none of the four forms.
    #[error("the target is neither a path nor an absolute http URI")]
    TargetForm,
    /// RFC 9112 §3.2.4.
    #[error("the target * is only for OPTIONS")]
    Asterisk,
    /// RFC 9110 §4.2.
    #[error("the scheme of the target is neither http nor https")]
    Scheme,
    /// `http://host?query`: there is no path to send on.
    #[error("the target has a query but no path")]
    NoPath,
    /// RFC 9112 §3.2.2.
    #[error("the authority of the target is invalid: {0}")]
    Authority(AuthorityError),
    /// RFC 9112 §2.3: the third word is no HTTP version.
    #[error("the protocol version is malformed")]
    VersionSyntax,
    /// RFC 9110 §15.6.6.
    #[error("only HTTP/1.0 and HTTP/1.1 are spoken here")]
    Version,
    /// RFC 9112 §3.2; demanded of HTTP/1.0 as well.
    #[error("Host is missing")]
    HostMissing,
    /// RFC 9112 §3.2.
    #[error("Host is invalid: {0}")]
    Host(AuthorityError),
    /// RFC 9112 §3.2: Host has to be the authority of the target.
    #[error("Host differs from the authority of the target")]
    HostMismatch,
    /// RFC 9112 §8: told by whoever reads the connection, not by the parser.
    #[error("the connection closed inside the head")]
    Truncated,
    /// Told by whoever reads the connection, not by the parser.
    #[error("plain HTTP was sent to a port that speaks TLS: use https")]
    ClearOnTls,
}

impl RequestError {
    /// The status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Self::Head(HeadError::TooManyFields | HeadError::TooLarge) => 431,
            Self::TargetTooLong => 414,
            Self::Version => 505,
            _ => 400,
        }
    }
}

/// Why a response head is refused; the answer to the client is 502.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ResponseError {
    /// Its lines or its framing.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// RFC 9112 §4: not a version, a status and a reason.
    #[error("the status line is malformed")]
    StatusLine,
    /// RFC 9112 §2.3.
    #[error("the response is not HTTP/1.0 or HTTP/1.1")]
    Version,
    /// RFC 9110 §15: not three digits from 100.
    #[error("the status is not a number from 100 to 999")]
    Status,
    /// RFC 9112 §4.
    #[error("the reason phrase contains a control character")]
    ReasonByte,
}

/// Why a body cannot be read on. The connection it came from is of no further use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BodyError {
    /// RFC 9112 §7.1: no hexadecimal digit where a chunk begins, or another byte after them.
    #[error("a chunk size is not a hexadecimal number")]
    ChunkSize,
    /// More than 16 digits, or more than 2^63-1.
    #[error("a chunk size is too large")]
    ChunkSizeOverflow,
    /// RFC 9112 §7.1.1: a control or an unfinished quoted string.
    #[error("a chunk extension is malformed")]
    Extension,
    /// More than [`super::EXTENSION_BYTES`].
    #[error("a chunk extension is too long")]
    ExtensionTooLong,
    /// RFC 9112 §7.1: a line of the coding does not end with CRLF.
    #[error("a chunk line does not end with CR LF")]
    ChunkLineEnd,
    /// RFC 9112 §7.1: the data are longer than the size says.
    #[error("chunk data are not followed by CR LF")]
    ChunkDataEnd,
    /// RFC 9112 §7.1.2.
    #[error("the trailer section is invalid: {0}")]
    Trailer(HeadError),
    /// RFC 9112 §8: the connection closed before the end of the body.
    #[error("the connection closed before the end of the body")]
    Truncated,
}
