//! Keys about datagrams.

use super::words::words;
use super::{Kind, Later, Section};
use super::{flag, number, text};
use crate::check::NO_UDP_HEALTH;
use crate::state::UdpAffinity;

/// Keys that a listener of UDP may have.
pub(in super::super) const UDP_LISTENER: &[&str] = &[
    "address",
    "protocol",
    "public_address",
    "allow",
    "deny",
    "front_timeout",
    "back_timeout",
    "max_rx_datagram_size",
    "max_flows",
];

/// Those of them that no other may have.
pub(in super::super) const ONLY_UDP: &[&str] = &["max_rx_datagram_size", "max_flows"];

/// What a cluster says of datagrams.
pub(super) static CLUSTER_UDP: Section = Section {
    name: "the datagrams of a cluster",
    heading: "`[clusters.<id>.udp]`",
    keys: &[
        text("affinity_key", Kind::Word(words::<UdpAffinity>), "SOURCE_IP", AFFINITY),
        number("responses", COUNT, 0, "Datagrams of the backend that end a flow; 0: any number."),
        number("requests", COUNT, 0, "Datagrams of the client that end a flow; 0: any number."),
        flag("send_proxy_protocol", false, "Begin the first with a PROXY protocol header."),
        flag("proxy_protocol_every_datagram", false, "Begin each with it."),
    ],
    later: &[Later { names: &["health"], remedy: NO_UDP_HEALTH }],
};

const COUNT: Kind = Kind::Number(0, u32::MAX as u64);
const AFFINITY: &str = "What datagrams have in common that are one flow and go to one backend.";
