//! Listeners of UDP, each of which leads to one cluster, and what clusters say about datagrams.
//!
//! They are objects of their own: connections and datagrams can have one address.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
pub use weir_l4::flows::Affinity as UdpAffinity;

use super::Access;

/// An address at which datagrams are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UdpListener {
    /// Where it is bound; its identity.
    pub address: SocketAddr,
    /// What clients send to, when that differs; backends are told by the PROXY protocol.
    pub public_address: Option<SocketAddr>,
    /// A flow is over when nothing came for as long as the shorter of the two.
    pub front_timeout: Duration,
    /// As `front_timeout`.
    pub back_timeout: Duration,
    /// Bytes of a client's datagram, at most.
    pub max_rx_datagram_size: u32,
    /// Flows in a worker, at most; 0: as many as it has descriptors for.
    pub max_flows: u32,
    /// Whether datagrams are taken.
    pub active: bool,
    /// Where they go, if anywhere.
    pub cluster: Option<String>,
    /// What the log says of its flows.
    pub tags: BTreeMap<String, String>,
    /// Whose datagrams are taken.
    pub access: Access,
}

/// Longest inactivity of a flow when nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a datagram when nothing else is said: what an Ethernet frame has room for.
pub const DATAGRAM_BYTES: u32 = 1500;
/// Bytes that no datagram can have more of.
pub const LONGEST_DATAGRAM: u32 = 65_535;

impl UdpListener {
    /// One that takes datagrams, with what holds when nothing else is said.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            public_address: None,
            front_timeout: TIMEOUT,
            back_timeout: TIMEOUT,
            max_rx_datagram_size: DATAGRAM_BYTES,
            max_flows: 0,
            active: true,
            cluster: None,
            tags: BTreeMap::new(),
            access: Access::default(),
        }
    }
}

/// What a cluster says about datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UdpRules {
    /// What makes datagrams of a listener belong together.
    pub affinity: UdpAffinity,
    /// A flow is over after so many datagrams of the client. 0: any number.
    pub requests: u32,
    /// A flow is over after so many datagrams of the backend. 0: any number.
    pub responses: u32,
    /// Backends are told by the PROXY protocol whose datagrams they get.
    pub proxy: Option<ProxyDatagrams>,
}

/// Which datagrams of a flow begin with a PROXY protocol header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProxyDatagrams {
    /// The first.
    First,
    /// All.
    Every,
}
