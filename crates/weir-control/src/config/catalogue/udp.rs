//! Keys about datagrams.

use super::health::TIMES;
use super::words::{DatagramProbe, words};
use super::{Kind, PORT, Section, Without};
use super::{flag, key, number, optional, text};
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
        optional("health", Kind::Table(&UDP_HEALTH), HEALTH),
    ],
    later: &[],
};

/// How the backends of datagrams are checked.
static UDP_HEALTH: Section = Section {
    name: "a health check of datagrams",
    heading: "`[clusters.<id>.udp.health]`",
    keys: &[
        text("mode", Kind::Word(words::<DatagramProbe>), "TCP_PROBE", MODE),
        key(
            "tcp_port",
            PORT,
            Without::Other("that of the backend"),
            "Where they are connected to.",
        ),
        key("udp_probe_payload", Kind::Text, Without::Other("**required** for `UDP_PROBE`"), SENT),
        number("rise", TIMES, 2, "Successes that make a backend healthy again."),
        number("fall", TIMES, 3, "Failures that make a backend unhealthy."),
        number("probe_interval_seconds", Kind::Seconds, 5, "From one check to the next."),
        number("probe_timeout_seconds", Kind::Seconds, 2, "Longest wait for an answer."),
        flag("fail_open", true, "Backends that all fail are all used; nothing else is possible."),
    ],
    later: &[],
};

const HEALTH: &str = "Another way to write a `health_check` of `tcp` or `udp`.";
const MODE: &str = "A connection, and the datagram if there is one; the datagram alone; nothing.";
const SENT: &str = "A datagram that any other must answer, at the backend's own port.";

const COUNT: Kind = Kind::Number(0, u32::MAX as u64);
const AFFINITY: &str = "What datagrams have in common that are one flow and go to one backend.";
