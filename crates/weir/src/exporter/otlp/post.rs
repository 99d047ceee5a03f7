//! A request of HTTP/1.1 with a body of protobuf.
//!
//! Bounds: [`PATIENCE`] for each step, [`HEAD`] bytes of the answer. Must not know: what is sent.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);
/// As much of an answer as is looked at: its first line.
const HEAD: u64 = 256;

/// `http://<host>:<port>[/<prefix>]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Host and port.
    authority: String,
    /// Before the path of each request; empty, or it begins with `/` and does not end with it.
    prefix: String,
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("http://").ok_or(
            "it must begin with http://; for TLS, send to a collector on this host that forwards",
        )?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none_or(|port| port == 0) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("it needs a host and a port, for example http://127.0.0.1:4318".to_owned());
        }
        let prefix = path.trim_end_matches('/').to_owned();
        Ok(Self { authority: authority.to_owned(), prefix })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.prefix)
    }
}

impl Endpoint {
    /// Sends, on a connection of its own, and waits for the answer.
    ///
    /// # Errors
    /// Nobody took it.
    pub(super) fn post(&self, path: &str, body: &[u8]) -> io::Result<()> {
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let head = format!(
            "POST {}{path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-protobuf\r\n\
             Content-Length: {}\r\nUser-Agent: weir/{}\r\nConnection: close\r\n\r\n",
            self.prefix,
            self.authority,
            body.len(),
            env!("CARGO_PKG_VERSION")
        );
        stream.write_all(&[head.as_bytes(), body].concat())?;
        let mut answer = Vec::new();
        stream.take(HEAD).read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer);
        let line = answer.lines().next().unwrap_or_default();
        match line.split(' ').nth(1) {
            Some(status) if status.len() == 3 && status.starts_with('2') => Ok(()),
            _ => Err(io::Error::other(format!("the answer is {line:?}"))),
        }
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::other("the name has no address");
        for address in self.authority.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_read_and_written_back() {
        for text in ["http://127.0.0.1:4318", "http://[::1]:4318", "http://collector:80/otlp"] {
            assert_eq!(text.parse::<Endpoint>().expect(text).to_string(), text);
        }
        let slash = "http://a:1/".parse::<Endpoint>().expect("good");
        assert_eq!(slash.to_string(), "http://a:1");
        for text in ["https://a:1", "a:1", "http://a", "http://a:1/b c", "http://a:0"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
