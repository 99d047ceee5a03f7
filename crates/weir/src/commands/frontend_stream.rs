//! `frontend tcp|udp add|remove`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use weir_client::proto::{RequestTcpFrontend, RequestUdpFrontend};

use super::access::Access;
use super::pairs::tags;
use super::rates::Rates;

/// What to do about a cluster of a listener of streams or datagrams.
#[derive(clap::Subcommand)]
pub(crate) enum Stream<A: clap::Args, N: clap::Args> {
    /// Give a listener a cluster.
    Add(A),
    /// Take it away.
    Remove(N),
}

/// A cluster of a listener of TCP, and what holds there.
#[derive(clap::Args)]
pub(crate) struct AddTcp {
    #[command(flatten)]
    name: TcpName,
    /// Copied to access logs: `key=value, key=value`.
    #[arg(long, value_parser = tags)]
    tags: Option<BTreeMap<String, String>>,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    rates: Rates,
}

/// A cluster of a listener of UDP.
#[derive(clap::Args)]
pub(crate) struct AddUdp {
    #[command(flatten)]
    name: StreamName,
    /// Copied to access logs: `key=value, key=value`.
    #[arg(long, value_parser = tags)]
    tags: Option<BTreeMap<String, String>>,
}

/// A cluster and a listener.
#[derive(clap::Args)]
pub(crate) struct StreamName {
    /// The cluster.
    #[arg(short, long)]
    id: String,
    /// The listener.
    #[arg(short, long, value_name = "IP:PORT")]
    address: SocketAddr,
}

/// A cluster, a listener of TCP, and which of its clients.
#[derive(clap::Args)]
pub(crate) struct TcpName {
    #[command(flatten)]
    stream: StreamName,
    /// The server that clients ask for in TLS; any and none if it is not given.
    #[arg(long, value_name = "NAME")]
    sni: Option<String>,
    /// Protocols of which clients offer one in TLS; any and none if none is given.
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    alpn: Vec<String>,
}

impl AddTcp {
    pub(super) fn message(&self) -> RequestTcpFrontend {
        RequestTcpFrontend {
            tags: self.tags.clone().unwrap_or_default(),
            access: self.access.message(),
            rate_limits: self.rates.messages(),
            ..self.name.message()
        }
    }
}

impl TcpName {
    pub(super) fn message(&self) -> RequestTcpFrontend {
        RequestTcpFrontend {
            cluster_id: self.stream.id.clone(),
            address: self.stream.address.into(),
            sni: self.sni.clone(),
            alpn: self.alpn.clone(),
            ..RequestTcpFrontend::default()
        }
    }
}

impl AddUdp {
    pub(super) fn message(&self) -> RequestUdpFrontend {
        RequestUdpFrontend { tags: self.tags.clone().unwrap_or_default(), ..self.name.message() }
    }
}

impl StreamName {
    pub(super) fn message(&self) -> RequestUdpFrontend {
        RequestUdpFrontend {
            cluster_id: self.id.clone(),
            address: self.address.into(),
            ..RequestUdpFrontend::default()
        }
    }
}
