//! Settings of listeners to change.

use std::net::SocketAddr;
use std::path::PathBuf;

use weir_client::proto::request::RequestType;
use weir_client::proto::{
    self, AlpnProtocols, CustomHttpAnswers, UpdateHttpListenerConfig, UpdateHttpsListenerConfig,
    UpdateTcpListenerConfig, UpdateUdpListenerConfig,
};

use super::access::{Access, Sources};
use super::files::read_optional;
use super::hsts::Hsts;
use super::listener::{Ask, Hello};
use super::listener_tls::{ClientCertificates, DefaultCertificate};
use crate::failure::Failure;

/// What every listener has.
#[derive(clap::Args)]
struct Common {
    /// The address of the listener.
    #[arg(short, long, value_name = "IP:PORT")]
    address: SocketAddr,
    /// What clients connect to, when something forwards to it.
    #[arg(long, value_name = "IP:PORT")]
    public_address: Option<SocketAddr>,
    /// Longest inactivity of a client.
    #[arg(long, value_name = "SECONDS")]
    front_timeout: Option<u32>,
    /// Longest inactivity of a backend.
    #[arg(long, value_name = "SECONDS")]
    back_timeout: Option<u32>,
    #[command(flatten)]
    access: Access,
}

/// What listeners of streams have besides.
#[derive(clap::Args)]
struct Connections {
    /// Longest wait for a connection to a backend.
    #[arg(long, value_name = "SECONDS")]
    connect_timeout: Option<u32>,
    /// Connections begin with the PROXY protocol.
    #[arg(long, overrides_with = "no_expect_proxy")]
    expect_proxy: bool,
    /// They do not.
    #[arg(long, overrides_with = "expect_proxy")]
    no_expect_proxy: bool,
    #[command(flatten)]
    sources: Sources,
}

/// A listener of HTTP.
#[derive(clap::Args)]
pub(crate) struct UpdateHttp {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    connections: Connections,
    /// Longest wait for a complete request head.
    #[arg(long, value_name = "SECONDS")]
    request_timeout: Option<u32>,
    /// Name of the cookie for sticky sessions.
    #[arg(long, value_name = "NAME")]
    sticky_name: Option<String>,
    /// Name of the field with the id of a request.
    #[arg(long, value_name = "NAME")]
    sozu_id_header: Option<String>,
    #[command(flatten)]
    h2: H2,
    #[command(flatten)]
    answers: Answers,
}

/// A listener of HTTPS.
#[derive(clap::Args)]
pub(crate) struct UpdateHttps {
    #[command(flatten)]
    http: UpdateHttp,
    /// The host of a request is the name in its handshake.
    #[arg(long, overrides_with = "no_strict_sni_binding")]
    strict_sni_binding: bool,
    /// It may be another.
    #[arg(long, overrides_with = "strict_sni_binding")]
    no_strict_sni_binding: bool,
    /// Refuse clients that do not agree on HTTP/2.
    #[arg(long, overrides_with = "enable_http11")]
    disable_http11: bool,
    /// Take them.
    #[arg(long, overrides_with = "disable_http11")]
    enable_http11: bool,
    /// Protocols to agree on: `h2`, `http/1.1`.
    #[arg(long, value_delimiter = ',', value_name = "NAME,…", conflicts_with = "reset_alpn")]
    alpn_protocols: Vec<String>,
    /// The usual protocols.
    #[arg(long)]
    reset_alpn: bool,
    #[command(flatten)]
    hsts: Hsts,
    #[command(flatten)]
    default: DefaultCertificate,
    /// No certificate for clients that name no known host.
    #[arg(long, conflicts_with = "certificate")]
    no_certificate: bool,
    #[command(flatten)]
    clients: ClientCertificates,
}

/// A listener of TCP.
#[derive(clap::Args)]
pub(crate) struct UpdateTcp {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    connections: Connections,
    #[command(flatten)]
    hello: Hello,
}

/// A listener of UDP.
#[derive(clap::Args)]
pub(crate) struct UpdateUdp {
    #[command(flatten)]
    common: Common,
    /// Bytes of the largest datagram.
    #[arg(long, value_name = "BYTES")]
    max_rx_datagram_size: Option<u32>,
    /// Flows at a time; 0: as many as a worker likes.
    #[arg(long, value_name = "COUNT")]
    max_flows: Option<u32>,
}

