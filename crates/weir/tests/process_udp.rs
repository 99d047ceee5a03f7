//! Datagrams with the real program: a resolver behind it, real clients, changes while they ask,
//! another image of main, the death of main and of a worker.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::cell::Cell;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use process_support::control::{bad, good, json, pids};
use process_support::held::kill;
use process_support::installed::Installed;
use process_support::tools::{run, script, text, tool};
use process_support::{Config, Proxy, weir};
use weir_client::proto::request::RequestType;
use weir_client::{Client, Options};
use weir_testkit::process::{PATIENCE, Process, eventually};

/// A server that sends everything back, after its name.
fn echo(name: &'static str) -> SocketAddr {
    echo_at(name, "127.0.0.1:0".parse().expect("an address"))
}

fn echo_at(name: &'static str, at: SocketAddr) -> SocketAddr {
    let socket = UdpSocket::bind(at).expect("bound");
    let address = socket.local_addr().expect("bound");
    std::thread::spawn(move || {
        let mut bytes = [0; 65_536];
        while let Ok((n, from)) = socket.recv_from(&mut bytes) {
            let answer = [name.as_bytes(), &bytes[..n]].concat();
            socket.send_to(&answer, from).expect("sent");
        }
    });
    address
}

/// A server that answers as [`echo`] does, while it may.
struct Sometimes {
    address: SocketAddr,
    answers: Arc<AtomicBool>,
}

impl Sometimes {
    fn named(name: &'static str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let address = socket.local_addr().expect("bound");
        let answers = Arc::new(AtomicBool::new(true));
        let may = Arc::clone(&answers);
        std::thread::spawn(move || {
            let mut bytes = [0; 1024];
            while let Ok((n, from)) = socket.recv_from(&mut bytes) {
                if may.load(Ordering::SeqCst) {
                    let answer = [name.as_bytes(), &bytes[..n]].concat();
                    socket.send_to(&answer, from).expect("sent");
                }
            }
        });
        Self { address, answers }
    }

    fn answers(&self, may: bool) {
        self.answers.store(may, Ordering::SeqCst);
    }
}

/// A server that answers with the port that a datagram came from: that of its flow.
fn mirror() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let address = socket.local_addr().expect("bound");
    std::thread::spawn(move || {
        let mut bytes = [0; 1024];
        while let Ok((_, from)) = socket.recv_from(&mut bytes) {
            socket.send_to(from.port().to_string().as_bytes(), from).expect("sent");
        }
    });
    address
}

/// A port that nobody has.
fn free() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").expect("bound").local_addr().expect("bound")
}

fn client() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
    socket.set_read_timeout(Some(Duration::from_millis(200))).expect("set");
    socket
}

/// What comes back, asked again until something does: a datagram may be lost with a worker.
fn ask(client: &UdpSocket, at: SocketAddr, text: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    let mut bytes = [0; 65_536];
    loop {
        client.send_to(text.as_bytes(), at).expect("sent");
        match client.recv_from(&mut bytes) {
            Ok((n, from)) => {
                assert_eq!(from, at);
                let answer = String::from_utf8_lossy(&bytes[..n]).into_owned();
                if answer.ends_with(text) {
                    return answer;
                }
            }
            Err(error) => assert!(Instant::now() < deadline, "no answer: {error}"),
        }
    }
}

/// A client whose datagrams go to the server of that name.
fn client_of(at: SocketAddr, name: &str) -> UdpSocket {
    let last = Cell::new(None);
    eventually(name, || {
        let client = client();
        let is_of = ask(&client, at, "?").starts_with(name);
        last.set(Some(client));
        is_of
    });
    last.into_inner().expect("a client")
}

/// Adds a listener that leads to a cluster of this backend.
fn serve(proxy: &Proxy, at: SocketAddr, backend: SocketAddr) {
    serve_for(proxy, at, backend, "5");
}

