//! What a whole worker says of what it has measured.

mod harness;

use std::time::Instant;

use harness::h2::Client;
use harness::metrics::{count, measure};
use harness::tls::{Authority, TlsPeer, listener_tls};
use harness::{Backside, PATIENCE, Proxy};
use weir_control::channel::ToWorker;
use weir_control::metrics::{Detail, Query, Sample, Value};
use weir_control::state::{Cluster, ListenerTls};
use weir_http::h2::frame::Kind;

/// One request that is answered by a backend.
fn exchange(proxy: &Proxy, backend: &Backside) {
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut server = backend.accept();
    server.head();
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    assert!(client.rest().ends_with("ok"));
}

#[test]
fn an_answer_about_many_clusters_comes_in_parts() {
    let mut proxy = Proxy::changed(&[], |state, _| {
        for number in 0..700 {
            let id = format!("more-{number}");
            state.clusters.insert(id.clone(), Cluster { id, ..Cluster::default() });
        }
    });
    let parts = measure(&mut proxy, Query::default());
    assert!(parts.len() > 2, "{}", parts.len());
    assert!(!parts[0].proxy.is_empty() && parts[1].proxy.is_empty(), "it is said once");
    let ids: std::collections::HashSet<_> =
        parts.iter().flat_map(|part| part.clusters.iter().map(|cluster| &cluster.id)).collect();
    assert_eq!(ids.len(), 701);
}

#[test]
fn only_so_much_is_told_apart_as_main_wants() {
    let backend = Backside::new();
    let mut proxy = Proxy::to(&[backend.address]);
    exchange(&proxy, &backend);
    let all = measure(&mut proxy, Query::default()).remove(0);
    assert_eq!(count(&all.proxy, "requests"), Some(1));
    assert_eq!(count(&all.clusters[0].own, "requests"), Some(1));
    assert!(all.clusters[0].backends.is_empty());
    proxy.say(&ToWorker::Measure(Detail::Backend));
    exchange(&proxy, &backend);
    let all = measure(&mut proxy, Query::default()).remove(0);
    let (id, samples) = &all.clusters[0].backends[0];
    assert_eq!((&**id, count(samples, "requests")), ("app-0", Some(1)));
    assert_eq!(count(&all.clusters[0].own, "requests"), Some(2));
    proxy.say(&ToWorker::Measure(Detail::Process));
    exchange(&proxy, &backend);
    let all = measure(&mut proxy, Query::default()).remove(0);
    assert_eq!((count(&all.proxy, "requests"), all.clusters.len()), (Some(3), 0));
    proxy.say(&ToWorker::Measure(Detail::Cluster));
    let all = measure(&mut proxy, Query::default()).remove(0);
    assert_eq!(count(&all.clusters[0].own, "requests"), None, "it was forgotten");
}

#[test]
fn what_has_not_changed_is_left_out_when_only_changes_are_asked_for() {
    let backend = Backside::new();
    let mut proxy = Proxy::to(&[backend.address]);
    let changed = || Query { changed: true, ..Query::default() };
    exchange(&proxy, &backend);
    assert_eq!(measure(&mut proxy, changed()).remove(0).clusters.len(), 1);
    assert_eq!(measure(&mut proxy, changed()).remove(0).clusters.len(), 0);
    exchange(&proxy, &backend);
    assert_eq!(measure(&mut proxy, changed()).remove(0).clusters.len(), 1);
}

/// How many times of a kind there are.
fn times(samples: &[Sample], name: &str) -> u64 {
    match samples.iter().find(|sample| sample.name == name).map(|sample| &sample.value) {
        Some(Value::Times(times)) => times.count(),
        _ => 0,
    }
}

