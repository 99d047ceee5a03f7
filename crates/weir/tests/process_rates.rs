//! Limits of requests and of connections with the real program: workers share them, and they change
//! while it runs.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use process_support::control::{bad, good};
use process_support::{CONTROLLED, Config, Proxy, connect, fetch_from};
use weir_testkit::process::eventually;

/// How often workers are told what all have taken.
const INTERVAL: f64 = 0.25;

fn limited(limits: &str) -> Proxy {
    let backend = "[clusters.first]";
    Proxy::start(
        Config::new(&CONTROLLED.replacen(backend, &format!("{backend}\n{limits}"), 1)),
        &[],
    )
}

fn status(proxy: &Proxy) -> String {
    let answer = fetch_from(proxy.address, "first.example", "/");
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn two_workers_let_through_what_one_may() {
    const RATE: f64 = 40.0;
    const BURST: f64 = 5.0;
    let proxy = limited("rate_limits = [{ requests = 40, burst = 5 }]");
    assert_eq!(proxy.workers().len(), 2);
    let began = Instant::now();
    let mut served = 0.0;
    // Each request is a connection of its own: the kernel spreads them over the workers.
    while began.elapsed() < Duration::from_secs(4) {
        match &*status(&proxy) {
            "503" => served += 1.0,
            status => assert_eq!(status, "429"),
        }
    }
    let time = began.elapsed().as_secs_f64();
    // Without the exchange, each worker would let through all of the rate.
    let most = 2.0 * BURST + RATE * (time + time / 16.0 + 2.0 * 2.0 * INTERVAL);
    assert!(served <= most, "{served} of {most} in {time} s");
    assert!(2.0 * RATE * time > most, "two rates would be seen");
    let counted = good(&proxy, &["metrics", "get", "-n", "requests.rate_limited"]);
    assert!(counted.contains("requests.rate_limited"), "{counted}");
}

#[test]
fn limits_change_while_it_runs() {
    let proxy = Proxy::controlled();
    let listener = proxy.address.to_string();
    assert_eq!(status(&proxy), "503");
    let add = ["cluster", "add", "-i", "first", "--load-balancing-policy", "random"];
    good(&proxy, &[&add[..], &["--rate-limit", "1/3600,by=source-ip"]].concat());
    // One for each of the two workers, until they have told each other.
    let refused = (0..20).filter(|_| status(&proxy) == "429").count();
    assert!(refused >= 18, "{refused}");
    let explained = good(&proxy, &["explain", "GET", "http://first.example/", "-a", &listener]);
    assert!(explained.contains("serves 1 in 3600 s of each client address"), "{explained}");
    good(&proxy, &add);
    assert_eq!(status(&proxy), "503");
    let rule = ["-a", &listener, "--hostname", "second.example"];
    let add = [&["frontend", "http", "add"], &rule[..], &["--rate-limit", "1/9999"]].concat();
    let told = bad(&proxy, &[&add[..], &["id", "first"]].concat());
    assert!(told.contains("1 to 3600 seconds"), "{told}");
    assert!(good(&proxy, &["drift"]).starts_with("Success"));
}

/// Says `hello` to everybody, and hangs up when they do.
fn greeter() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || {
                let mut stream = stream.expect("accepted");
                let _ = stream.write_all(b"hello");
                let _ = stream.read(&mut [0]);
            });
        }
    });
    address
}

/// A connection that is served.
fn enter(address: SocketAddr) -> Option<TcpStream> {
    let mut stream = connect(address);
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).is_ok().then_some(stream)
}

#[test]
fn two_workers_count_the_connections_of_an_address_together() {
    const LIMIT: usize = 6;
    let text = format!(
        "command_socket = \"control.sock\"\nworker_count = 2\nmax_connections = 100\n\
         max_connections_per_ip = {LIMIT}\n\
         [[listeners]]\nprotocol = \"tcp\"\naddress = \"127.0.0.1:0\"\n[clusters.only]\n\
         protocol = \"tcp\"\nfrontends = [{{ address = \"127.0.0.1:0\" }}]\n\
         backends = [{{ address = \"{}\" }}]\n",
        greeter()
    );
    let proxy = Proxy::start(Config::new(&text), &[]);
    let mut inside: Vec<_> = (0..LIMIT).filter_map(|_| enter(proxy.address)).collect();
    assert_eq!(inside.len(), LIMIT, "as many as may be");
    // Each new connection is of one worker or the other.
    let all_refuse = || (0..16).all(|_| enter(proxy.address).is_none());
    eventually("every worker knows of all connections", all_refuse);
    inside.pop();
    eventually("one has room again", || enter(proxy.address).is_some());
    inside.extend(std::iter::repeat_with(|| enter(proxy.address)).flatten().next());
    eventually("it was the last one", all_refuse);
    good(&proxy, &["connection-limit", "set", "100"]);
    assert!(good(&proxy, &["connection-limit", "show"]).contains("100"));
    assert!(good(&proxy, &["connection-limit", "show", "--subnet"]).contains("unlimited"));
    let eight: Vec<_> = (0..8).filter_map(|_| enter(proxy.address)).collect();
    assert_eq!(eight.len(), 8);
    good(&proxy, &["connection-limit", "remove"]);
    good(&proxy, &["connection-limit", "set", "1", "--subnet"]);
    let both: Vec<_> = (0..8).filter_map(|_| enter(proxy.address)).collect();
    assert!((1..=2).contains(&both.len()), "one of each worker: {}", both.len());
}