/// The same; its flows end after so many seconds without a datagram.
fn serve_for(proxy: &Proxy, at: SocketAddr, backend: SocketAddr, idle: &str) {
    let (at, backend) = (at.to_string(), backend.to_string());
    let more = ["--max-rx-datagram-size", "4096"];
    let more = [&more[..], &["--back-timeout", idle, "--front-timeout", idle]].concat();
    good(proxy, &[&["listener", "udp", "add", "-a", &at][..], &more].concat());
    good(proxy, &["cluster", "add", "--id", "dns", "--load-balancing-policy", "random"]);
    good(proxy, &["backend", "add", "--id", "dns", "--backend-id", "one", "-a", &backend]);
    good(proxy, &["frontend", "udp", "add", "-a", &at, "--id", "dns"]);
    good(proxy, &["listener", "udp", "activate", "-a", &at]);
}

#[test]
fn a_file_serves_real_clients() {
    let (at, backend) = (free(), echo("one "));
    let file = format!(
        "worker_count = 2\nmax_connections = 100\n\
         [[listeners]]\nprotocol = \"http\"\naddress = \"127.0.0.1:0\"\n\
         [[listeners]]\nprotocol = \"udp\"\naddress = \"{at}\"\n\
         [clusters.web]\nprotocol = \"http\"\nbackends = []\n\
         frontends = [{{ address = \"127.0.0.1:0\", hostname = \"*\" }}]\n\
         [clusters.echo]\nprotocol = \"tcp\"\nfrontends = [{{ address = \"{at}\" }}]\n\
         backends = [{{ address = \"{backend}\" }}]\n\
         udp = {{ affinity_key = \"SOURCE_IP_PORT\" }}\n"
    );
    let _proxy = Proxy::start(Config::new(&file), &[]);
    assert_eq!(ask(&client(), at, "hello"), "one hello");
    let Some(mut python) = tool("python3", "python3") else { return };
    let (ip, port) = (at.ip().to_string(), at.port().to_string());
    let output = run(python.arg(script("datagrams.py")).args([&*ip, &*port]));
    assert_eq!(text(&output.stdout).trim(), "50 clients, 1000 answers");
}

#[test]
fn flows_leave_a_server_that_stops_answering_and_come_back() {
    let (at, sides) = (free(), ["one ", "two "].map(Sometimes::named));
    let [one, two] = &sides;
    let file = format!(
        "command_socket = \"control.sock\"\nworker_count = 2\nmax_connections = 100\n\
         [[listeners]]\nprotocol = \"http\"\naddress = \"127.0.0.1:0\"\n\
         [[listeners]]\nprotocol = \"udp\"\naddress = \"{at}\"\n\
         [clusters.echo]\nprotocol = \"tcp\"\nfrontends = [{{ address = \"{at}\" }}]\n\
         backends = [{{ address = \"{}\" }}, {{ address = \"{}\" }}]\n\
         [clusters.echo.udp]\naffinity_key = \"SOURCE_IP_PORT\"\n\
         health = {{ mode = \"UDP_PROBE\", udp_probe_payload = \"up?\", rise = 1, fall = 1, \
         probe_interval_seconds = 1, probe_timeout_seconds = 1 }}\n",
        one.address, two.address
    );
    let mut proxy = Proxy::start(Config::new(&file), &[]);
    let mut events = Process::spawn(weir().arg("events").arg("-c").arg(proxy.config.path()));
    events.line_with("EVENTS_SUBSCRIBED");
    let kept = client_of(at, "one ");
    one.answers(false);
    let name = one.address.to_string();
    assert!(proxy.main.line_with("is unhealthy").contains(&name));
    assert!(events.line_with("HEALTH_CHECK_UNHEALTHY").contains(&name));
    for _ in 0..8 {
        assert_eq!(ask(&client(), at, "?"), "two ?");
    }
    assert_eq!(ask(&kept, at, "?"), "two ?", "a flow that was there");
    let asked = good(&proxy, &["metrics", "get", "--json", "--names", "udp.flow.duration"]);
    let lasted = &json(&asked)["proxying"]["udp.flow.duration"]["inner"]["PERCENTILES"];
    assert!(lasted["samples"].as_u64() > Some(0), "{asked}");
    let checks = good(&proxy, &["cluster", "health-check", "list"]);
    assert!(checks.contains("UDP"), "{checks}");
    one.answers(true);
    assert!(events.line_with("HEALTH_CHECK_HEALTHY").contains(&name));
    client_of(at, "one ");
}