#[test]
fn handshakes_and_turns_of_the_loop_are_measured() {
    let authority = Authority::new("ca");
    let mut proxy = Proxy::changed(&[], |state, address| {
        if let Some(listener) = state.listeners.get_mut(&address) {
            let alpn = vec!["h2".into(), "http/1.1".into()];
            listener.tls = Some(Box::new(ListenerTls { alpn, ..listener_tls() }));
        }
        let served = authority.certificate(address, &["example.org"], 1 << 40);
        state.certificates.insert(served.id(), served);
    });
    let mut config = authority.client();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (plain, h2) = (std::sync::Arc::new(authority.client()), std::sync::Arc::new(config));
    let mut clients = [
        TlsPeer::connect(proxy.address, &plain, "example.org"),
        TlsPeer::connect(proxy.address, &h2, "example.org"),
    ];
    for client in &mut clients {
        client.shake_hands().expect("keys");
    }
    clients[1].send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    let mut stranger = TlsPeer::connect(proxy.address, &plain, "elsewhere.test");
    assert!(stranger.shake_hands().is_err());
    clients[0].send("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
    assert!(clients[0].until("\r\n").starts_with("HTTP/1.1 421 "));
    let deadline = Instant::now() + PATIENCE;
    let mut measured = || measure(&mut proxy, Query::default()).remove(0).proxy;
    let mut all = measured();
    while times(&all, "tls.handshake_ms") < 2 && Instant::now() < deadline {
        all = measured();
    }
    let counted = [
        ("tls.version.TLSv1_3", Some(2)),
        ("tls.version.TLSv1_2", None),
        ("tls.cipher.TLS13_AES_256_GCM_SHA384", Some(2)),
        ("tls.cipher.Unsupported", None),
        ("http.alpn.h2", Some(1)),
        ("http.alpn.http11", Some(1)),
        ("tls.handshake.failed.no_certificates_present", Some(1)),
        ("https.upgrade.handshake.failed", Some(1)),
        ("http.sni_authority_mismatch", Some(1)),
        ("http.421.errors", Some(1)),
    ];
    for (name, wanted) in counted {
        assert_eq!(count(&all, name), wanted, "{name}");
    }
    assert_eq!(times(&all, "tls.handshake_ms"), 2);
    assert_eq!(times(&all, "accept_queue.wait_time"), 3);
    let (turns, waits) = (times(&all, "event_loop_time"), times(&all, "epoll_time"));
    assert!(turns > 3 && turns == waits, "{turns} {waits}");
}

#[test]
fn frames_of_http2_are_counted_by_kind_and_code() {
    let backend = Backside::new();
    let mut proxy = Proxy::to(&[backend.address]);
    let mut client = Client::over(proxy.connect());
    let stream = client.get("/a");
    let mut peer = backend.accept();
    peer.head();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(client.answer(stream).body, b"abc");
    let given_up = client.open("POST", "/b", &[], false);
    client.send(Kind::RstStream, 0, given_up, &8_u32.to_be_bytes());
    client.open("GET", "", &[], true);
    client.send(Kind::Ping, 0, 0, b"question");
    client.send(Kind::Continuation, 0, given_up, b"");
    let deadline = Instant::now() + PATIENCE;
    let mut measured = || measure(&mut proxy, Query::default()).remove(0).proxy;
    let mut all = measured();
    while count(&all, "h2.goaway.sent.protocol_error").is_none() && Instant::now() < deadline {
        all = measured();
    }
    let counted = [
        ("h2.frames.rx.settings", 1),
        ("h2.frames.rx.headers", 3),
        ("h2.headers.rejected.total", 1),
        ("h2.frames.rx.rst_stream", 1),
        ("h2.frames.rx.ping", 1),
        ("h2.rst_stream.received.cancel", 1),
        ("h2.rst_stream.received.pre_response_start", 1),
        ("h2.frames.tx.headers", 1),
        ("h2.frames.tx.data", 1),
        ("h2.frames.tx.ping_ack", 1),
        ("h2.frames.tx.goaway", 1),
        ("h2.goaway.sent.protocol_error", 1),
    ];
    for (name, wanted) in counted {
        assert_eq!(count(&all, name), Some(wanted), "{name}");
    }
    // Ours, and the answer to theirs.
    assert_eq!(count(&all, "h2.frames.tx.settings"), Some(2));
}
