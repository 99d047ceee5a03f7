//! gRPC through the real program, and other Python clients of HTTP/2.
//!
//! What is missing skips its tests, unless `CI` or `WEIR_REAL_CLIENTS` is set.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use process_support::certificates::{Authority, Wish};
use process_support::tools::{python, run, script, text};
use process_support::{Config, Proxy};
use weir_testkit::process::Process;

const HEAD: &str = "command_socket = \"control.sock\"\nworker_count = 2\nmax_connections = 200\n\
                    [state]\npath = \"store\"\n";

/// A proxy that asks a backend for HTTP/2, in the clear or, with an authority, over TLS.
fn site(listener: &str, frontend: &str, cluster: &str, server: &mut Process) -> Proxy {
    let line = server.line_with("port ");
    let (_, port) = line.split_once(' ').expect("the number follows");
    let text = format!(
        "{HEAD}[[listeners]]\naddress = \"127.0.0.1:0\"\n{listener}\n\
         [clusters.site]\nprotocol = \"http\"\n{cluster}\n\
         backends = [{{ address = \"127.0.0.1:{port}\" }}]\n\
         [[clusters.site.frontends]]\naddress = \"127.0.0.1:0\"\nposition = \"TREE\"\n{frontend}\n"
    );
    Proxy::start(Config::new(&text), &[])
}

#[test]
fn grpc_in_the_clear() {
    let Some(mut command) = python("grpc") else { return };
    let mut server = Process::spawn(command.arg(script("grpc_server.py")));
    let (listener, frontend) = ("protocol = \"http\"", "hostname = \"*\"");
    let proxy = site(listener, frontend, "http2 = true", &mut server);
    let Some(mut client) = python("grpc") else { return };
    let output = run(client.arg(script("grpc_client.py")).arg(proxy.address.to_string()));
    assert_eq!(text(&output.stdout), "all is well\n");
}

#[test]
fn grpc_over_tls() {
    let Some(mut command) = python("grpc") else { return };
    let authority = Authority::new("ca");
    authority.issue("front", &["site.example"], &Wish::default());
    authority.issue("back", &["inside.example"], &Wish::default());
    let at = |name: &str| authority.text(name);
    command.arg(script("grpc_server.py")).args([at("back.key"), at("back.pem")]);
    let mut server = Process::spawn(&mut command);
    let frontend = format!(
        "hostname = \"site.example\"\ncertificate = \"{}\"\nkey = \"{}\"",
        at("front.pem"),
        at("front.key")
    );
    let ca = at("ca.pem");
    let cluster =
        format!("http2 = true\ntls = {{ ca = \"{ca}\", server_name = \"inside.example\" }}");
    let proxy = site("protocol = \"https\"", &frontend, &cluster, &mut server);
    let Some(mut client) = python("grpc") else { return };
    client.arg(script("grpc_client.py")).arg(proxy.address.to_string());
    let output = run(client.args([&ca, "site.example"]));
    assert_eq!(text(&output.stdout), "all is well\n");
}
