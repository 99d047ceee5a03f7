//! Listeners.

use weir_client::proto::{ListenersList, TcpListenerConfig, UdpListenerConfig};

use super::page::{Page, address, optional, row, yes};
use super::properties;

pub(super) fn list(page: &mut Page, list: &ListenersList) {
    for (name, listener) in &list.http_listeners {
        properties::table(page, &format!("HTTP {name}"), listener);
    }
    for (name, listener) in &list.https_listeners {
        properties::table(page, &format!("HTTPS {name}"), listener);
    }
    tcp(page, list.tcp_listeners.values());
    udp(page, list.udp_listeners.values());
}

fn tcp<'a>(page: &mut Page, listeners: impl Iterator<Item = &'a TcpListenerConfig>) {
    let header = [
        "socket address",
        "public address",
        "expect proxy",
        "proxy from",
        "front timeout",
        "back timeout",
        "connect timeout",
        "sni preread timeout",
        "sni preread max bytes",
        "activated",
    ];
    let rows = listeners.map(|listener| {
        row![
            address(&listener.address),
            optional(listener.public_address.as_ref().map(address)),
            yes(listener.expect_proxy),
            optional(listener.proxy_from.as_ref().map(|sources| sources.lists.join(", "))),
            listener.front_timeout,
            listener.back_timeout,
            listener.connect_timeout,
            listener.sni_preread_timeout(),
            listener.sni_preread_max_bytes(),
            yes(listener.active),
        ]
    });
    page.table("TCP", header, rows);
}

fn udp<'a>(page: &mut Page, listeners: impl Iterator<Item = &'a UdpListenerConfig>) {
    let header = [
        "socket address",
        "public address",
        "front timeout",
        "back timeout",
        "max rx datagram size",
        "max flows",
        "activated",
    ];
    let rows = listeners.map(|listener| {
        row![
            address(&listener.address),
            optional(listener.public_address.as_ref().map(address)),
            listener.front_timeout,
            listener.back_timeout,
            listener.max_rx_datagram_size,
            listener.max_flows,
            yes(listener.active),
        ]
    });
    page.table("UDP", header, rows);
}
