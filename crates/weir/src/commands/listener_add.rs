//! Listeners to add.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;
use weir_client::proto::request::RequestType;
use weir_client::proto::{
    CustomHttpAnswers, HttpListenerConfig, HttpsListenerConfig, TcpListenerConfig, TlsVersion,
    UdpListenerConfig,
};

use super::access::{Access, Sources};
use super::files::read_optional;
use super::listener::{Ask, Hello};
use super::listener_tls::{ClientCertificates, DefaultCertificate};
use crate::failure::Failure;

/// Name of the cookie for sticky sessions.
const STICKY_NAME: &str = "SOZUBALANCEID";
/// Session tickets after a handshake.
const TICKETS: u64 = 4;

/// A listener of HTTP.
#[derive(clap::Args)]
pub(crate) struct AddHttp {
    /// Its address.
    #[arg(short, long, value_name = "IP:PORT")]
    address: SocketAddr,
    /// What clients connect to, when something forwards to it.
    #[arg(long, value_name = "IP:PORT")]
    public_address: Option<SocketAddr>,
    #[command(flatten)]
    access: Access,
    /// File with the answer 404.
    #[arg(long, value_name = "FILE")]
    answer_404: Option<PathBuf>,
    /// File with the answer 503.
    #[arg(long, value_name = "FILE")]
    answer_503: Option<PathBuf>,
    /// Connections begin with the PROXY protocol.
    #[arg(long)]
    expect_proxy: bool,
    #[command(flatten)]
    sources: Sources,
    /// Clients may speak MPTCP.
    #[arg(long)]
    mptcp: bool,
    /// Name of the cookie for sticky sessions.
    #[arg(long, value_name = "NAME")]
    sticky_name: Option<String>,
    /// Longest inactivity of a client.
    #[arg(long, value_name = "SECONDS")]
    front_timeout: Option<u32>,
    /// Longest inactivity of a backend.
    #[arg(long, value_name = "SECONDS")]
    back_timeout: Option<u32>,
    /// Longest wait for a complete request head.
    #[arg(long, value_name = "SECONDS")]
    request_timeout: Option<u32>,
    /// Longest wait for a connection to a backend.
    #[arg(long, value_name = "SECONDS")]
    connect_timeout: Option<u32>,
}

/// A listener of HTTPS.
#[derive(clap::Args)]
pub(crate) struct AddHttps {
    #[command(flatten)]
    http: AddHttp,
    /// Versions of TLS. May be given again.
    #[arg(long, value_name = "VERSION", value_delimiter = ',', num_args = 1..)]
    tls_versions: Vec<Version>,
    /// Cipher suites. May be given again.
    #[arg(long, value_name = "NAME", value_delimiter = ',', num_args = 1..)]
    tls_cipher_list: Vec<String>,
    #[command(flatten)]
    default: DefaultCertificate,
    #[command(flatten)]
    clients: ClientCertificates,
}

/// A listener of TCP.
#[derive(clap::Args)]
pub(crate) struct AddTcp {
    /// Its address.
    #[arg(short, long, value_name = "IP:PORT")]
    address: SocketAddr,
    /// What clients connect to, when something forwards to it.
    #[arg(long, value_name = "IP:PORT")]
    public_address: Option<SocketAddr>,
    #[command(flatten)]
    access: Access,
    /// Connections begin with the PROXY protocol.
    #[arg(long)]
    expect_proxy: bool,
    #[command(flatten)]
    sources: Sources,
    /// Clients may speak MPTCP.
    #[arg(long)]
    mptcp: bool,
    #[command(flatten)]
    hello: Hello,
}

/// A listener of UDP.
#[derive(clap::Args)]
pub(crate) struct AddUdp {
    /// Its address.
    #[arg(short, long, value_name = "IP:PORT")]
    address: SocketAddr,
    /// What clients send to, when something forwards to it.
    #[arg(long, value_name = "IP:PORT")]
    public_address: Option<SocketAddr>,
    #[command(flatten)]
    access: Access,
    /// Longest inactivity of a client.
    #[arg(long, value_name = "SECONDS")]
    front_timeout: Option<u32>,
    /// Longest inactivity of a backend.
    #[arg(long, value_name = "SECONDS")]
    back_timeout: Option<u32>,
    /// Bytes of the largest datagram.
    #[arg(long, value_name = "BYTES")]
    max_rx_datagram_size: Option<u32>,
    /// Flows at a time; 0: as many as a worker likes.
    #[arg(long, value_name = "COUNT")]
    max_flows: Option<u32>,
}

/// A version of TLS.
#[derive(Clone, Copy, ValueEnum)]
enum Version {
    #[value(name = "SSL_V2")]
    Ssl2,
    #[value(name = "SSL_V3")]
    Ssl3,
    #[value(name = "TLSv1", alias = "TLS_V10")]
    Tls10,
    #[value(name = "TLS_V11")]
    Tls11,
    #[value(name = "TLS_V12")]
    Tls12,
    #[value(name = "TLS_V13")]
    Tls13,
}

