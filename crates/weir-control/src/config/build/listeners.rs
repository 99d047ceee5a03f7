//! Listeners.

use std::net::SocketAddr;

use super::Builder;
use super::tcp::carry_tcp;
use crate::check;
use crate::config::catalogue::{LISTENER, LISTENER_SCOPE, ListenerProtocol};
use crate::config::read::Reader;
use crate::config::report::Diagnostic;
use crate::state::{Carries, H2, HELLO_BYTES, Listener};

impl Builder<'_> {
    pub(super) fn add_listener(&mut self, table: &Reader<'_>) {
        if table.read("protocol") == Some(ListenerProtocol::Udp) {
            return self.add_udp_listener(table);
        }
        let listener = self.listener(table);
        let Some(listener) = listener else { return };
        let address = listener.address;
        let span = table.span_of("address");
        if let Some(first) = self.places.listeners.insert(address, span.clone()) {
            let message = format!("there are two listeners on {address}");
            let diagnostic = Diagnostic::error(span, message).label("again");
            self.report.push(diagnostic.other(first, "first"));
        }
        self.state.listeners.insert(address, listener);
    }

    /// Makes sure that there is a listener at an address that a frontend names, and one of this
    /// protocol if there is none.
    pub(super) fn ensure_listener(&mut self, address: SocketAddr, protocol: ListenerProtocol) {
        if !self.state.listeners.contains_key(&address) {
            let nothing = toml::de::DeTable::new();
            let table = Reader::new(&nothing, &LISTENER, 0..0);
            let mut listener = self.listener_at(address, &table);
            match protocol {
                // Nobody asks for one of UDP.
                ListenerProtocol::Http | ListenerProtocol::Udp => {}
                ListenerProtocol::Https => listener.tls = Some(Box::default()),
                ListenerProtocol::Tcp => carry_tcp(&mut listener, &table),
            }
            self.state.listeners.insert(address, listener);
        }
    }

    fn listener(&mut self, table: &Reader<'_>) -> Option<Listener> {
        let protocol: Option<ListenerProtocol> = table.read("protocol");
        if let Some(protocol) = protocol {
            self.check_scope(&LISTENER_SCOPE, protocol.carries(), table);
            if protocol.carries() == Carries::Http {
                self.without_udp(table);
            }
        }
        let tls = match protocol {
            Some(ListenerProtocol::Https) => Some(Box::new(self.listener_tls(table))),
            Some(ListenerProtocol::Tcp | ListenerProtocol::Udp) => None,
            Some(ListenerProtocol::Http) | None => {
                self.without_tls(table);
                None
            }
        };
        let mut listener = Listener { tls, ..self.listener_at(table.read("address")?, table) };
        if protocol == Some(ListenerProtocol::Tcp) {
            carry_tcp(&mut listener, table);
        }
        let key = if table.has("public_address") { "public_address" } else { "proxy_from" };
        self.accept(check::proxied(&listener), table.span_of(key));
        Some(listener)
    }

    fn listener_at(&mut self, address: SocketAddr, table: &Reader<'_>) -> Listener {
        let (access, proxy_from) = (self.access(table), self.lists(table, "proxy_from"));
        let inherited = &self.inherited;
        Listener {
            address,
            access,
            public_address: table.read("public_address"),
            front_timeout: table.read("front_timeout").unwrap_or(inherited.front_timeout),
            back_timeout: table.read("back_timeout").unwrap_or(inherited.back_timeout),
            connect_timeout: table.read("connect_timeout").unwrap_or(inherited.connect_timeout),
            request_timeout: table.read("request_timeout").unwrap_or(inherited.request_timeout),
            elide_x_real_ip: table.value("elide_x_real_ip"),
            send_x_real_ip: table.value("send_x_real_ip"),
            active: inherited.active,
            sticky_name: self.token(table, "sticky_name").unwrap_or_default(),
            sozu_id_header: self.id_field_name(table, "sozu_id_header").unwrap_or_default(),
            answers: self.answers(table),
            carries: Carries::Http,
            expect_proxy: table.value("expect_proxy"),
            proxy_from,
            hello_bytes: HELLO_BYTES,
            tls: None,
            h2: Box::new(h2(table)),
            mptcp: table.value("mptcp"),
        }
    }
}

fn h2(table: &Reader<'_>) -> H2 {
    let mut bounds = H2::default();
    for key in H2::KEYS {
        if let Some(value) = table.read(&format!("h2_{}", key.name)) {
            bounds.set(key.name, value);
        }
    }
    bounds
}