/// Bounds of HTTP/2.
#[derive(clap::Args)]
struct H2 {
    /// RST_STREAM frames a second.
    #[arg(long, value_name = "NUMBER")]
    h2_max_rst_stream_per_window: Option<u32>,
    /// PING frames a second.
    #[arg(long, value_name = "NUMBER")]
    h2_max_ping_per_window: Option<u32>,
    /// SETTINGS frames a second.
    #[arg(long, value_name = "NUMBER")]
    h2_max_settings_per_window: Option<u32>,
    /// Empty DATA frames a second.
    #[arg(long, value_name = "NUMBER")]
    h2_max_empty_data_per_window: Option<u32>,
    /// WINDOW_UPDATE frames of the connection a second.
    #[arg(long, value_name = "NUMBER")]
    h2_max_window_update_stream0_per_window: Option<u32>,
    /// CONTINUATION frames of a field block.
    #[arg(long, value_name = "NUMBER")]
    h2_max_continuation_frames: Option<u32>,
    /// Oddities a second.
    #[arg(long, value_name = "NUMBER")]
    h2_max_glitch_count: Option<u32>,
    /// RST_STREAM frames received on a connection.
    #[arg(long, value_name = "NUMBER")]
    h2_max_rst_stream_lifetime: Option<u64>,
    /// Of these, before a response began.
    #[arg(long, value_name = "NUMBER")]
    h2_max_rst_stream_abusive_lifetime: Option<u64>,
    /// RST_STREAM frames sent on a connection.
    #[arg(long, value_name = "NUMBER")]
    h2_max_rst_stream_emitted_lifetime: Option<u64>,
    /// Bytes of a field block, 32 for each field added.
    #[arg(long, value_name = "NUMBER")]
    h2_max_header_list_size: Option<u32>,
    /// Bytes of the HPACK table.
    #[arg(long, value_name = "NUMBER")]
    h2_max_header_table_size: Option<u32>,
    /// Fields of a block.
    #[arg(long, value_name = "NUMBER")]
    h2_max_header_fields: Option<u32>,
    /// Bytes of the window of a connection.
    #[arg(long, value_name = "NUMBER")]
    h2_initial_connection_window: Option<u32>,
    /// Streams of a connection at a time.
    #[arg(long, value_name = "NUMBER")]
    h2_max_concurrent_streams: Option<u32>,
    /// How far the table of streams may be empty.
    #[arg(long, value_name = "NUMBER")]
    h2_stream_shrink_ratio: Option<u32>,
    /// Longest inactivity of a stream.
    #[arg(long, value_name = "NUMBER")]
    h2_stream_idle_timeout_seconds: Option<u32>,
    /// Longest end of a connection; 0: for ever.
    #[arg(long, value_name = "NUMBER")]
    h2_graceful_shutdown_deadline_seconds: Option<u32>,
}

/// Answers of Weir's own.
#[derive(clap::Args)]
struct Answers {
    /// File with the answer 301.
    #[arg(long, value_name = "FILE")]
    answer_301: Option<PathBuf>,
    /// File with the answer 401.
    #[arg(long, value_name = "FILE")]
    answer_401: Option<PathBuf>,
    /// File with the answer 404.
    #[arg(long, value_name = "FILE")]
    answer_404: Option<PathBuf>,
    /// File with the answer 408.
    #[arg(long, value_name = "FILE")]
    answer_408: Option<PathBuf>,
    /// File with the answer 413.
    #[arg(long, value_name = "FILE")]
    answer_413: Option<PathBuf>,
    /// File with the answer 421.
    #[arg(long, value_name = "FILE")]
    answer_421: Option<PathBuf>,
    /// File with the answer 429.
    #[arg(long, value_name = "FILE")]
    answer_429: Option<PathBuf>,
    /// File with the answer 502.
    #[arg(long, value_name = "FILE")]
    answer_502: Option<PathBuf>,
    /// File with the answer 503.
    #[arg(long, value_name = "FILE")]
    answer_503: Option<PathBuf>,
    /// File with the answer 504.
    #[arg(long, value_name = "FILE")]
    answer_504: Option<PathBuf>,
    /// File with the answer 507.
    #[arg(long, value_name = "FILE")]
    answer_507: Option<PathBuf>,
}

/// A message for HTTP or HTTPS; both have these fields.
macro_rules! message {
    ($type:ident, $arguments:expr) => {{
        let arguments = $arguments;
        $type {
            address: arguments.common.address.into(),
            public_address: arguments.common.public_address.map(Into::into),
            access: arguments.common.access.message(),
            expect_proxy: arguments.connections.expect_proxy(),
            proxy_from: arguments.connections.sources.message(),
            sticky_name: arguments.sticky_name.clone(),
            front_timeout: arguments.common.front_timeout,
            back_timeout: arguments.common.back_timeout,
            connect_timeout: arguments.connections.connect_timeout,
            request_timeout: arguments.request_timeout,
            http_answers: arguments.answers.message()?,
            sozu_id_header: arguments.sozu_id_header.clone(),
            h2_max_rst_stream_per_window: arguments.h2.h2_max_rst_stream_per_window,
            h2_max_ping_per_window: arguments.h2.h2_max_ping_per_window,
            h2_max_settings_per_window: arguments.h2.h2_max_settings_per_window,
            h2_max_empty_data_per_window: arguments.h2.h2_max_empty_data_per_window,
            h2_max_window_update_stream0_per_window: arguments
                .h2
                .h2_max_window_update_stream0_per_window,
            h2_max_continuation_frames: arguments.h2.h2_max_continuation_frames,
            h2_max_glitch_count: arguments.h2.h2_max_glitch_count,
            h2_max_rst_stream_lifetime: arguments.h2.h2_max_rst_stream_lifetime,
            h2_max_rst_stream_abusive_lifetime: arguments.h2.h2_max_rst_stream_abusive_lifetime,
            h2_max_rst_stream_emitted_lifetime: arguments.h2.h2_max_rst_stream_emitted_lifetime,
            h2_max_header_list_size: arguments.h2.h2_max_header_list_size,
            h2_max_header_table_size: arguments.h2.h2_max_header_table_size,
            h2_max_header_fields: arguments.h2.h2_max_header_fields,
            h2_initial_connection_window: arguments.h2.h2_initial_connection_window,
            h2_max_concurrent_streams: arguments.h2.h2_max_concurrent_streams,
            h2_stream_shrink_ratio: arguments.h2.h2_stream_shrink_ratio,
            h2_stream_idle_timeout_seconds: arguments.h2.h2_stream_idle_timeout_seconds,
            h2_graceful_shutdown_deadline_seconds: arguments
                .h2
                .h2_graceful_shutdown_deadline_seconds,
            ..$type::default()
        }
    }};
}

