//! IPv6 end to end with the real program: listeners of every kind, backends, lists, and the PROXY
//! protocol in both directions.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};

use process_support::control::good;
use process_support::{Config, Proxy, connect};
use weir_testkit::process::PATIENCE;

/// A proxy on `::1` before this backend; the list `home` has that address.
fn proxy(protocol: &str, listener: &str, cluster: &str, backend: SocketAddr) -> Proxy {
    let (carries, frontend) = match protocol {
        "tcp" => ("tcp", ""),
        _ => ("http", ", hostname = \"*\""),
    };
    let proxy = Proxy::start(
        Config::new(&format!(
            "command_socket = \"control.sock\"\nworker_count = 2\nmax_connections = 100\n\
             [lists.home]\naddresses = [\"::1\"]\n\
             [[listeners]]\nprotocol = \"{protocol}\"\naddress = \"[::1]:0\"\n{listener}\n\
             [clusters.app]\nprotocol = \"{carries}\"\n{cluster}\n\
             frontends = [{{ address = \"[::1]:0\"{frontend} }}]\n\
             backends = [{{ address = \"{backend}\" }}]\n"
        )),
        &[],
    );
    assert!(proxy.address.is_ipv6());
    proxy
}

fn backend() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("[::1]:0").expect("bound");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, from) = listener.accept().expect("a connection");
    assert!(from.is_ipv6());
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream
}

/// A header of version 2 for TCP over IPv6.
fn header(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let octets = |address: SocketAddr| match address {
        SocketAddr::V6(address) => address.ip().octets(),
        SocketAddr::V4(address) => address.ip().to_ipv6_mapped().octets(),
    };
    let ports = [source, destination].map(|address| address.port().to_be_bytes()).concat();
    let signature = &b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24"[..];
    [signature, &octets(source), &octets(destination), &ports].concat()
}

#[test]
fn http_tells_backends_of_the_client_that_lists_let_in() {
    let elsewhere = SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7), 7));
    let proxied = "expect_proxy = true\nproxy_from = [\"home\"]";
    for (listener, announced) in [("allow = [\"home\"]", None), (proxied, Some(elsewhere))] {
        let (server, address) = backend();
        let proxy = proxy("http", &format!("send_x_real_ip = true\n{listener}"), "", address);
        let mut client = connect(proxy.address);
        if let Some(source) = announced {
            client.write_all(&header(source, proxy.address)).expect("sent");
        }
        let request = b"GET / HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n";
        client.write_all(request).expect("sent");
        let mut back = accept(&server);
        let mut head = [0; 4096];
        let n = back.read(&mut head).expect("a request");
        let head = String::from_utf8_lossy(&head[..n]).into_owned();
        let ip = announced.map_or(Ipv6Addr::LOCALHOST.into(), |source| source.ip());
        for field in [format!("X-Real-IP: {ip}\r\n"), format!("X-Forwarded-For: {ip}\r\n")] {
            assert!(head.contains(&field), "{field} in {head}");
        }
        assert!(head.contains(&format!("for=\"[{ip}]")), "{head}");
        back.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").expect("sent");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        if announced.is_none() {
            good(&proxy, &["list", "remove", "home", "::1"]);
            assert_eq!(
                connect(proxy.address).read(&mut [0]).unwrap_or(0),
                0,
                "it is let in no more"
            );
        }
    }
}

#[test]
fn tcp_is_announced_to_backends() {
    let (server, address) = backend();
    let proxy = proxy("tcp", "allow = [\"home\"]", "send_proxy = true", address);
    let mut client = connect(proxy.address);
    client.write_all(b"q").expect("sent");
    let mut back = accept(&server);
    let mut bytes = [0; 53];
    back.read_exact(&mut bytes).expect("a header and a byte");
    let wanted = header(client.local_addr().expect("connected"), proxy.address);
    assert_eq!(bytes[..], [&wanted[..], b"q"].concat());
    back.write_all(b"a").expect("sent");
    client.read_exact(&mut [0]).expect("a byte");
}

#[test]
fn datagrams_and_https_have_listeners_too() {
    let udp = || {
        let socket = UdpSocket::bind("[::1]:0").expect("bound");
        socket.set_read_timeout(Some(PATIENCE)).expect("set");
        socket
    };
    let (server, probe, client) = (udp(), udp(), udp());
    let listener = probe.local_addr().expect("bound").to_string();
    drop(probe);
    let (_unused, nobody) = backend();
    // What is no ClientHello gets an answer all the same.
    let proxy = proxy("https", "", "", nobody);
    let mut plain = connect(proxy.address);
    plain.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
    plain.read_exact(&mut [0]).expect("something");
    good(&proxy, &["listener", "udp", "add", "-a", &listener]);
    let to = server.local_addr().expect("bound").to_string();
    let policy = ["--load-balancing-policy", "round_robin"];
    good(&proxy, &[&["cluster", "add", "-i", "far"], &policy[..]].concat());
    good(&proxy, &["backend", "add", "-i", "far", "--backend-id", "far-0", "-a", &to]);
    good(&proxy, &["frontend", "udp", "add", "-i", "far", "-a", &listener]);
    good(&proxy, &["listener", "udp", "activate", "-a", &listener]);
    client.send_to(b"question", &listener).expect("sent");
    let mut bytes = [0; 100];
    let (n, from) = server.recv_from(&mut bytes).expect("it came");
    assert_eq!(&bytes[..n], b"question");
    server.send_to(b"answer", from).expect("sent");
    let (n, from) = client.recv_from(&mut bytes).expect("it came");
    assert_eq!((&bytes[..n], from.to_string()), (&b"answer"[..], listener));
}