/// A message of HTTP or HTTPS; both have these fields.
macro_rules! message {
    ($type:ident, $arguments:expr) => {{
        let (arguments, default) = ($arguments, $type::default());
        let sticky_name = arguments.sticky_name.as_deref().unwrap_or(STICKY_NAME);
        $type {
            address: arguments.address.into(),
            public_address: arguments.public_address.map(Into::into),
            access: arguments.access.message(),
            expect_proxy: arguments.expect_proxy,
            proxy_from: arguments.sources.message(),
            mptcp: arguments.mptcp.then_some(true),
            sticky_name: sticky_name.to_owned(),
            front_timeout: arguments.front_timeout.unwrap_or(default.front_timeout),
            back_timeout: arguments.back_timeout.unwrap_or(default.back_timeout),
            request_timeout: arguments.request_timeout.unwrap_or(default.request_timeout),
            connect_timeout: arguments.connect_timeout.unwrap_or(default.connect_timeout),
            http_answers: arguments.answers()?,
            ..default
        }
    }};
}

impl AddHttp {
    fn answers(&self) -> Result<Option<CustomHttpAnswers>, Failure> {
        let answers = CustomHttpAnswers {
            answer_404: read_optional(self.answer_404.as_deref())?,
            answer_503: read_optional(self.answer_503.as_deref())?,
            ..CustomHttpAnswers::default()
        };
        Ok((answers != CustomHttpAnswers::default()).then_some(answers))
    }
}

impl Ask for AddHttp {
    fn request(&self) -> Result<RequestType, Failure> {
        Ok(RequestType::AddHttpListener(message!(HttpListenerConfig, self)))
    }
}

impl Ask for AddHttps {
    fn request(&self) -> Result<RequestType, Failure> {
        let mut versions: Vec<_> = self.tls_versions.iter().map(|v| v.message()).collect();
        if versions.is_empty() {
            versions = vec![TlsVersion::TlsV12, TlsVersion::TlsV13];
        }
        let default = self.default.read()?;
        let message = HttpsListenerConfig {
            versions: versions.into_iter().map(Into::into).collect(),
            cipher_list: self.tls_cipher_list.clone(),
            send_tls13_tickets: TICKETS,
            certificate: default.as_ref().map(|default| default.certificate.clone()),
            key: default.as_ref().map(|default| default.key.clone()),
            certificate_chain: default.map(|d| d.certificate_chain).unwrap_or_default(),
            ..message!(HttpsListenerConfig, &self.http)
        };
        let Some(policy) = self.clients.read()? else {
            return Ok(RequestType::AddHttpsListener(message));
        };
        Ok(RequestType::AddHttpsListenerWithClientAuth(HttpsListenerConfig {
            client_auth: policy.client_auth,
            client_ca_certificates: policy.client_ca_certificates,
            client_ca_crls: policy.client_ca_crls,
            ..message
        }))
    }
}

impl Ask for AddTcp {
    fn request(&self) -> Result<RequestType, Failure> {
        Ok(RequestType::AddTcpListener(TcpListenerConfig {
            address: self.address.into(),
            public_address: self.public_address.map(Into::into),
            access: self.access.message(),
            expect_proxy: self.expect_proxy,
            proxy_from: self.sources.message(),
            mptcp: self.mptcp.then_some(true),
            sni_preread_timeout: self.hello.sni_preread_timeout,
            sni_preread_max_bytes: self.hello.sni_preread_max_bytes,
            ..TcpListenerConfig::default()
        }))
    }
}

impl Ask for AddUdp {
    fn request(&self) -> Result<RequestType, Failure> {
        let default = UdpListenerConfig::default();
        Ok(RequestType::AddUdpListener(UdpListenerConfig {
            address: self.address.into(),
            public_address: self.public_address.map(Into::into),
            access: self.access.message(),
            front_timeout: self.front_timeout.unwrap_or(default.front_timeout),
            back_timeout: self.back_timeout.unwrap_or(default.back_timeout),
            max_rx_datagram_size: self.max_rx_datagram_size.unwrap_or(default.max_rx_datagram_size),
            max_flows: self.max_flows.unwrap_or(default.max_flows),
            ..default
        }))
    }
}

impl Version {
    fn message(self) -> TlsVersion {
        match self {
            Self::Ssl2 => TlsVersion::SslV2,
            Self::Ssl3 => TlsVersion::SslV3,
            Self::Tls10 => TlsVersion::TlsV10,
            Self::Tls11 => TlsVersion::TlsV11,
            Self::Tls12 => TlsVersion::TlsV12,
            Self::Tls13 => TlsVersion::TlsV13,
        }
    }
}
