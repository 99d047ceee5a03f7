//! TCP with the real program: bytes that pass as they are, TLS told apart unopened, workers that
//! are replaced under open connections, backends that are checked.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;

use process_support::certificates::{Authority, Wish};
use process_support::control::{good, pids};
use process_support::tools::{run, text, tool};
use process_support::{Config, Proxy};
use weir_testkit::process::{PATIENCE, Process};

const HEAD: &str = "command_socket = \"control.sock\"\nworker_count = 2\nmax_connections = 200\n\
                    [state]\npath = \"store\"\n\
                    [[listeners]]\nprotocol = \"tcp\"\naddress = \"127.0.0.1:0\"\n";

/// A server that greets and sends everything back.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            std::thread::spawn(move || {
                let mut reader = stream.try_clone().expect("cloned");
                let greeted = stream.write_all(b"hello\n");
                greeted.and_then(|()| std::io::copy(&mut reader, &mut stream))
            });
        }
    });
    address
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream
}

fn expect(stream: &mut TcpStream, wanted: &[u8]) {
    let mut bytes = vec![0; wanted.len()];
    stream.read_exact(&mut bytes).expect("bytes in time");
    assert_eq!(bytes, wanted);
}

#[test]
fn connections_outlive_the_workers_that_carry_them() {
    let cluster = format!(
        "{HEAD}[clusters.echo]\nprotocol = \"tcp\"\nfrontends = [{{ address = \"127.0.0.1:0\" }}]\n\
         backends = [{{ address = \"{}\" }}]\n",
        echo()
    );
    let proxy = Proxy::start(Config::new(&cluster), &[]);
    let mut streams: Vec<_> = (0..8).map(|_| connect(&proxy)).collect();
    for stream in &mut streams {
        expect(stream, b"hello\n");
    }
    let before = pids(&proxy);
    for round in 0..3 {
        for worker in ["0", "1"] {
            good(&proxy, &["upgrade", "--worker", worker]);
            for (at, stream) in streams.iter_mut().enumerate() {
                let line = format!("{round} {worker} {at}\n");
                stream.write_all(line.as_bytes()).expect("sent");
                expect(stream, line.as_bytes());
            }
        }
    }
    assert!(pids(&proxy).iter().all(|pid| !before.contains(pid)));
}

#[test]
fn tls_is_told_apart_and_passed_on_unopened() {
    let authority = Authority::new("ca");
    let mut servers = Vec::new();
    let mut clusters = HEAD.to_owned();
    for name in ["one", "two"] {
        authority.issue(name, &[&format!("{name}.example")], &Wish::default());
        let Some(mut command) = tool("openssl", "openssl") else { return };
        let (pem, key) =
            (authority.text(&format!("{name}.pem")), authority.text(&format!("{name}.key")));
        command.args(["s_server", "-accept", "127.0.0.1:0", "-cert", &pem, "-key", &key, "-www"]);
        let mut server = Process::spawn(command.stdin(Stdio::null()));
        let line = server.line_with("ACCEPT ");
        let (_, address) = line.split_once("ACCEPT ").expect("the address follows");
        clusters += &format!(
            "[clusters.{name}]\nprotocol = \"tcp\"\n\
             frontends = [{{ address = \"127.0.0.1:0\", sni = \"{name}.example\" }}]\n\
             backends = [{{ address = \"{address}\" }}]\n"
        );
        servers.push(server);
    }
    let proxy = Proxy::start(Config::new(&clusters), &[]);
    for name in ["one", "two"] {
        let Some(mut curl) = tool("curl", "curl") else { return };
        let (host, port) = (format!("{name}.example"), proxy.address.port());
        curl.args(["--silent", "--show-error", "--max-time", "30", "--noproxy", "*"]);
        curl.args(["--cacert", &authority.text("ca.pem"), "--resolve"]);
        curl.arg(format!("{host}:{port}:{}", proxy.address.ip()));
        let output = run(curl.arg(format!("https://{host}:{port}/")));
        assert!(text(&output.stdout).contains("s_server"), "{}", text(&output.stdout));
    }
    let mut other = connect(&proxy);
    other.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("sent");
    // What it has said is not read: that may be told by a reset.
    assert_eq!(other.read(&mut [0]).unwrap_or(0), 0, "nothing is served to it");
}

#[test]
fn listeners_and_frontends_are_made_at_run_time() {
    let (first, second) = (echo(), TcpListener::bind("127.0.0.1:0").expect("bound"));
    let cluster = format!(
        "{HEAD}[clusters.echo]\nprotocol = \"tcp\"\nfrontends = [{{ address = \"127.0.0.1:0\" }}]\n\
         backends = [{{ address = \"{first}\" }}]\n"
    );
    let proxy = Proxy::start(Config::new(&cluster), &[]);
    let mut stream = connect(&proxy);
    expect(&mut stream, b"hello\n");
    let other = second.local_addr().expect("bound").to_string();
    let address = proxy.address.to_string();
    good(
        &proxy,
        &[
            "cluster",
            "add",
            "-i",
            "other",
            "--load-balancing-policy",
            "round_robin",
            "--send-proxy",
        ],
    );
    good(&proxy, &["backend", "add", "-i", "other", "--backend-id", "other-0", "-a", &other]);
    good(&proxy, &["frontend", "tcp", "add", "-i", "other", "-a", &address]);
    let moved = connect(&proxy);
    let (mut server, _) = second.accept().expect("a connection");
    let mut signature = [0; 12];
    server.read_exact(&mut signature).expect("a header");
    assert_eq!(&signature, b"\r\n\r\n\0\r\nQUIT\n");
    stream.write_all(b"still there\n").expect("sent");
    expect(&mut stream, b"still there\n");
    let listed = good(&proxy, &["frontend", "list", "--tcp"]);
    assert!(listed.contains("other"), "{listed}");
    drop(moved);
}

#[test]
fn backends_are_checked_and_what_was_found_is_kept() {
    let (good_one, gone) = (echo(), TcpListener::bind("127.0.0.1:0").expect("bound"));
    let cluster = format!(
        "{HEAD}[clusters.echo]\nprotocol = \"tcp\"\nfrontends = [{{ address = \"127.0.0.1:0\" }}]\n\
         backends = [{{ address = \"{good_one}\" }}, {{ address = \"{}\" }}]\n\
         health_check = {{ mode = \"tcp\", interval = 1, timeout = 1, unhealthy_threshold = 1 }}\n",
        gone.local_addr().expect("bound")
    );
    let mut proxy = Proxy::start(Config::new(&cluster), &[]);
    drop(gone);
    proxy.main.line_with("is unhealthy");
    for _ in 0..6 {
        expect(&mut connect(&proxy), b"hello\n");
    }
    let checks = good(&proxy, &["cluster", "health-check", "list"]);
    assert!(checks.contains("TCP"), "{checks}");
    good(&proxy, &["upgrade", "--worker", "1"]);
    good(&proxy, &["upgrade", "--worker", "0"]);
    for _ in 0..6 {
        expect(&mut connect(&proxy), b"hello\n");
    }
}
