//! Weir as a user starts it: the real binary, a configuration file in a temporary directory.

pub(crate) mod backend;
pub(crate) mod certificates;
pub(crate) mod control;
pub(crate) mod counted;
pub(crate) mod crowd;
pub(crate) mod held;
pub(crate) mod installed;
pub(crate) mod pushed;
pub(crate) mod scripted;
pub(crate) mod tools;
pub(crate) mod traffic;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use weir_testkit::process::{PATIENCE, Process};

/// The program.
pub(crate) fn weir() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.env_remove("RUST_LOG").env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC");
    for name in ["ENDPOINT", "HEADERS", "CERTIFICATE"] {
        command.env_remove(format!("OTEL_EXPORTER_OTLP_{name}"));
    }
    command
}

/// A configuration file; it lives as long as this.
pub(crate) struct Config {
    directory: TempDir,
}

impl Config {
    /// A file with this text.
    pub(crate) fn new(text: &str) -> Self {
        let config = Self { directory: tempfile::tempdir().expect("a directory") };
        std::fs::write(config.path(), text).expect("written");
        config
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> PathBuf {
        self.in_directory("weir.toml")
    }

    /// A path beside it.
    pub(crate) fn in_directory(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// Two workers and a listener on a free port, which routes everything to a backend that refuses
/// connections.
pub(crate) const PLAIN: &str = r#"
worker_count = 2
worker_timeout = 5
max_connections = 100

[[listeners]]
protocol = "http"
address = "127.0.0.1:0"

[clusters.nobody]
protocol = "http"
frontends = [{ address = "127.0.0.1:0", hostname = "*" }]
backends = [{ address = "127.0.0.1:1" }]
"#;

/// Two workers, a control socket, a listener on a free port and a route for `first.example` whose
/// backend refuses connections.
pub(crate) const CONTROLLED: &str = r#"
command_socket = "control.sock"
ctl_command_timeout = 10000
max_command_buffer_size = 100000
worker_count = 2
worker_timeout = 5
max_connections = 100

[[listeners]]
protocol = "http"
address = "127.0.0.1:0"

[clusters.first]
protocol = "http"
frontends = [{ address = "127.0.0.1:0", hostname = "first.example" }]
backends = [{ address = "127.0.0.1:1" }]
"#;

/// `weir start` that has said where it listens.
pub(crate) struct Proxy {
    /// The process.
    pub main: Process,
    /// Where it listens.
    pub address: SocketAddr,
    /// The configuration; it is removed with this.
    pub config: Config,
}

impl Proxy {
    /// One of [`CONTROLLED`].
    pub(crate) fn controlled() -> Self {
        Self::start(Config::new(CONTROLLED), &[])
    }

    /// Starts with this configuration and `extra` arguments.
    pub(crate) fn start(config: Config, extra: &[&str]) -> Self {
        let mut main = Process::spawn(weir().arg("start").arg("-c").arg(config.path()).args(extra));
        let address = listening(&mut main);
        main.line_with("all workers are ready");
        Self { main, address, config }
    }

    /// Process ids by slot.
    pub(crate) fn workers(&self) -> Vec<i32> {
        self.main.children()
    }
}

/// The address in the next line that tells of one for connections.
pub(crate) fn listening(process: &mut Process) -> SocketAddr {
    loop {
        let line = process.line_with("listening on ");
        let (before, address) = line.split_once("://").expect("the address is in the line");
        if !before.ends_with("udp") {
            return address.trim().parse().expect("an address");
        }
    }
}

/// A connection on which no read waits for ever.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// One request on a connection of its own; everything that came back.
pub(crate) fn fetch(address: SocketAddr, target: &str) -> String {
    fetch_from(address, "a.example", target)
}

/// The same for another host.
pub(crate) fn fetch_from(address: SocketAddr, host: &str, target: &str) -> String {
    let mut stream = connect(address);
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, then the end");
    answer
}