#[test]
fn names_are_resolved_through_the_proxy() {
    let (Some(mut unbound), Some(mut dig)) =
        (tool("unbound", "unbound"), tool("dig", "bind9-dnsutils"))
    else {
        return;
    };
    let (at, server) = (free(), free());
    let zone = "local-zone: \"example.\" static\nlocal-data: \"www.example. A 192.0.2.7\"\n";
    let port = server.port();
    let config = Config::new(&format!(
        "server:\ninterface: 127.0.0.1\nport: {port}\ndo-tcp: no\ndo-daemonize: no\n\
         use-syslog: no\nusername: \"\"\nchroot: \"\"\npidfile: \"\"\n\
         {zone}remote-control:\ncontrol-enable: no\n"
    ));
    let _unbound =
        weir_testkit::process::Process::spawn(unbound.arg("-d").arg("-c").arg(config.path()));
    let proxy = Proxy::controlled();
    serve(&proxy, at, server);
    let port = at.port().to_string();
    let asked = ["@127.0.0.1", "-p", &port, "+short", "+notcp", "+tries=20", "+time=1"];
    let output = run(dig.args(asked).arg("www.example"));
    assert_eq!(text(&output.stdout).trim(), "192.0.2.7");
}

#[test]
fn a_server_that_comes_late_is_found_by_who_asks_again() {
    let (at, server) = (free(), free());
    let proxy = Proxy::controlled();
    serve(&proxy, at, server);
    let asking = client();
    for _ in 0..5 {
        asking.send_to(b"?", at).expect("sent");
        assert!(asking.recv_from(&mut [0; 16]).is_err(), "nobody is there");
    }
    echo_at("late ", server);
    assert_eq!(ask(&asking, at, "?"), "late ?");
}

#[test]
fn listeners_and_where_they_lead_change_while_clients_ask() {
    let (at, proxy) = (free(), Proxy::controlled());
    serve(&proxy, at, echo("one "));
    let asking = client();
    assert_eq!(ask(&asking, at, "?"), "one ?");
    let list = json(&good(&proxy, &["listener", "list", "--json"]));
    let listed = &list["udp_listeners"][at.to_string()];
    assert_eq!(listed["max_rx_datagram_size"], 4096, "{list}");
    assert!(good(&proxy, &["frontend", "list"]).contains(&at.to_string()));

    let (name, other) = (at.to_string(), echo("two ").to_string());
    good(&proxy, &["cluster", "add", "--id", "two", "--load-balancing-policy", "random"]);
    good(&proxy, &["backend", "add", "--id", "two", "--backend-id", "t", "-a", &other]);
    good(&proxy, &["frontend", "udp", "add", "-a", &name, "--id", "two"]);
    assert_eq!(ask(&asking, at, "same flow"), "one same flow");
    let late = UdpSocket::bind("127.0.0.9:0").expect("bound");
    late.set_read_timeout(Some(Duration::from_millis(200))).expect("set");
    assert_eq!(ask(&late, at, "new flow"), "two new flow");

    let saved = proxy.config.in_directory("saved").to_string_lossy().into_owned();
    good(&proxy, &["state", "save", "-f", &saved]);
    good(&proxy, &["listener", "udp", "deactivate", "-a", &name]);
    drop(UdpSocket::bind(at).expect("nobody has the port"));
    good(&proxy, &["listener", "udp", "remove", "-a", &name]);
    assert!(bad(&proxy, &["listener", "udp", "remove", "-a", &name]).contains("no UDP listener"));
    let restored = good(&proxy, &["state", "load", "-f", &saved]);
    assert_eq!(ask(&asking, at, "again"), "two again", "{restored}");
    let taken = free();
    let holder = UdpSocket::bind(taken).expect("bound");
    let taken = taken.to_string();
    good(&proxy, &["listener", "udp", "add", "-a", &taken]);
    let refused = bad(&proxy, &["listener", "udp", "activate", "-a", &taken]);
    assert!(refused.contains("(UDP) is in use"), "{refused}");
    drop(holder);
}

