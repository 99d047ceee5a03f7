//! Bytes and datagrams through the real program, by programs of other people: iperf3 and socat.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};

use process_support::tools::{run, text, tool};
use process_support::{Config, Proxy};
use serde_json::Value;
use weir_testkit::process::Process;

/// A port that nobody has.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("bound")
}

/// A proxy that passes on TCP and UDP of one address.
fn proxy(at: SocketAddr, backend: SocketAddr) -> Proxy {
    let listener =
        |protocol| format!("[[listeners]]\nprotocol = \"{protocol}\"\naddress = \"{at}\"\n");
    let file = format!(
        "worker_count = 2\nmax_connections = 100\n{}{}\
         [clusters.one]\nprotocol = \"tcp\"\nfrontends = [{{ address = \"{at}\" }}]\n\
         backends = [{{ address = \"{backend}\" }}]\n\
         udp = {{ affinity_key = \"SOURCE_IP_PORT\" }}\n",
        listener("tcp"),
        listener("udp"),
    );
    Proxy::start(Config::new(&file), &[])
}

/// What iperf3 says of a test through the proxy.
fn iperf3(command: &mut Command, at: SocketAddr, how: &[&str]) -> Value {
    command.args(["-c", &at.ip().to_string(), "-p", &at.port().to_string(), "-J"]);
    let output = run(command.args(how));
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    said["end"].clone()
}

#[test]
fn iperf3_sends_and_receives_over_tcp_and_udp() {
    let (at, server) = (free(), free());
    let Some(mut command) = tool("iperf3", "iperf3") else { return };
    let port = server.port().to_string();
    command.args(["-s", "-B", "127.0.0.1", "-p", &port, "--forceflush"]);
    let mut serving = Process::spawn(&mut command);
    serving.line_with("Server listening");
    let _proxy = proxy(at, server);
    let mut ask = |how: &[&str]| {
        let end = iperf3(&mut Command::new("iperf3"), at, how);
        serving.line_with("Server listening");
        end
    };
    // It takes what was received when the client has sent everything: less, but of each.
    let sent = ask(&["-n", "64M", "-P", "4"]);
    let streams = sent["streams"].as_array().expect("four streams");
    let of_each = streams.iter().map(|stream| stream["receiver"]["bytes"].as_u64());
    assert!(of_each.clone().all(|bytes| bytes > Some(0)) && of_each.count() == 4, "{sent}");
    let received = ask(&["-n", "64M", "-P", "4", "-R"]);
    assert!(received["sum_received"]["bytes"].as_u64() >= Some(64 << 20), "{received}");
    let datagrams = ["-u", "-b", "4M", "-n", "200K", "-l", "1200"];
    for how in [&datagrams[..], &[&datagrams[..], &["-R"]].concat()] {
        let end = ask(how);
        let number = |key: &str| end["sum"][key].as_u64().expect("a number");
        let (all, lost) = (number("packets"), number("lost_packets"));
        assert!(all > 20 && lost * 2 < all, "{end}");
    }
}

#[test]
fn socat_ends_its_half_and_gets_the_rest() {
    let (at, server) = (free(), free());
    let Some(mut command) = tool("socat", "socat") else { return };
    // It answers when one half is over; the other goes on.
    let port = server.port();
    command.args(["-d", "-d", "-t", "30"]);
    command.arg(format!("TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork"));
    let mut serving = Process::spawn(command.arg("SYSTEM:wc -c"));
    serving.line_with("listening on");
    let _proxy = proxy(at, server);
    let mut client = Command::new("socat");
    client.args(["-t", "30", "STDIO"]).arg(format!("TCP:{at}"));
    let mut client =
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut input = client.stdin.take().expect("piped");
    input.write_all(&vec![b'a'; 3_000_000]).expect("written");
    drop(input);
    let output = client.wait_with_output().expect("it ends");
    assert_eq!(text(&output.stdout).trim(), "3000000");
}
