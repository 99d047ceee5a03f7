//! Connections of TLS of real clients go on while the workers that serve them are replaced.
//!
//! A tool that is missing skips its tests, unless `CI` or `WEIR_REAL_CLIENTS` is set.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use process_support::backend::Backend;
use process_support::certificates::{Authority, Wish};
use process_support::held::is_one;
use process_support::tools::{run, script, text, tool};
use process_support::{Config, Proxy};

const WORKERS: usize = 2;

fn proxy(authority: &Authority, backend: &Backend) -> Proxy {
    authority.issue("site", &["site.example"], &Wish::default());
    let at = |name: &str| authority.text(name);
    let config = format!(
        "command_socket = \"control.sock\"\nworker_count = {WORKERS}\nmax_connections = 200\n\
         [state]\npath = \"store\"\n\
         [[listeners]]\nprotocol = \"https\"\naddress = \"127.0.0.1:0\"\n\
         [clusters.site]\nprotocol = \"http\"\nbackends = [{{ address = \"{}\" }}]\n\
         [[clusters.site.frontends]]\naddress = \"127.0.0.1:0\"\nhostname = \"site.example\"\n\
         certificate = \"{}\"\nkey = \"{}\"\n",
        backend.address,
        at("site.pem"),
        at("site.key"),
    );
    Proxy::start(Config::new(&config), &[])
}

#[test]
fn connections_of_tls_survive_ten_upgrades_of_their_workers() {
    let Some(mut python) = tool("python3", "python3") else { return };
    if tool("openssl", "openssl").is_none() {
        return;
    }
    let (authority, backend) = (Authority::new("ca"), Backend::start());
    backend.let_go();
    let proxy = proxy(&authority, &backend);
    let output = run(python
        .arg(script("tls_upgrades.py"))
        .args([&proxy.address.to_string(), &authority.text("ca.pem"), &WORKERS.to_string()])
        .arg(env!("CARGO_BIN_EXE_weir"))
        .args(["upgrade", "--socket"])
        .arg(proxy.config.in_directory("control.sock"))
        .arg("--worker"));
    assert_eq!(text(&output.stdout), "kept\n");
    is_one(&proxy);
}