/// What comes back; a datagram that is lost is not sent again.
fn ask_once(client: &UdpSocket, at: SocketAddr) -> String {
    client.send_to(b"?", at).expect("sent");
    let mut bytes = [0; 64];
    let (n, from) = client.recv_from(&mut bytes).expect("an answer");
    assert_eq!(from, at);
    String::from_utf8_lossy(&bytes[..n]).into_owned()
}

#[test]
fn flows_go_on_at_the_successor_and_no_datagram_is_lost() {
    const CLIENTS: u8 = 8;
    let (installed, at) = (Installed::start(), free());
    serve_for(&installed.proxy, at, mirror(), "60");
    let clients = (0..CLIENTS).map(|number| {
        let client =
            UdpSocket::bind(SocketAddr::from(([127, 0, 0, 10 + number], 0))).expect("bound");
        client.set_read_timeout(Some(PATIENCE)).expect("set");
        client
    });
    let clients: Vec<_> = clients.collect();
    let ask_all = || clients.iter().map(|client| ask_once(client, at)).collect::<Vec<_>>();
    let flows = ask_all();
    for _ in 0..5 {
        let options = Options { timeout: Some(PATIENCE), max_frame_bytes: 100_000 };
        let socket = installed.proxy.config.in_directory("control.sock");
        let mut control = Client::connect(&socket, options).expect("connected");
        let mut upgrade = move |id| control.request(RequestType::UpgradeWorker(id)).expect("made");
        let replacing = std::thread::spawn(move || [0, 1].map(|id| upgrade(id).message).concat());
        while !replacing.is_finished() {
            assert_eq!(ask_all(), flows, "each has its flow");
        }
        let told = replacing.join().expect("no panic");
        let counts = told.split(" UDP flows").filter_map(|part| part.rsplit(['(', ' ']).next());
        let passed: u8 = counts.filter_map(|count| count.parse::<u8>().ok()).sum();
        assert_eq!(passed, CLIENTS, "{told}");
    }
    assert_eq!(ask_all(), flows);
}

#[test]
fn listeners_outlive_workers_and_mains() {
    let mut installed = Installed::start();
    let at = free();
    serve(&installed.proxy, at, echo("one "));
    assert_eq!(ask(&client(), at, "first"), "one first");

    good(&installed.proxy, &["upgrade", "--main"]);
    assert_eq!(ask(&client(), at, "after an upgrade of main"), "one after an upgrade of main");
    good(&installed.proxy, &["upgrade", "--worker", "0"]);
    assert_eq!(ask(&client(), at, "after one of a worker"), "one after one of a worker");

    let before = pids(&installed.proxy);
    kill(before[1]);
    eventually("another worker", || {
        let now = pids(&installed.proxy);
        now[1] != 0 && now[1] != before[1]
    });
    for number in 0..20 {
        let text = format!("after the death of a worker {number}");
        assert_eq!(ask(&client(), at, &text), format!("one {text}"));
    }

    let before = pids(&installed.proxy);
    installed.kill_main();
    for number in 0..20 {
        let text = format!("without main {number}");
        assert_eq!(ask(&client(), at, &text), format!("one {text}"));
    }
    installed.start_main();
    assert_eq!(pids(&installed.proxy), before, "they are led on");
    for number in 0..20 {
        let text = format!("with another main {number}");
        assert_eq!(ask(&client(), at, &text), format!("one {text}"));
    }
    good(&installed.proxy, &["listener", "udp", "deactivate", "-a", &at.to_string()]);
    drop(UdpSocket::bind(at).expect("nobody has the port"));
}
