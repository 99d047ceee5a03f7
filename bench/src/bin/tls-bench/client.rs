//! A client: connections in clear or with TLS 1.3, and responses read to their ends.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
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

/// A connection.
pub(crate) struct Connection {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    buffer: Box<[u8]>,
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
        Ok(Self { stream, tls, buffer: vec![0; buffer].into() })
    }

    /// Makes the handshake.
    pub(crate) fn shake_hands(&mut self) -> Result<()> {
        while let Some(tls) = self.tls.as_mut().filter(|tls| tls.is_handshaking()) {
            tls.complete_io(&mut self.stream)?;
        }
        Ok(())
    }

    /// Sends a request and reads the response, which has a body of `body` bytes.
    pub(crate) fn ask(&mut self, request: &[u8], body: usize) -> Result<()> {
        self.write(request)?;
        let mut head = 0;
        let end = loop {
            let read = self.read(head)?;
            if read == 0 {
                return Err("closed before the head of the response was over".into());
            }
            head += read;
            let found = self.buffer[..head].windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = found {
                break end + 4;
            }
        };
        if !self.buffer.starts_with(b"HTTP/1.1 200") {
            return Err(String::from_utf8_lossy(&self.buffer[..end]).into());
        }
        let mut rest = body.checked_sub(head - end).ok_or("more body than there should be")?;
        while rest > 0 {
            let read = self.read(0)?;
            if read == 0 || read > rest {
                return Err("the body has another length".into());
            }
            rest -= read;
        }
        Ok(())
    }

    /// Reads until the server closes.
    pub(crate) fn drain(&mut self) -> Result<()> {
        match self.read(0) {
            Ok(0) => Ok(()),
            Ok(_) => Err("more than a response".into()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether it went on with an earlier session.
    pub(crate) fn is_resumed(&self) -> bool {
        let kind = self.tls.as_ref().and_then(|tls| tls.handshake_kind());
        kind == Some(HandshakeKind::Resumed)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return self.stream.write_all(bytes) };
        let mut stream = Stream::new(&mut **tls, &mut self.stream);
        stream.write_all(bytes)?;
        stream.flush()
    }

    fn read(&mut self, at: usize) -> io::Result<usize> {
        let room = &mut self.buffer[at..];
        match &mut self.tls {
            Some(tls) => Stream::new(&mut **tls, &mut self.stream).read(room),
            None => self.stream.read(room),
        }
    }
}