impl Ask for UpdateHttp {
    fn request(&self) -> Result<RequestType, Failure> {
        Ok(RequestType::UpdateHttpListener(message!(UpdateHttpListenerConfig, self)))
    }
}

impl Ask for UpdateHttps {
    fn request(&self) -> Result<RequestType, Failure> {
        let message = message!(UpdateHttpsListenerConfig, &self.http);
        Ok(RequestType::UpdateHttpsListener(UpdateHttpsListenerConfig {
            alpn_protocols: self.alpn_protocols(),
            strict_sni_binding: last(self.strict_sni_binding, self.no_strict_sni_binding),
            disable_http11: last(self.disable_http11, self.enable_http11),
            hsts: self.hsts.message(),
            default_certificate: self.default_certificate()?,
            client_auth_policy: self.clients.read()?,
            ..message
        }))
    }
}

impl UpdateHttps {
    /// An empty list stands for the usual protocols, none for those of now.
    fn alpn_protocols(&self) -> Option<AlpnProtocols> {
        let values = self.alpn_protocols.clone();
        (self.reset_alpn || !values.is_empty()).then_some(AlpnProtocols { values })
    }

    fn default_certificate(&self) -> Result<Option<proto::DefaultCertificate>, Failure> {
        let certificate = self.default.read()?;
        let change = certificate.is_some() || self.no_certificate;
        Ok(change.then_some(proto::DefaultCertificate { certificate }))
    }
}

impl Ask for UpdateTcp {
    fn request(&self) -> Result<RequestType, Failure> {
        Ok(RequestType::UpdateTcpListener(UpdateTcpListenerConfig {
            address: self.common.address.into(),
            public_address: self.common.public_address.map(Into::into),
            access: self.common.access.message(),
            expect_proxy: self.connections.expect_proxy(),
            proxy_from: self.connections.sources.message(),
            front_timeout: self.common.front_timeout,
            back_timeout: self.common.back_timeout,
            connect_timeout: self.connections.connect_timeout,
            sni_preread_timeout: self.hello.sni_preread_timeout,
            sni_preread_max_bytes: self.hello.sni_preread_max_bytes,
        }))
    }
}

impl Ask for UpdateUdp {
    fn request(&self) -> Result<RequestType, Failure> {
        Ok(RequestType::UpdateUdpListener(UpdateUdpListenerConfig {
            address: self.common.address.into(),
            public_address: self.common.public_address.map(Into::into),
            access: self.common.access.message(),
            front_timeout: self.common.front_timeout,
            back_timeout: self.common.back_timeout,
            max_rx_datagram_size: self.max_rx_datagram_size,
            max_flows: self.max_flows,
        }))
    }
}

impl Connections {
    fn expect_proxy(&self) -> Option<bool> {
        last(self.expect_proxy, self.no_expect_proxy)
    }
}

/// Of a flag and its contrary the parser leaves the one that came last.
fn last(flag: bool, contrary: bool) -> Option<bool> {
    (flag || contrary).then_some(flag)
}

impl Answers {
    fn message(&self) -> Result<Option<CustomHttpAnswers>, Failure> {
        let answers = CustomHttpAnswers {
            answer_301: read_optional(self.answer_301.as_deref())?,
            answer_401: read_optional(self.answer_401.as_deref())?,
            answer_404: read_optional(self.answer_404.as_deref())?,
            answer_408: read_optional(self.answer_408.as_deref())?,
            answer_413: read_optional(self.answer_413.as_deref())?,
            answer_421: read_optional(self.answer_421.as_deref())?,
            answer_429: read_optional(self.answer_429.as_deref())?,
            answer_502: read_optional(self.answer_502.as_deref())?,
            answer_503: read_optional(self.answer_503.as_deref())?,
            answer_504: read_optional(self.answer_504.as_deref())?,
            answer_507: read_optional(self.answer_507.as_deref())?,
            answer_400: None,
        };
        Ok((answers != CustomHttpAnswers::default()).then_some(answers))
    }
}
