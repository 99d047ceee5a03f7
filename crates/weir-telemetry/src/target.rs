//! Where lines go, as a configuration writes it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Longest path of a Unix socket: `sockaddr_un` has room for 108 bytes, the last of them NUL.
const SOCKET_PATH_BYTES: usize = 107;

/// A destination of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `stdout`
    Stdout,
    /// `file://<path>`: appended, created if missing.
    File(PathBuf),
    /// `udp://<ip:port>`: one datagram per line.
    Udp(SocketAddr),
    /// `tcp://<ip:port>`: a stream, connected again after an error.
    Tcp(SocketAddr),
    /// `unix://<path>`: a datagram socket, one datagram per line.
    Unix(PathBuf),
    /// `unix-stream://<path>`: a stream, connected again after an error.
    UnixConnection(PathBuf),
}

impl Target {
    /// Lines may be written many at once.
    pub fn is_stream(&self) -> bool {
        !matches!(self, Self::Udp(_) | Self::Unix(_))
    }
}

/// What is wrong with a target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Neither `stdout` nor one of the schemes.
    #[error(
        "the log target `{0}` is none of stdout, file://<path>, udp://<ip:port>, \
             tcp://<ip:port>, unix://<path>, unix-stream://<path>"
    )]
    UnknownScheme(String),
    /// The scheme needs a path and there is none.
    #[error("the log target `{0}` has no path")]
    EmptyPath(String),
    /// The scheme needs an address.
    #[error(
        "the log target `{0}` needs a numeric address and a port, for example 127.0.0.1:514 \
             or [::1]:514; names are not looked up"
    )]
    BadAddress(String),
    /// The kernel cannot name such a socket.
    #[error("the socket path of the log target `{0}` is longer than {SOCKET_PATH_BYTES} bytes")]
    LongSocketPath(String),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let bad = |error: fn(String) -> TargetError| error(text.to_owned());
        let address =
            |rest: &str| rest.parse::<SocketAddr>().map_err(|_| bad(TargetError::BadAddress));
        match text.split_once("://") {
            None if text == "stdout" => Ok(Self::Stdout),
            Some(("file" | "unix" | "unix-stream", "")) => Err(bad(TargetError::EmptyPath)),
            Some(("file", path)) => Ok(Self::File(path.into())),
            Some(("unix" | "unix-stream", path)) if path.len() > SOCKET_PATH_BYTES => {
                Err(bad(TargetError::LongSocketPath))
            }
            Some(("unix", path)) => Ok(Self::Unix(path.into())),
            Some(("unix-stream", path)) => Ok(Self::UnixConnection(path.into())),
            Some(("udp", rest)) => Ok(Self::Udp(address(rest)?)),
            Some(("tcp", rest)) => Ok(Self::Tcp(address(rest)?)),
            _ => Err(bad(TargetError::UnknownScheme)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::File(path) => write!(f, "file://{}", path.display()),
            Self::Udp(address) => write!(f, "udp://{address}"),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::UnixConnection(path) => write!(f, "unix-stream://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_is_understood_and_written_back() {
        for text in [
            "stdout",
            "file:///var/log/weir.log",
            "udp://127.0.0.1:514",
            "tcp://[::1]:601",
            "unix:///run/collector.sock",
            "unix-stream:///run/collector.sock",
        ] {
            assert_eq!(text.parse::<Target>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| text.parse::<Target>().expect_err(text);
        assert!(matches!(error("syslog"), TargetError::UnknownScheme(_)));
        assert!(matches!(error("http://127.0.0.1:1"), TargetError::UnknownScheme(_)));
        assert!(matches!(error("file://"), TargetError::EmptyPath(_)));
        assert!(matches!(error("unix://"), TargetError::EmptyPath(_)));
        assert!(matches!(error("unix-stream://"), TargetError::EmptyPath(_)));
        assert!(matches!(error("udp://localhost:514"), TargetError::BadAddress(_)));
        assert!(matches!(error("tcp://127.0.0.1"), TargetError::BadAddress(_)));
        let long = format!("unix://{}", "x".repeat(108));
        assert!(matches!(error(&long), TargetError::LongSocketPath(_)));
        assert!(format!("unix://{}", "x".repeat(107)).parse::<Target>().is_ok());
        assert!(error("udp://a:1").to_string().contains("`udp://a:1`"));
    }
}
