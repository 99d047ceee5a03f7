//! Backends on Unix sockets, with the real program: HTTP/1.1, HTTP/2 and TCP, checks, changes while
//! it runs, and what is told of them.
//!
//! What is missing skips its tests, unless `CI` or `WEIR_REAL_CLIENTS` is set.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::thread;

use process_support::control::{bad, good};
use process_support::tools::{file, python, run, script, text, tool};
use process_support::{Config, Proxy, connect, fetch};
use tempfile::TempDir;
use weir_testkit::process::{Process, eventually};

const HEAD: &str = "command_socket = \"control.sock\"\nworker_count = 2\nmax_connections = 200\n\
                    [state]\npath = \"store\"\n";

/// A directory for sockets.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A socket in it, as the place of a backend.
    fn address(&self, name: &str) -> String {
        format!("unix:{}", self.path(name).display())
    }

    /// A proxy that has one cluster with this backend.
    fn proxy(&self, protocol: &str, frontend: &str, cluster: &str, backend: &str) -> Proxy {
        Proxy::start(
            Config::new(&format!(
                "{HEAD}[[listeners]]\nprotocol = \"{protocol}\"\naddress = \"127.0.0.1:0\"\n\
                 [clusters.app]\nprotocol = \"{protocol}\"\n{cluster}\n\
                 frontends = [{{ address = \"127.0.0.1:0\"{frontend} }}]\n\
                 backends = [{{ address = \"{}\", backend_id = \"app-0\" }}]\n",
                self.address(backend)
            )),
            &[],
        )
    }

    fn http(&self, cluster: &str) -> Proxy {
        self.proxy("http", ", hostname = \"*\"", cluster, "app.sock")
    }
}

#[test]
fn a_python_server_is_checked_and_asked() {
    let Some(mut python) = tool("python3", "python3") else { return };
    let place = Place::new();
    let data = file(&place.path("data"), 300_000);
    let check = "health_check = { uri = \"/data\", interval = 1, timeout = 1 }";
    let mut proxy = place.http(check);
    proxy.main.line_with("is unhealthy");
    let arguments = [place.path("").into_os_string(), place.path("app.sock").into_os_string()];
    let mut server = Process::spawn(python.arg(script("server.py")).args(arguments));
    server.line_with("port ");
    proxy.main.line_with(&format!("backend `app-0` ({})", place.address("app.sock")));
    let Some(mut curl) = tool("curl", "curl") else { return };
    let url = format!("http://{}/data", proxy.address);
    curl.args(["--silent", "--show-error", "--max-time", "30", "--noproxy", "*", "--fail"]);
    let upload = place.path("upload");
    let sent = file(&upload, 5 << 20);
    let output = run(curl
        .args([&url, &url, "--next", "--silent", "--data-binary"])
        .arg(format!("@{}", upload.display()))
        .arg(&url));
    assert!(output.stdout == [&data[..], &data, &sent].concat(), "{} bytes", output.stdout.len());
    let record = proxy.main.line_with("POST");
    assert!(record.contains(&place.address("app.sock")), "{record}");
    let listed = good(&proxy, &["cluster", "list", "-i", "app"]);
    assert!(listed.contains("unix:"), "{listed}");
}

#[test]
fn what_came_before_the_end_is_passed_on() {
    let place = Place::new();
    let listener = UnixListener::bind(place.path("app.sock")).expect("bound");
    let body = vec![b'x'; 3 << 20];
    let sent = body.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
            let mut line = String::new();
            while reader.read_line(&mut line).expect("a line") > 2 {
                line.clear();
            }
            // Its end is the end of the connection.
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("sent");
            stream.write_all(&sent).expect("sent");
        }
    });
    let proxy = place.http("");
    for _ in 0..3 {
        let answer = fetch(proxy.address, "/");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{}", &answer[..40]);
        assert_eq!(answer.matches('x').count(), body.len());
    }
}

#[test]
fn grpc_passes() {
    let Some(mut command) = python("grpc") else { return };
    let place = Place::new();
    let mut server =
        Process::spawn(command.arg(script("grpc_server.py")).arg(place.path("app.sock")));
    server.line_with("port ");
    let proxy = place.http("http2 = true");
    let Some(mut client) = python("grpc") else { return };
    let output = run(client.arg(script("grpc_client.py")).arg(proxy.address.to_string()));
    assert_eq!(text(&output.stdout), "all is well\n");
}

#[test]
fn tcp_is_announced_and_outlives_workers() {
    let place = Place::new();
    let listener = UnixListener::bind(place.path("db.sock")).expect("bound");
    let proxy = place.proxy("tcp", "", "send_proxy = true", "db.sock");
    let mut client = connect(proxy.address);
    let (mut server, _) = listener.accept().expect("a connection");
    let mut header = [0; 28];
    server.read_exact(&mut header).expect("a header");
    let ours = client.local_addr().expect("connected").port().to_be_bytes();
    let theirs = proxy.address.port().to_be_bytes();
    assert_eq!(&header[..12], b"\r\n\r\n\0\r\nQUIT\n");
    // PROXY, TCP over IPv4, 12 bytes: both addresses are those of the client's connection.
    assert_eq!(header[12..24], [0x21, 0x11, 0, 12, 127, 0, 0, 1, 127, 0, 0, 1]);
    assert_eq!(header[24..], [ours, theirs].concat());
    let mut byte = [0];
    for worker in ["0", "1"] {
        client.write_all(b"q").expect("sent");
        server.read_exact(&mut byte).expect("a byte");
        server.write_all(b"a").expect("sent");
        client.read_exact(&mut byte).expect("a byte");
        good(&proxy, &["upgrade", "--worker", worker]);
    }
    server.write_all(b"last").expect("sent");
    drop(server);
    let mut rest = String::new();
    client.read_to_string(&mut rest).expect("the end");
    assert_eq!(rest, "last");
}

#[test]
fn backends_come_and_go_while_it_runs() {
    let Some(mut python) = tool("python3", "python3") else { return };
    let place = Place::new();
    let proxy = place.http("");
    std::fs::write(place.path("data"), "the data").expect("written");
    assert!(fetch(proxy.address, "/data").starts_with("HTTP/1.1 503 "), "nobody listens there");
    let arguments = [place.path("").into_os_string(), place.path("new.sock").into_os_string()];
    let mut server = Process::spawn(python.arg(script("server.py")).args(arguments));
    server.line_with("port ");
    let at = place.address("new.sock");
    let name = ["-i", "app", "--backend-id", "new", "-a", &at];
    good(&proxy, &[&["backend", "add"], &name[..]].concat());
    let served = || fetch(proxy.address, "/data").ends_with("the data");
    eventually("the new one serves", served);
    let saved = proxy.config.in_directory("saved");
    good(&proxy, &["state", "save", "-f", saved.to_str().expect("text")]);
    let wrong = ["backend", "remove", "-i", "app", "--backend-id", "new", "-a", "127.0.0.1:1"];
    assert!(bad(&proxy, &wrong).contains("no backend `new` at 127.0.0.1:1"));
    good(&proxy, &[&["backend", "remove"], &name[..]].concat());
    assert!(fetch(proxy.address, "/data").starts_with("HTTP/1.1 503 "));
    good(&proxy, &["state", "load", "-f", saved.to_str().expect("text")]);
    eventually("it is back", served);
    let told = ["backend", "add", "-i", "app", "--backend-id", "x", "-a", "unix:relative"];
    assert!(bad(&proxy, &told).contains("begins with `/`"));
}
