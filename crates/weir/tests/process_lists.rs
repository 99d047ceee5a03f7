//! Lists of addresses with the real program: who is kept out, changes while it runs, what survives
//! a restart of main.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use process_support::backend::Backend;
use process_support::control::{bad, good, json};
use process_support::installed::Installed;
use process_support::{CONTROLLED, Config, Proxy, connect, fetch_from};
use weir_testkit::process::eventually;

/// What a request gets; nothing when the connection is closed before.
fn status(address: SocketAddr) -> String {
    let mut stream = connect(address);
    let request = b"GET / HTTP/1.1\r\nHost: first.example\r\nConnection: close\r\n\r\n";
    // Whoever is kept out may find the connection closed at any moment.
    let _ = stream.write_all(request);
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

fn counted(proxy: &Proxy, name: &str) -> String {
    good(proxy, &["metrics", "get", "-n", name])
}

/// Served; the backend of this cluster is not there.
const SERVED: &str = "503";

#[test]
fn a_listener_closes_what_its_lists_keep_out_while_it_runs() {
    let keys = "allow = [\"office\"]\n\n[clusters";
    let text = CONTROLLED.replacen("\n[clusters", keys, 1);
    let config = Config::new(&format!("{text}\n[lists.office]\naddresses = [\"10.0.0.0/8\"]\n"));
    let proxy = Proxy::start(config, &[]);
    assert_eq!(status(proxy.address), "", "it is closed");
    assert!(counted(&proxy, "connections.denied").contains('1'));
    good(&proxy, &["list", "add", "office", "127.0.0.0/8", "::1"]);
    assert_eq!(status(proxy.address), SERVED);
    let shown = json(&good(&proxy, &["list", "show", "office", "--json"]));
    let blocks = serde_json::json!(["10.0.0.0/8", "127.0.0.0/8", "::1/128"]);
    assert_eq!(shown["lists"][0]["blocks"], blocks);

    let told = bad(&proxy, &["list", "delete", "office"]);
    assert!(told.contains("names list `office`"), "{told}");
    let told = bad(&proxy, &["list", "remove", "office", "127.0.0.1"]);
    assert!(told.contains("has no block 127.0.0.1/32"), "{told}");
    let told = bad(&proxy, &["list", "add", "office", "127.0.0.1/8"]);
    assert!(told.contains("write 127.0.0.0/8"), "{told}");

    good(&proxy, &["list", "add", "bad", "127.0.0.1"]);
    let listener = proxy.address.to_string();
    let update = ["listener", "http", "update", "-a", &listener];
    good(&proxy, &[&update[..], &["--allow", "office", "--deny", "bad"]].concat());
    assert_eq!(status(proxy.address), "", "deny wins");
    good(&proxy, &[&update[..], &["--for-everybody"]].concat());
    assert_eq!(status(proxy.address), SERVED);
    good(&proxy, &["list", "delete", "bad"]);
    let told = bad(&proxy, &[&update[..], &["--deny", "bad"]].concat());
    assert!(told.contains("there is no list `bad`"), "{told}");
    assert!(good(&proxy, &["drift"]).starts_with("Success"));
}

#[test]
fn a_frontend_answers_403_and_says_so_before() {
    let proxy = Proxy::controlled();
    good(&proxy, &["list", "add", "bad"]);
    let listener = proxy.address.to_string();
    let rule = ["-a", &listener, "--hostname", "second.example"];
    let add = [&["frontend", "http", "add"], &rule[..], &["--deny", "bad", "id", "first"]].concat();
    good(&proxy, &add);
    let ask = || fetch_from(proxy.address, "second.example", "/");
    assert!(ask().starts_with("HTTP/1.1 503 "));
    good(&proxy, &["list", "add", "bad", "127.0.0.0/8"]);
    let answer = ask();
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(counted(&proxy, "http.requests.denied").contains('1'));
    let explained = good(&proxy, &["explain", "GET", "http://second.example/", "-a", &listener]);
    assert!(explained.contains("if the client is in bad, the answer is 403"), "{explained}");
    let told = bad(&proxy, &["list", "delete", "bad"]);
    assert!(told.contains("second.example"), "{told}");
    good(&proxy, &["list", "remove", "bad", "127.0.0.0/8"]);
    assert!(ask().starts_with("HTTP/1.1 503 "));
}

#[test]
fn the_client_that_a_proxy_announces_is_the_one_that_counts() {
    let keys = "expect_proxy = true\ndeny = [\"bad\"]\n\n[clusters";
    let text = CONTROLLED.replacen("\n[clusters", keys, 1);
    let config = Config::new(&format!("{text}\n[lists.bad]\naddresses = [\"192.0.2.7\"]\n"));
    let proxy = Proxy::start(config, &[]);
    let ask = |client: &str| {
        let mut stream = connect(proxy.address);
        let request = format!(
            "PROXY TCP4 {client} 127.0.0.1 1 2\r\nGET / HTTP/1.1\r\nHost: first.example\r\n\
             Connection: close\r\n\r\n"
        );
        let _ = stream.write_all(request.as_bytes());
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    assert!(ask("192.0.2.8").starts_with("HTTP/1.1 503 "));
    assert_eq!(ask("192.0.2.7"), "");
}

#[test]
fn only_who_is_listed_may_speak_for_others() {
    let backend = Backend::start();
    for (protocol, route, served) in [
        ("http", "hostname = \"*\"", &b"HTTP/1.1 200 "[..]),
        // What comes behind the header is no ClientHello.
        ("https", "hostname = \"*\"", b"HTTP/1.1 400 "),
        ("tcp", "tags = {}", b"HTTP/1.1 200 "),
    ] {
        let carries = if protocol == "tcp" { "tcp" } else { "http" };
        let proxy = Proxy::start(
            Config::new(&format!(
                "command_socket = \"control.sock\"\nmax_connections = 100\n[[listeners]]\n\
                 protocol = \"{protocol}\"\naddress = \"127.0.0.1:0\"\nexpect_proxy = true\n\
                 proxy_from = [\"balancers\"]\n[lists.balancers]\naddresses = [\"10.0.0.0/8\"]\n\
                 [clusters.first]\nprotocol = \"{carries}\"\n\
                 frontends = [{{ address = \"127.0.0.1:0\", {route} }}]\n\
                 backends = [{{ address = \"{}\" }}]\n",
                backend.address
            )),
            &[],
        );
        let said = || {
            let mut stream = connect(proxy.address);
            let _ = stream.write_all(
                b"PROXY TCP4 192.0.2.8 127.0.0.1 1 2\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
            );
            let mut bytes = vec![0; served.len()];
            stream.read_exact(&mut bytes).map(|()| bytes).unwrap_or_default()
        };
        assert_eq!(said(), b"", "{protocol}");
        assert!(counted(&proxy, "connections.untrusted").contains('1'));
        good(&proxy, &["list", "add", "balancers", "127.0.0.0/8"]);
        assert_eq!(said(), served, "{protocol}");
        let told = bad(&proxy, &["list", "delete", "balancers"]);
        assert!(told.contains("names list `balancers`"), "{told}");
        let listener = proxy.address.to_string();
        let update = ["listener", protocol, "update", "-a", &listener];
        let told = bad(&proxy, &[&update[..], &["--no-expect-proxy"]].concat());
        assert!(told.contains("remove `proxy_from`"), "{told}");
        good(&proxy, &[&update[..], &["--proxy-from-everybody"]].concat());
        good(&proxy, &["list", "delete", "balancers"]);
        assert_eq!(said(), served, "{protocol}");
    }
}

#[test]
fn datagrams_are_dropped_and_counted() {
    let backend = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let address = backend.local_addr().expect("bound");
    let probe = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let listener = probe.local_addr().expect("bound");
    drop(probe);
    let text = format!(
        "{CONTROLLED}\n[[listeners]]\nprotocol = \"udp\"\naddress = \"{listener}\"\n\
         deny = [\"bad\"]\n\n[lists.bad]\naddresses = [\"127.0.0.1\"]\n\n[clusters.far]\n\
         protocol = \"tcp\"\nfrontends = [{{ address = \"{listener}\" }}]\n\
         backends = [{{ address = \"{address}\" }}]\n"
    );
    let proxy = Proxy::start(Config::new(&text), &[]);
    let client = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let dropped = || {
        client.send_to(b"question", listener).expect("sent");
        counted(&proxy, "udp.datagrams.dropped.denied").contains(char::is_numeric)
    };
    eventually("it is dropped", dropped);
    good(&proxy, &["list", "remove", "bad", "127.0.0.1"]);
    client.send_to(b"question", listener).expect("sent");
    let mut bytes = [0; 100];
    let (n, _) = backend.recv_from(&mut bytes).expect("it came");
    assert_eq!(&bytes[..n], b"question");
}

#[test]
fn lists_survive_the_death_of_main_and_worker() {
    let mut installed = Installed::start();
    good(&installed.proxy, &["list", "add", "bad", "127.0.0.0/8", "10.0.0.0/8"]);
    good(&installed.proxy, &["list", "remove", "bad", "10.0.0.0/8"]);
    let listener = installed.proxy.address.to_string();
    good(&installed.proxy, &["listener", "http", "update", "-a", &listener, "--deny", "bad"]);
    installed.kill_main();
    installed.start_main();
    let shown = json(&good(&installed.proxy, &["list", "show", "bad", "--json"]));
    assert_eq!(shown["lists"][0]["blocks"], serde_json::json!(["127.0.0.0/8"]));
    good(&installed.proxy, &["upgrade", "--worker", "0"]);
    assert_eq!(status(installed.proxy.address), "");
    good(&installed.proxy, &["rollback", "1"]);
    assert!(good(&installed.proxy, &["list", "show"]).lines().count() < 4);
}

#[test]
#[ignore = "it measures: run it with --release --nocapture"]
fn one_entry_of_a_hundred_thousand_costs_what_one_costs() {
    let proxy =
        Proxy::start(Config::new(&CONTROLLED.replace("_size = 100000", "_size = 8000000")), &[]);
    let mut text = String::new();
    for number in 0..100_000_u32 {
        let _ = writeln!(text, "{}/32", std::net::Ipv4Addr::from(0x0a00_0000 | (number * 37)));
    }
    let path = proxy.config.in_directory("blocks");
    std::fs::write(&path, text).expect("written");
    let rss = || {
        let of = |pid: &i32| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("read");
            let line = status.lines().find(|line| line.starts_with("VmRSS")).map(str::to_owned);
            line.unwrap_or_default()
        };
        let pids = [&[proxy.main.pid()], &proxy.workers()[..]].concat();
        pids.iter().map(of).collect::<Vec<_>>().join("; ")
    };
    let timed = |words: &[&str]| {
        let begun = Instant::now();
        good(&proxy, words);
        println!("{:?} for {words:?}", begun.elapsed());
    };
    println!("main and workers: {}", rss());
    timed(&["list", "show"]);
    timed(&["list", "add", "few", "192.0.2.1"]);
    timed(&["list", "add", "many", "-f", path.to_str().expect("text")]);
    println!("main and workers: {}", rss());
    for number in 0..5 {
        timed(&["list", "add", "few", &format!("192.0.2.{}", 2 + number)]);
        timed(&["list", "add", "many", &format!("192.0.2.{}", 2 + number)]);
    }
}
