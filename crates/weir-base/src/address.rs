//! Where a backend listens: an address and port, or the path of a Unix socket.
//!
//! Must not know: sockets. Written as `192.0.2.1:80`, `[2001:db8::1]:80` or `unix:/run/app.sock`.
//! Invariant: a path is absolute, has no control characters, and fits into a `sockaddr_un`.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::hash::{address_hash, stable_hash};

/// What a path of a Unix socket begins with where it may stand for an address.
const UNIX: &str = "unix:";
/// Bytes of the path of a Unix socket, at most: the kernel has room for them and a zero.
pub const LONGEST_PATH: usize = 107;

/// Where a backend listens. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// An address and port.
    Ip(SocketAddr),
    /// A Unix socket.
    Unix(UnixPath),
}

/// The path of a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixPath(Arc<str>);

/// Why a text does not say where a backend listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is neither of the two.
    #[error("write `ip:port`, or `unix:` and the path of a socket; names are not looked up")]
    Neither,
    /// A path that depends on where the proxy was started.
    #[error("the path of a Unix socket begins with `/`")]
    Relative,
    /// More than the kernel takes.
    #[error("the path of a Unix socket has at most {LONGEST_PATH} bytes")]
    TooLong,
    /// A path that could not be shown.
    #[error("the path of a Unix socket has no control characters")]
    Control,
}

impl UnixPath {
    /// Of the path alone.
    ///
    /// # Errors
    /// Which rule it breaks.
    pub fn new(path: &str) -> Result<Self, AddressError> {
        match path {
            _ if !path.starts_with('/') => Err(AddressError::Relative),
            _ if path.len() > LONGEST_PATH => Err(AddressError::TooLong),
            _ if path.contains(char::is_control) => Err(AddressError::Control),
            _ => Ok(Self([UNIX, path].concat().into())),
        }
    }

    /// The path.
    pub fn path(&self) -> &str {
        self.0.get(UNIX.len()..).unwrap_or_default()
    }

    /// As it stands for an address.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl Address {
    /// Its address and port; a Unix socket has none.
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Its path, of a Unix socket.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Ip(_) => None,
            Self::Unix(path) => Some(path.path()),
        }
    }

    /// How it is called where a host is wanted: a Unix socket is on this one.
    pub fn authority(&self) -> String {
        match self {
            Self::Ip(address) => address.to_string(),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }

    /// The same in every process and version; each `seed` is another function.
    pub fn hash(&self, seed: u64) -> u64 {
        match self {
            Self::Ip(address) => address_hash(*address, seed),
            Self::Unix(path) => stable_hash(path.text().as_bytes(), seed),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl PartialEq<SocketAddr> for Address {
    fn eq(&self, other: &SocketAddr) -> bool {
        self.ip() == Some(*other)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.strip_prefix(UNIX) {
            Some(path) => Ok(Self::Unix(UnixPath::new(path)?)),
            None => text.parse().map(Self::Ip).map_err(|_| AddressError::Neither),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => f.write_str(path.text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["192.0.2.1:80", "[2001:db8::1]:80", "unix:/run/a b.sock"] {
            let address: Address = text.parse().expect("an address");
            assert_eq!(address.to_string(), text);
        }
        let unix: Address = "unix:/run/app.sock".parse().expect("an address");
        assert_eq!((unix.path(), unix.ip()), (Some("/run/app.sock"), None));
        assert_ne!(unix.hash(0), "unix:/run/app".parse::<Address>().expect("another").hash(0));
    }

    #[test]
    fn what_the_kernel_would_not_take_is_refused() {
        let parse = |text: &str| text.parse::<Address>();
        assert_eq!(parse("localhost:80"), Err(AddressError::Neither));
        assert_eq!(parse("/run/app.sock"), Err(AddressError::Neither));
        assert_eq!(parse("unix:run/app.sock"), Err(AddressError::Relative));
        assert_eq!(parse("unix:/run/\0"), Err(AddressError::Control));
        let longest = format!("unix:/{}", "a".repeat(LONGEST_PATH - 1));
        assert!(parse(&longest).is_ok());
        assert_eq!(parse(&format!("{longest}a")), Err(AddressError::TooLong));
    }
}
