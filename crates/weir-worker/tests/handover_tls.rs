//! Connections of TLS that pass from one worker to another, and on.

mod harness;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use harness::tls::{Authority, TlsPeer, chain_of, key_of, listener_tls};
use harness::{Backside, Peer, Proxy};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{ALL_CIPHER_SUITES, default_provider};
use rustls::{ClientConfig, ServerConfig, ServerConnection, StreamOwned};
use weir_control::channel::ToWorker;
use weir_control::state::{Certificate, State};

const LONG: Duration = Duration::from_secs(30);
const GET: &str = "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";
const UPGRADE: &str =
    "GET / HTTP/1.1\r\nHost: example.org\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";

/// Workers that serve one address of TLS, one after the other.
struct Line {
    service: Service,
    worker: Proxy,
    address: SocketAddr,
    backend: SocketAddr,
}

/// What all of them serve.
struct Service {
    authority: Authority,
    served: Certificate,
    /// The backends are spoken TLS with.
    secret: bool,
}

impl Line {
    fn new(backend: SocketAddr, secret: bool) -> Self {
        let authority = Authority::new("one");
        let served = authority.certificate(backend, &["example.org"], 1 << 40);
        let service = Service { authority, served, secret };
        let worker = Proxy::changed(&[backend], |state, own| service.change(state, own, own));
        let address = worker.address;
        Self { service, worker, address, backend }
    }

    /// Another worker takes the place of the last; the connection that it has passes to it.
    fn pass(&mut self) {
        let (service, address) = (&self.service, self.address);
        let mut new =
            Proxy::changed(&[self.backend], |state, own| service.change(state, own, address));
        self.worker.say(&ToWorker::Retire { deadline: LONG });
        let (passed, descriptors) = self.worker.passed();
        assert!(passed.tls.is_some());
        self.worker.has_nothing_left();
        self.worker.has_ended();
        new.adopt(passed, &descriptors);
        self.worker = new;
    }

    /// A client that speaks only this cipher.
    fn client(&self, suite: rustls::SupportedCipherSuite) -> TlsPeer {
        let provider = CryptoProvider { cipher_suites: vec![suite], ..default_provider() };
        let builder = ClientConfig::builder_with_provider(Arc::new(provider));
        let versions = [suite.version()];
        let builder = builder.with_protocol_versions(&versions).expect("a version");
        let roots = self.service.authority.roots();
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        TlsPeer::connect(self.address, &Arc::new(config), "example.org")
    }
}

impl Service {
    /// Moves what a state has at `own` to `address`, and makes it speak TLS.
    fn change(&self, state: &mut State, own: SocketAddr, address: SocketAddr) {
        let mut listener = state.listeners.remove(&own).expect("a listener");
        listener.address = address;
        listener.tls = Some(Box::new(listener_tls()));
        state.listeners.insert(address, listener);
        let frontends: Vec<_> = state.frontends.iter().cloned().collect();
        state.frontends = Default::default();
        for mut frontend in frontends {
            frontend.address = address;
            state.frontends.push(frontend);
        }
        let served = Certificate { address, ..self.served.clone() };
        state.certificates.insert(served.id(), served);
        if self.secret {
            let cluster = state.clusters.get_mut("app").expect("a cluster");
            cluster.tls = Some(self.authority.backend_tls("backend.example"));
        }
    }
}

fn ecdsa() -> impl Iterator<Item = rustls::SupportedCipherSuite> {
    let all = ALL_CIPHER_SUITES.iter().copied();
    all.filter(|suite| !format!("{:?}", suite.suite()).contains("RSA"))
}

fn answer(peer: &mut Peer, body: &str) {
    let length = body.len();
    peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"));
}

#[test]
fn an_idle_connection_goes_on_with_every_cipher_in_worker_after_worker() {
    let backend = Backside::new();
    for suite in ecdsa() {
        let mut line = Line::new(backend.address, false);
        let mut client = line.client(suite);
        for round in 0..3 {
            client.send(GET);
            let mut peer = backend.accept();
            let head = peer.head();
            assert!(head.to_lowercase().contains("x-forwarded-proto: https"), "{head}");
            answer(&mut peer, &format!("{round}"));
            client.until(&format!("\r\n\r\n{round}"));
            line.pass();
        }
    }
}

#[test]
fn a_part_of_a_record_goes_with_its_connection() {
    let backend = Backside::new();
    for suite in ecdsa() {
        let mut line = Line::new(backend.address, false);
        let mut client = line.client(suite);
        client.send(GET);
        answer(&mut backend.accept(), "first");
        client.until("first");
        client.0.conn.writer().write_all(GET.as_bytes()).expect("written");
        let mut record = Vec::new();
        client.0.conn.write_tls(&mut record).expect("written");
        let (now, later) = record.split_at(record.len() / 2);
        client.0.sock.write_all(now).expect("sent");
        line.pass();
        client.0.sock.write_all(later).expect("sent");
        answer(&mut backend.accept(), "second");
        client.until("second");
        line.pass();
    }
}

#[test]
fn a_pipe_between_two_of_tls_goes_on_in_worker_after_worker() {
    let backend = Backside::new();
    for suite in ecdsa() {
        let mut line = Line::new(backend.address, true);
        let identity = line.service.authority.issue(&["backend.example"]);
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain_of(&identity), key_of(&identity));
        let config = Arc::new(config.expect("a good identity"));
        let mut client = line.client(suite);
        client.send(UPGRADE);
        let connection = ServerConnection::new(config).expect("settings");
        let mut peer = StreamOwned::new(connection, backend.accept().stream);
        read_until(&mut peer, "\r\n\r\n");
        peer.write_all(SWITCH.as_bytes()).expect("sent");
        client.until("\r\n\r\n");
        for round in 0..3 {
            let (up, down) = (format!("up {round}"), "down ".repeat(10_000) + &round.to_string());
            client.send(&up);
            read_until(&mut peer, &up);
            peer.write_all(down.as_bytes()).expect("sent");
            assert_eq!(client.until(&round.to_string()).len(), down.len());
            line.pass();
        }
        peer.conn.send_close_notify();
        peer.flush().expect("sent");
        peer.sock.shutdown(std::net::Shutdown::Write).expect("open");
        assert_eq!(client.rest(), b"");
    }
}

fn read_until(peer: &mut impl std::io::Read, end: &str) {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let mut byte = [0];
        assert_eq!(peer.read(&mut byte).expect("more in time"), 1);
        text.push(byte[0]);
    }
}
