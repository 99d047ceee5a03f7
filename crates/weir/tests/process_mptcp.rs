//! Listeners of MPTCP with the real program, where the kernel has it; where it has not, they are
//! refused.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Stdio};

use process_support::control::{bad, good, json};
use process_support::tools::{script, tool};
use process_support::{Config, Proxy, fetch, weir};
use weir_testkit::process::Process;

/// What the kernel speaks of MPTCP, in `socket(2)`.
const MPTCP: &str = "262";

/// The kernel has it.
fn is_possible() -> bool {
    std::fs::read_to_string("/proc/sys/net/mptcp/enabled").is_ok_and(|on| on.trim() == "1")
}

/// A server that sends everything back.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("accepted");
            std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
        }
    });
    address
}

/// A client that goes on when it is told to.
struct Client {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Client {
    fn connect(at: SocketAddr, protocol: &str) -> Option<Self> {
        let mut python = tool("python3", "python3")?;
        let (ip, port) = (at.ip().to_string(), at.port().to_string());
        let python = python.arg(script("mptcp.py")).args([&*ip, &*port, protocol]);
        let python = python.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = python.spawn().expect("started");
        let said = BufReader::new(child.stdout.take().expect("piped"));
        Some(Self { child, said })
    }

    /// Has that many bytes sent there and back; what the connection is, and whether they are the
    /// same.
    fn echo(&mut self, bytes: usize) -> String {
        writeln!(self.child.stdin.as_mut().expect("piped"), "{bytes}").expect("told");
        let mut line = String::new();
        self.said.read_line(&mut line).expect("an answer");
        line.trim().to_owned()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn connections_of_mptcp_go_on_through_other_workers_and_another_main() {
    let config = Config::new(&format!(
        "command_socket = \"control.sock\"\nworker_count = 2\nmax_connections = 100\n\
         [[listeners]]\nprotocol = \"tcp\"\naddress = \"127.0.0.1:0\"\nmptcp = true\n\
         [clusters.app]\nprotocol = \"tcp\"\nfrontends = [{{ address = \"127.0.0.1:0\" }}]\n\
         backends = [{{ address = \"{}\" }}]\n",
        echo()
    ));
    if !is_possible() {
        return is_refused(&config);
    }
    let proxy = Proxy::start(config, &[]);
    let Some(mut client) = Client::connect(proxy.address, MPTCP) else { return };
    let Some(mut plain) = Client::connect(proxy.address, "0") else { return };
    // More than a buffer: it is spliced.
    for bytes in [256, 1 << 20] {
        assert_eq!(client.echo(bytes), "mptcp same");
        assert_eq!(plain.echo(bytes), "tcp same");
    }
    for words in [&["upgrade", "--worker", "0"][..], &["upgrade", "--worker", "1"], &["upgrade"]] {
        good(&proxy, words);
        assert_eq!(client.echo(1 << 20), "mptcp same");
        assert_eq!(plain.echo(256), "tcp same");
        let mut late = Client::connect(proxy.address, MPTCP).expect("there is Python");
        assert_eq!(late.echo(256), "mptcp same");
    }
}

#[test]
fn a_listener_of_http_is_asked_for_it_when_it_is_added() {
    let at = TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("bound");
    let (proxy, name) = (Proxy::controlled(), at.to_string());
    good(&proxy, &["listener", "http", "add", "-a", &name, "--mptcp"]);
    let activate = ["listener", "http", "activate", "-a", &name];
    if !is_possible() {
        let refusal = bad(&proxy, &activate);
        return assert!(refusal.contains("the kernel has no MPTCP"), "{refusal}");
    }
    good(&proxy, &activate);
    let list = json(&good(&proxy, &["listener", "list", "--json"]));
    assert_eq!(list["http_listeners"][&name]["mptcp"], true, "{list}");
    assert!(fetch(at, "/").starts_with("HTTP/1.1 404"));
    good(&proxy, &["listener", "http", "deactivate", "-a", &name]);
    assert!(TcpStream::connect(at).is_err(), "it rests");
    good(&proxy, &activate);
    assert!(fetch(at, "/").starts_with("HTTP/1.1 404"));
    // A socket is of one kind for its life.
    let file = proxy.config.in_directory("plain.toml");
    let text = std::fs::read_to_string(proxy.config.path()).expect("read");
    let plain = format!("{text}\n[[listeners]]\nprotocol = \"http\"\naddress = \"{at}\"\n");
    std::fs::write(&file, plain).expect("written");
    let refusal = bad(&proxy, &["apply", "-f", &file.to_string_lossy()]);
    assert!(refusal.contains("the other value of `mptcp`"), "{refusal}");
    let saved = proxy.config.in_directory("saved").to_string_lossy().into_owned();
    good(&proxy, &["state", "save", "-f", &saved]);
    assert!(std::fs::read_to_string(&saved).expect("saved").contains("\"mptcp\":true"));
}

/// The program does not start, and says why.
fn is_refused(config: &Config) {
    let mut main = Process::spawn(weir().arg("start").arg("-c").arg(config.path()));
    main.line_with("the kernel has no MPTCP");
    assert_ne!(main.wait().code(), Some(0));
}
