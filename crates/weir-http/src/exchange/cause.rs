//! Why an exchange did not end well: who is to blame, and the words for logs.

use std::fmt;

/// What went wrong on the backend side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackFailure {
    /// The cluster has no backend that could be tried.
    NoBackend,
    /// We have no descriptor, connection slot or buffer left.
    NoRoom,
    /// As many requests wait for a backend as may.
    QueueFull,
    /// No backend had a connection free in time.
    QueueTimeout,
    /// The connection was refused or could not be made.
    Refused,
    /// The connection was not made in time.
    ConnectTimeout,
    /// It was asked for a protocol that it does not take on streams.
    NoProtocol,
    /// No keys were agreed on, or the backend is not who it should be.
    Handshake,
    /// The connection ended before a response; `taken` unless no byte of the request reached it.
    Closed {
        /// The backend may have acted on the request.
        taken: bool,
    },
    /// The response breaks a rule of RFC 9112.
    Malformed,
    /// Nothing came for the back timeout.
    Silent,
}

/// What went wrong on the client side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontFailure {
    /// The connection was reset.
    Gone,
    /// The connection ended inside the request body.
    Truncated,
    /// The request body breaks a rule of RFC 9112.
    MalformedBody,
    /// The request body came too slowly.
    SlowBody,
    /// Nothing moved for the front timeout.
    Stalled,
    /// Whoever runs the proxy has ended it.
    Dismissed,
}

/// Why an exchange did not end well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The backend side.
    Back(BackFailure),
    /// The client side.
    Front(FrontFailure),
}

impl BackFailure {
    /// Whether it is the backend's doing, and not a lack of ours.
    pub const fn speaks_of_backend(self) -> bool {
        !matches!(
            self,
            Self::NoBackend
                | Self::NoRoom
                | Self::QueueFull
                | Self::QueueTimeout
                | Self::NoProtocol
        )
    }
}

impl Cause {
    /// The word for the message field of the access log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Back(BackFailure::NoBackend) => "no_backend",
            Self::Back(BackFailure::NoRoom) => "no_room",
            Self::Back(BackFailure::QueueFull) => "queue_full",
            Self::Back(BackFailure::QueueTimeout) => "queue_timeout",
            Self::Back(BackFailure::Refused) => "backend_refused",
            Self::Back(BackFailure::ConnectTimeout) => "backend_connect_timeout",
            Self::Back(BackFailure::NoProtocol) => "backend_no_websocket",
            Self::Back(BackFailure::Handshake) => "backend_tls_handshake",
            Self::Back(BackFailure::Closed { .. }) => "backend_closed",
            Self::Back(BackFailure::Malformed) => "backend_malformed_response",
            Self::Back(BackFailure::Silent) => "backend_timeout",
            Self::Front(FrontFailure::Gone) => "client_gone",
            Self::Front(FrontFailure::Truncated) => "client_truncated_request",
            Self::Front(FrontFailure::MalformedBody) => "client_malformed_body",
            Self::Front(FrontFailure::SlowBody) => "client_timeout",
            Self::Front(FrontFailure::Stalled) => "client_timeout_during_response",
            Self::Front(FrontFailure::Dismissed) => "closed_on_request",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Back(BackFailure::NoBackend) => "no backend of the cluster could be tried",
            Self::Back(BackFailure::NoRoom) => {
                "the proxy has no connection slot, descriptor or buffer left"
            }
            Self::Back(BackFailure::QueueFull) => {
                "the backends are busy, and as many requests wait for them as may"
            }
            Self::Back(BackFailure::QueueTimeout) => {
                "the backends are busy, and none had a connection free in time"
            }
            Self::Back(BackFailure::Refused) => "the backend refused the connection",
            Self::Back(BackFailure::ConnectTimeout) => "the backend did not accept in time",
            Self::Back(BackFailure::NoProtocol) => {
                "the backend does not take WebSocket over HTTP/2 (RFC 8441)"
            }
            Self::Back(BackFailure::Handshake) => "no TLS connection to the backend could be made",
            Self::Back(BackFailure::Closed { taken: true }) => {
                "the backend closed the connection before it answered"
            }
            Self::Back(BackFailure::Closed { taken: false }) => {
                "the backend closed the connection before it took the request"
            }
            Self::Back(BackFailure::Malformed) => "the backend's response is malformed",
            Self::Back(BackFailure::Silent) => "the backend did not answer in time",
            Self::Front(FrontFailure::Gone) => "the client closed the connection",
            Self::Front(FrontFailure::Truncated) => {
                "the client closed the connection inside the request body"
            }
            Self::Front(FrontFailure::MalformedBody) => "the request body is malformed",
            Self::Front(FrontFailure::SlowBody) => "the request body came too slowly",
            Self::Front(FrontFailure::Stalled) => "the client timed out during the response",
            Self::Front(FrontFailure::Dismissed) => "the request was ended from outside",
        })
    }
}
