//! TLS with clients: certificates, sessions, what is told to backends, and who is refused.

mod harness;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use harness::tls::{Authority, TlsPeer, certificate, listener_tls};
use harness::{Backside, Peer, Proxy};
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion};
use weir_control::channel::ToWorker;
use weir_control::order::Order;
use weir_control::state::{ClientAuth, Hsts, ListenerTls};
use weir_tls::{Secret, TicketKey};

const FAR: i64 = 1 << 40;

fn proxy(
    backends: &[SocketAddr],
    authority: &Authority,
    change: impl FnOnce(&mut ListenerTls),
) -> Proxy {
    Proxy::changed(backends, |state, address| {
        let mut tls = listener_tls();
        change(&mut tls);
        if let Some(listener) = state.listeners.get_mut(&address) {
            listener.tls = Some(Box::new(tls));
        }
        let served = authority.certificate(address, &["example.org", "*.example.net"], FAR);
        state.certificates.insert(served.id(), served);
    })
}

fn request(host: &str) -> String {
    format!("GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

fn answer(peer: &mut Peer, body: &str) {
    let length = body.len();
    peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"));
}

fn only(version: &'static rustls::SupportedProtocolVersion, authority: &Authority) -> ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.der.bytes().into()).expect("added");
    ClientConfig::builder_with_protocol_versions(&[version])
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[test]
fn requests_are_served_over_both_versions() {
    let (authority, backend) = (Authority::new("ca"), Backside::new());
    let proxy = proxy(&[backend.address], &authority, |_| {});
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let client = Arc::new(only(version, &authority));
        let mut client = TlsPeer::connect(proxy.address, &client, "one.example.net");
        for _ in 0..2 {
            client.send(&request("one.example.net"));
            let mut back = backend.accept();
            let head = back.head();
            assert!(head.contains("X-Forwarded-Proto: https\r\n"), "{head}");
            assert!(head.contains("proto=https"), "{head}");
            back.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            back.send("hello");
            drop(back);
            let mut head = client.until("\r\n\r\n");
            head.push_str(&client.until("hello"));
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            client.until("0\r\n\r\n");
        }
        assert_eq!(client.0.conn.protocol_version(), Some(version.version));
    }
}

#[test]
fn large_bodies_pass_both_ways() {
    let (authority, backend) = (Authority::new("ca"), Backside::new());
    let proxy = proxy(&[backend.address], &authority, |_| {});
    let client = Arc::new(authority.client());
    let mut client = TlsPeer::connect(proxy.address, &client, "example.org");
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| (n ^ (n >> 9)) as u8).collect();
    let length = body.len();
    let head = format!("POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: {length}\r\n\r\n");
    std::thread::scope(|scope| {
        let (body, backend) = (&body, &backend);
        scope.spawn(move || {
            let mut back = backend.accept();
            back.head();
            assert!(back.exactly(length) == *body, "the request's body");
            back.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
            back.send_bytes(body);
        });
        client.send(&head);
        client.0.write_all(body).expect("send");
        client.until("\r\n\r\n");
        let mut received = vec![0; length];
        client.0.read_exact(&mut received).expect("the body");
        assert!(received == *body, "the response's body");
    });
}

#[test]
fn a_client_that_does_not_read_gets_everything_in_the_end() {
    let (authority, backend) = (Authority::new("ca"), Backside::new());
    let proxy = proxy(&[backend.address], &authority, |_| {});
    let mut client = TlsPeer::connect(proxy.address, &Arc::new(authority.client()), "example.org");
    client.send("GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n");
    let mut back = backend.accept();
    back.head();
    let length = 8_000_000;
    back.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
    let sender = std::thread::spawn(move || back.send_bytes(&vec![b'x'; length]));
    let mut other = TlsPeer::connect(proxy.address, &Arc::new(authority.client()), "example.org");
    other.send(&request("example.org"));
    let mut back = backend.accept();
    back.head();
    answer(&mut back, "meanwhile");
    other.until("meanwhile");
    client.until("\r\n\r\n");
    assert_eq!(client.rest().len(), length);
    sender.join().expect("sent");
}

#[test]
fn the_end_of_a_response_is_said_and_a_cut_one_is_not() {
    let (authority, backend) = (Authority::new("ca"), Backside::new());
    let proxy = proxy(&[backend.address], &authority, |_| {});
    let client = Arc::new(authority.client());
    let mut whole = TlsPeer::connect(proxy.address, &client, "example.org");
    whole.send("GET / HTTP/1.0\r\nHost: example.org\r\n\r\n");
    let mut back = backend.accept();
    back.head();
    back.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it");
    drop(back);
    assert!(whole.rest().ends_with(b"all of it"));
    let mut cut = TlsPeer::connect(proxy.address, &client, "example.org");
    cut.send(&request("example.org"));
    let mut back = backend.accept();
    back.head();
    back.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome of it");
    drop(back);
    let mut bytes = Vec::new();
    let error = cut.0.read_to_end(&mut bytes).expect_err("truncated");
    assert!(bytes.ends_with(b"some of it"), "{error}");
}

#[test]
fn a_request_that_is_cut_is_not_taken_for_a_whole_one() {
    let (authority, backend) = (Authority::new("ca"), Backside::new());
    let proxy = proxy(&[backend.address], &authority, |_| {});
    let mut client = TlsPeer::connect(proxy.address, &Arc::new(authority.client()), "example.org");
    client.send("POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 9\r\n\r\nhalf");
    let mut back = backend.accept();
    back.head();
    assert_eq!(back.exactly(4), b"half");
    client.0.sock.shutdown(std::net::Shutdown::Write).expect("shutdown");
    assert_eq!(back.rest(), "");
}

#[test]
fn a_session_is_resumed_by_another_worker_with_the_same_keys() {
    let (authority, backend) = (Authority::new("ca"), Backside::new());
    let identity = authority.issue(&["example.org"]);
    let keys = vec![TicketKey { made: 0, bytes: Secret::from(&[7; TicketKey::LEN][..]) }];
    let workers = [1, 2].map(|_| {
        let mut worker = Proxy::changed(&[backend.address], |state, address| {
            if let Some(listener) = state.listeners.get_mut(&address) {
                listener.tls = Some(Box::new(listener_tls()));
            }
            let served = certificate(address, &["example.org"], FAR, identity.clone());
            state.certificates.insert(served.id(), served);
        });
        worker.say(&ToWorker::TicketKeys(keys.clone()));
        worker.apply(Vec::new());
        worker
    });
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let client = Arc::new(only(version, &authority));
        let kinds = workers.each_ref().map(|worker| {
            let mut peer = TlsPeer::connect(worker.address, &client, "example.org");
            peer.send(&request("example.org"));
            let mut back = backend.accept();
            back.head();
            answer(&mut back, "x");
            peer.until("\r\nx");
            peer.0.conn.handshake_kind()
        });
        assert_eq!(kinds[0], Some(HandshakeKind::Full));
        assert_eq!(kinds[1], Some(HandshakeKind::Resumed), "{version:?}");
    }
}

