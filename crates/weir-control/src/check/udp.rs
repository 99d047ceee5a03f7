//! What the state may say of datagrams.

use super::Problem;
use crate::state::{Cluster, LONGEST_DATAGRAM, ProxyDatagrams};

/// Bytes that a client's datagram may have.
pub(crate) fn datagram_bytes(bytes: u32) -> Result<u32, Problem> {
    if (1..=LONGEST_DATAGRAM).contains(&bytes) {
        return Ok(bytes);
    }
    Err(Problem::new(format!(
        "`max_rx_datagram_size` is a number from 1 to {LONGEST_DATAGRAM}, not {bytes}"
    )))
}

/// Which datagrams of a flow begin with a header.
pub(crate) fn proxy_datagrams(send: bool, every: bool) -> Result<Option<ProxyDatagrams>, Problem> {
    match (send, every) {
        (false, false) => Ok(None),
        (true, false) => Ok(Some(ProxyDatagrams::First)),
        (true, true) => Ok(Some(ProxyDatagrams::Every)),
        (false, true) => {
            let message = "`proxy_protocol_every_datagram` needs `send_proxy_protocol`: without \
                           it there is no header at all";
            Err(Problem::new(message).help("set both, or neither"))
        }
    }
}

/// Whether the backends of a cluster can be sent datagrams.
pub(crate) fn for_udp(cluster: &Cluster) -> Result<(), Problem> {
    match cluster.tls {
        Some(_) => {
            let message = format!(
                "datagrams are not encrypted, and `{}` wants TLS with its backends",
                cluster.id
            );
            Err(Problem::new(message).help("lead datagrams to a cluster without `tls`"))
        }
        None => Ok(()),
    }
}
