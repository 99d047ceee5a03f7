//! Heads and trailers that come over HTTP/2, RFC 9113 §8: checked, and written as the text of
//! HTTP/1.1.
//!
//! The text goes through the parser of HTTP/1.1 like any other, so whatever is forwarded has
//! passed both sets of rules, and everything behind knows one form of a message. Framing is not in
//! it, but for `content-length`: a stream has its own end.
//!
//! Invariants: a text is at most [`HeadLimits::text`] bytes; pieces of a cookie are joined (RFC
//! 9113 §8.2.3); a name or value that could end a line is refused.

mod lines;
mod request;
mod response;
mod trailer;

pub use request::{RequestText, Told};
pub use response::{Answered, ResponseText};
pub use trailer::TrailerText;

/// Bounds of one head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the text.
    pub text: usize,
    /// Names and values, and 32 for each field (RFC 9113 §6.5.2).
    pub list: usize,
    /// Fields, pieces of a cookie counted.
    pub fields: usize,
}

/// The rule that a head breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadFault {
    /// RFC 9113 §8.2.1.
    #[error("a field name is empty, or has an upper-case letter or another byte that no name has")]
    Name,
    /// RFC 9113 §8.2.1.
    #[error("a field value has a control character, or space at its ends")]
    Value,
    /// RFC 9113 §8.2.2.
    #[error("a field is about the connection, which HTTP/2 does not have")]
    ConnectionSpecific,
    /// RFC 9113 §8.2.2.
    #[error("te says more than trailers")]
    Te,
    /// RFC 9113 §8.3.
    #[error("a pseudo-header field is unknown, stands twice, or stands behind another field")]
    Pseudo,
    /// RFC 9113 §8.3.1.
    #[error("a pseudo-header field is missing")]
    Missing,
    /// RFC 9113 §8.3.1.
    #[error("the scheme is neither http nor https")]
    Scheme,
    /// RFC 9113 §8.3.1.
    #[error("the path is not a path")]
    Path,
    /// RFC 9113 §8.3.1.
    #[error("host is not the authority")]
    Host,
    /// RFC 9113 §8.1.1.
    #[error("content-length is no number, or two numbers")]
    Length,
    /// RFC 9113 §8.1: trailers have no pseudo-header fields.
    #[error("a trailer section has a pseudo-header field")]
    Trailer,
    /// RFC 9113 §8.3.2.
    #[error("the status is none that HTTP/2 has")]
    Status,
    /// More than [`HeadLimits`] allow.
    #[error("the head is too large")]
    TooLarge,
}