#[test]
fn a_certificate_that_is_replaced_is_used_by_the_next_handshake() {
    let (authority, backend) = (Authority::new("ca"), Backside::new());
    let mut proxy = proxy(&[backend.address], &authority, |_| {});
    let client = Arc::new(authority.client());
    let served = |address| {
        let mut peer = TlsPeer::connect(address, &client, "example.org");
        peer.shake_hands().expect("served");
        let shown = peer.0.conn.peer_certificates().expect("shown")[0].to_vec();
        (peer, shown)
    };
    let (mut before, old) = served(proxy.address);
    let new = authority.certificate(proxy.address, &["example.org"], FAR + 1);
    let (id, der) = (new.id(), new.identity.chain[0].bytes().to_vec());
    proxy.transact(vec![Order::Certificate(Box::new(new))]);
    let hash = proxy.hash();
    assert_eq!(served(proxy.address).1, der);
    before.send(&request("example.org"));
    let mut back = backend.accept();
    back.head();
    answer(&mut back, "still here");
    before.until("still here");
    proxy.transact(vec![Order::RemoveCertificate(id)]);
    assert_ne!(proxy.hash(), hash);
    assert_eq!(served(proxy.address).1, old);
}

#[test]
fn both_kinds_of_keys_serve_one_name() {
    let authority = Authority::new("ca");
    let proxy = Proxy::changed(&[], |state, address| {
        if let Some(listener) = state.listeners.get_mut(&address) {
            listener.tls = Some(Box::new(listener_tls()));
        }
        for identity in [authority.issue(&["example.org"]), authority.issue_rsa(&["example.org"])] {
            let served = certificate(address, &["example.org"], FAR, identity);
            state.certificates.insert(served.id(), served);
        }
    });
    let mut rsa = rustls::crypto::aws_lc_rs::default_provider();
    rsa.cipher_suites.retain(|suite| format!("{:?}", suite.suite()).contains("_RSA_"));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.der.bytes().into()).expect("added");
    let old = ClientConfig::builder_with_provider(Arc::new(rsa))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .expect("suites")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let size = |client: ClientConfig| {
        let mut peer = TlsPeer::connect(proxy.address, &Arc::new(client), "example.org");
        peer.shake_hands().expect("served");
        peer.0.conn.peer_certificates().expect("shown")[0].len()
    };
    let (elliptic, rsa) = (size(authority.client()), size(old));
    assert!(rsa > elliptic + 150, "an RSA key is longer: {rsa}, {elliptic}");
}

