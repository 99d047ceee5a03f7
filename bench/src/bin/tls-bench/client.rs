//! A client: connections in clear or with TLS 1.3, and responses read to their ends.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, Stream, SupportedCipherSuite,
};

use weir_sys::Epoll;

use crate::Result;

const PATIENCE: Duration = Duration::from_secs(10);

/// The two ciphers that are measured.
pub(crate) const AES: SupportedCipherSuite = cipher_suite::TLS13_AES_128_GCM_SHA256;
pub(crate) const CHACHA: SupportedCipherSuite = cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;

/// How a client speaks TLS: one cipher, one group, tickets of its own if any.
pub(crate) fn tls(
    roots: &RootCertStore,
    cipher: SupportedCipherSuite,
    resumes: bool,
) -> Result<Arc<ClientConfig>> {
    let provider = CryptoProvider {
        cipher_suites: vec![cipher],
        kx_groups: vec![kx_group::X25519],
        ..aws_lc_rs::default_provider()
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    config.resumption =
        if resumes { Resumption::in_memory_sessions(16) } else { Resumption::disabled() };
    Ok(Arc::new(config))
}

/// A connection, and the response that it waits for.
pub(crate) struct Connection {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    buffer: Box<[u8]>,
    awaited: Awaited,
}

/// What is still to come.
enum Awaited {
    /// The rest of the head, behind so many bytes of it; then a body of so many.
    Head(usize, usize),
    /// So many bytes of the body.
    Body(usize),
}

impl Connection {
    /// Connects; the handshake is made when something is asked for.
    pub(crate) fn new(
        address: SocketAddr,
        tls: Option<&Arc<ClientConfig>>,
        host: &str,
        buffer: usize,
    ) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let tls = match tls {
            Some(config) => {
                let name = ServerName::try_from(host.to_owned())?;
                Some(Box::new(ClientConnection::new(Arc::clone(config), name)?))
            }
            None => None,
        };
        let awaited = Awaited::Body(0);
        Ok(Self { stream, tls, buffer: vec![0; buffer].into(), awaited })
    }

    /// From now on nothing waits; events say when to go on.
    pub(crate) fn watch(&self, epoll: &Epoll, token: u64) -> Result<()> {
        self.stream.set_nonblocking(true)?;
        Ok(epoll.add_edge(self.stream.as_fd(), token)?)
    }

    /// Makes the handshake, and waits for its end.
    pub(crate) fn shake_hands(&mut self) -> Result<()> {
        while let Some(tls) = self.tls.as_mut().filter(|tls| tls.is_handshaking()) {
            tls.complete_io(&mut self.stream)?;
        }
        Ok(())
    }

    /// Sends a request, whose response will have a body of `body` bytes. With TLS it leaves with
    /// the first look for the response.
    pub(crate) fn ask(&mut self, request: &[u8], body: usize) -> Result<()> {
        self.awaited = Awaited::Head(0, body);
        match &mut self.tls {
            Some(tls) => tls.writer().write_all(request)?,
            None => self.stream.write_all(request)?,
        }
        Ok(())
    }

    /// Asks, and waits for the end of the response.
    pub(crate) fn ask_and_wait(&mut self, request: &[u8], body: usize) -> Result<()> {
        self.ask(request, body)?;
        if self.answered()? { Ok(()) } else { Err("no response in time".into()) }
    }

    /// Reads what is there of the response; whether all of it has come.
    pub(crate) fn answered(&mut self) -> Result<bool> {
        loop {
            let (at, rest) = match self.awaited {
                Awaited::Body(0) => return Ok(true),
                Awaited::Body(rest) => (0, rest),
                Awaited::Head(at, _) => (at, 0),
            };
            let read = match self.read(at) {
                Ok(0) => return Err("closed before the end of the response".into()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            self.awaited = match self.awaited {
                Awaited::Head(_, body) => self.head(at + read, body)?,
                Awaited::Body(_) => Awaited::Body(left(rest, read)?),
            };
        }
    }

    /// What is awaited when so many bytes have come, from the head on.
    fn head(&self, read: usize, body: usize) -> Result<Awaited> {
        let bytes = &self.buffer[..read];
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(Awaited::Head(read, body));
        };
        if !bytes.starts_with(b"HTTP/1.1 200") {
            return Err(String::from_utf8_lossy(&bytes[..end]).into());
        }
        Ok(Awaited::Body(left(body, read - end - 4)?))
    }

    /// Whether the server has closed, behind the response.
    pub(crate) fn closed(&mut self) -> Result<bool> {
        match self.read(0) {
            Ok(0) => Ok(true),
            Ok(_) => Err("more than a response".into()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether it went on with an earlier session.
    pub(crate) fn is_resumed(&self) -> bool {
        let kind = self.tls.as_ref().and_then(|tls| tls.handshake_kind());
        kind == Some(HandshakeKind::Resumed)
    }

    fn read(&mut self, at: usize) -> io::Result<usize> {
        let room = &mut self.buffer[at..];
        match &mut self.tls {
            Some(tls) => Stream::new(&mut **tls, &mut self.stream).read(room),
            None => self.stream.read(room),
        }
    }
}

fn left(of: usize, read: usize) -> Result<usize> {
    of.checked_sub(read).ok_or_else(|| "more body than there should be".into())
}
