//! Why there is no answer, in sentences that say what to do.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use weir_proto::blocking;
use weir_proto::frame::FrameError;

/// One variant per reason.
#[derive(Debug, Error)]
pub enum Error {
    /// Nothing is at that path.
    #[error(
        "there is no control socket at {}: is Weir running, and is that the `command_socket` of \
         its configuration file?", .0.display()
    )]
    NoSocket(PathBuf),
    /// The file is left over.
    #[error(
        "nobody listens on the control socket {}: start Weir with `weir start`", .0.display()
    )]
    NobodyListens(PathBuf),
    /// The socket belongs to somebody else.
    #[error(
        "this user may not use the control socket {}: become the user that Weir runs as",
        .0.display()
    )]
    PermissionDenied(PathBuf),
    /// Another reason why no connection is made.
    #[error("the control socket {} cannot be used: {cause}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// A frame did not come, or could not be sent, in time.
    #[error(
        "Weir did not answer within {} ms; what was asked for may still be done: allow more time \
         (`-t`, or `ctl_command_timeout` in the configuration file)", .0.as_millis()
    )]
    TimedOut(Duration),
    /// What was asked for does not fit a frame; it was not sent.
    #[error(
        "the request has {length} bytes, more than {limit}: raise `max_command_buffer_size` in \
         the configuration file and start Weir again, or ask for less at once"
    )]
    RequestTooLarge {
        /// Bytes of its frame.
        length: u64,
        /// The longest frame.
        limit: usize,
    },
    /// The answer is longer than this client takes.
    #[error(
        "the answer has {length} bytes, more than {limit}: raise `max_command_buffer_size` in the \
         configuration file, or ask for less"
    )]
    AnswerTooLarge {
        /// Bytes of its frame.
        length: u64,
        /// The longest frame.
        limit: usize,
    },
    /// The connection ended before the answer did.
    #[error(
        "Weir closed the connection before it had answered: it may be stopping; its log says more"
    )]
    Closed,
    /// What came is no answer.
    #[error("what answers on the control socket is not Weir, or another version of it: {0}")]
    NotUnderstood(String),
    /// Weir said no, and why.
    #[error("{0}")]
    Refused(String),
    /// An earlier call failed, and its answer could be taken for that of another.
    #[error("this connection is of no use after an error: connect again")]
    Unusable,
    /// The connection failed.
    #[error("the connection to Weir failed: {0}")]
    Io(io::Error),
}

impl Error {
    /// What [`blocking::send`] said.
    pub(crate) fn sending(error: blocking::Error, timeout: Option<Duration>) -> Self {
        match error {
            blocking::Error::Frame(FrameError::TooLarge { length, limit }) => {
                Self::RequestTooLarge { length, limit }
            }
            other => Self::receiving(other, timeout),
        }
    }

    /// What [`blocking::receive`] said.
    pub(crate) fn receiving(error: blocking::Error, timeout: Option<Duration>) -> Self {
        match error {
            blocking::Error::Io(error) => Self::io(error, timeout),
            blocking::Error::Cut => Self::Closed,
            blocking::Error::Frame(FrameError::TooLarge { length, limit }) => {
                Self::AnswerTooLarge { length, limit }
            }
            error @ (blocking::Error::Frame(_) | blocking::Error::Decode(_)) => {
                Self::NotUnderstood(error.to_string())
            }
        }
    }

    fn io(error: io::Error, timeout: Option<Duration>) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, TimedOut, WouldBlock};
        match error.kind() {
            WouldBlock | TimedOut => Self::TimedOut(timeout.unwrap_or_default()),
            BrokenPipe | ConnectionReset => Self::Closed,
            _ => Self::Io(error),
        }
    }

    /// Why there is no connection.
    pub(crate) fn connecting(path: PathBuf, cause: io::Error, timeout: Option<Duration>) -> Self {
        use io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied, TimedOut, WouldBlock};
        match cause.kind() {
            NotFound => Self::NoSocket(path),
            ConnectionRefused => Self::NobodyListens(path),
            PermissionDenied => Self::PermissionDenied(path),
            WouldBlock | TimedOut => Self::TimedOut(timeout.unwrap_or_default()),
            _ => Self::Connect { path, cause },
        }
    }
}