#[test]
fn unknown_names_are_refused_or_get_the_default_certificate() {
    let authority = Authority::new("ca");
    let strict = proxy(&[], &authority, |_| {});
    let client = Arc::new(authority.client());
    let mut unknown = TlsPeer::connect(strict.address, &client, "example.com");
    let error = unknown.shake_hands().expect_err("refused").to_string();
    assert!(error.to_lowercase().contains("unrecogni"), "{error}");
    let default = authority.issue(&["example.com"]);
    let lenient = proxy(&[], &authority, |tls| tls.default_certificate = Some(default));
    let mut known = TlsPeer::connect(lenient.address, &client, "example.com");
    known.send(&request("example.com"));
    assert!(known.until("\r\n").starts_with("HTTP/1.1 503"));
    let mut other = TlsPeer::connect(lenient.address, &client, "example.com");
    other.send(&request("example.org"));
    assert!(other.until("\r\n").starts_with("HTTP/1.1 421"), "the default is for example.com");
}

#[test]
fn a_host_that_the_certificate_does_not_cover_is_misdirected() {
    let (authority, backend) = (Authority::new("ca"), Backside::new());
    let proxy = proxy(&[backend.address], &authority, |_| {});
    let client = Arc::new(authority.client());
    let mut peer = TlsPeer::connect(proxy.address, &client, "example.org");
    peer.send(&request("example.com"));
    assert!(peer.until("\r\n").starts_with("HTTP/1.1 421"));
    peer.until("}");
    let mut peer = TlsPeer::connect(proxy.address, &client, "example.org");
    peer.send(&request("two.example.net"));
    backend.accept().head();
}

#[test]
fn policies_of_coming_back_are_told() {
    let (authority, backend) = (Authority::new("ca"), Backside::new());
    let hsts = Hsts {
        enabled: true,
        max_age: 60,
        include_subdomains: true,
        preload: false,
        force_replace_backend: false,
    };
    let proxy = proxy(&[backend.address], &authority, |tls| tls.hsts = Some(hsts));
    let mut peer = TlsPeer::connect(proxy.address, &Arc::new(authority.client()), "example.org");
    peer.send(&request("example.org"));
    let mut back = backend.accept();
    back.head();
    answer(&mut back, "x");
    let head = peer.until("\r\n\r\n");
    let wanted = "Strict-Transport-Security: max-age=60; includeSubDomains\r\n";
    assert!(head.contains(wanted), "{head}");
    peer.until("x");
    peer.send(&request("example.com"));
    let head = peer.until("\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 421") && head.contains(wanted), "{head}");
}

