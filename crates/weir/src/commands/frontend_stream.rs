//! `frontend tcp|udp add|remove`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use weir_client::proto::{RequestTcpFrontend, RequestUdpFrontend};

use super::pairs::tags;

/// What to do about a cluster of a listener of streams or datagrams.
#[derive(clap::Subcommand)]
pub(crate) enum Stream<N: clap::Args> {
    /// Give a listener a cluster.
    Add {
        #[command(flatten)]
        name: N,
        /// Copied to access logs: `key=value, key=value`.
        #[arg(long, value_parser = tags)]
        tags: Option<BTreeMap<String, String>>,
    },
    /// Take it away.
    Remove(N),
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

impl TcpName {
    pub(super) fn message(&self, tags: &Option<BTreeMap<String, String>>) -> RequestTcpFrontend {
        RequestTcpFrontend {
            cluster_id: self.stream.id.clone(),
            address: self.stream.address.into(),
            tags: tags.clone().unwrap_or_default(),
            sni: self.sni.clone(),
            alpn: self.alpn.clone(),
        }
    }
}

impl StreamName {
    pub(super) fn message(&self, tags: &Option<BTreeMap<String, String>>) -> RequestUdpFrontend {
        RequestUdpFrontend {
            cluster_id: self.id.clone(),
            address: self.address.into(),
            tags: tags.clone().unwrap_or_default(),
        }
    }
}