#[test]
fn what_a_client_showed_is_told_to_the_backend_and_cannot_be_forged() {
    let (authority, backend) = (Authority::new("ca"), Backside::new());
    let ca = authority.der.clone();
    let proxy = proxy(&[backend.address], &authority, |tls| {
        tls.client_auth = ClientAuth::Optional;
        tls.client_authorities = vec![ca];
    });
    let identity = authority.issue(&["client"]);
    let forged = "GET / HTTP/1.1\r\nHost: example.org\r\nClient-Cert: :AAAA:\r\n\r\n";
    for (client, shown) in [(authority.client(), false), (authority.client_with(&identity), true)] {
        let mut peer = TlsPeer::connect(proxy.address, &Arc::new(client), "example.org");
        peer.send(forged);
        let mut back = backend.accept();
        let head = back.head();
        assert!(!head.contains(":AAAA:"), "{head}");
        assert_eq!(head.contains("Client-Cert: :MII"), shown, "{head}");
        back.send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        peer.until("\r\n\r\n");
    }
    let stranger = Authority::new("other").issue(&["client"]);
    let client = Arc::new(authority.client_with(&stranger));
    let mut peer = TlsPeer::connect(proxy.address, &client, "example.org");
    let refused = peer.shake_hands().and_then(|()| peer.0.read(&mut [0]).map(|_| ()));
    assert!(refused.is_err(), "a stranger is refused");
}

#[test]
fn clear_http_on_a_tls_port_is_answered_in_clear() {
    let authority = Authority::new("ca");
    let proxy = proxy(&[], &authority, |_| {});
    let answer = proxy.ask("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("use https"), "{answer}");
}

#[test]
fn half_open_handshakes_do_not_keep_others_out() {
    let (authority, backend) = (Authority::new("ca"), Backside::new());
    let proxy = proxy(&[backend.address], &authority, |_| {});
    // A record header and a part of what it announces.
    let silent: Vec<_> = (0..60)
        .map(|_| {
            let mut peer = proxy.connect();
            peer.send_bytes(&[22, 3, 1, 2, 0, 1, 0, 1, 252]);
            peer
        })
        .collect();
    let mut client = TlsPeer::connect(proxy.address, &Arc::new(authority.client()), "example.org");
    client.send(&request("example.org"));
    let mut back = backend.accept();
    back.head();
    answer(&mut back, "served");
    client.until("served");
    drop(silent);
}

#[test]
fn handshakes_may_come_byte_by_byte() {
    let (authority, backend) = (Authority::new("ca"), Backside::new());
    let proxy = proxy(&[backend.address], &authority, |_| {});
    let mut peer = TlsPeer::connect(proxy.address, &Arc::new(authority.client()), "example.org");
    peer.0.sock.set_nodelay(true).expect("set");
    let mut hello = Vec::new();
    peer.0.conn.write_tls(&mut hello).expect("a hello");
    for byte in hello {
        peer.0.sock.write_all(&[byte]).expect("send");
    }
    peer.send(&request("example.org"));
    let mut back = backend.accept();
    back.head();
    answer(&mut back, "in the end");
    peer.until("in the end");
    assert_eq!(peer.0.conn.protocol_version(), Some(ProtocolVersion::TLSv1_3));
}

#[test]
fn which_certificate_is_shown_is_explained() {
    let authority = Authority::new("ca");
    let mut proxy = proxy(&[], &authority, |_| {});
    let address = proxy.address;
    let steps = proxy.explain(address, "one.example.net", "/").steps.join("\n");
    assert!(steps.contains("asks for one.example.net is shown the certificate"), "{steps}");
    let steps = proxy.explain(address, "example.com", "/").steps.join("\n");
    assert!(steps.contains("unrecognized_name"), "{steps}");
}
