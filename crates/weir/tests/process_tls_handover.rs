//! Connections of TLS and of HTTP/2 go on while the workers that serve their clients are replaced.
//!
//! A tool that is missing skips its tests, unless `CI` or `WEIR_REAL_CLIENTS` is set.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::process::{Command, Output};

use process_support::backend::Backend;
use process_support::certificates::{Authority, Wish};
use process_support::held::is_one;
use process_support::tools::{python, run, script, text, tool};
use process_support::{Config, Proxy};

const WORKERS: usize = 2;

/// Workers that end TLS before a backend.
struct Site {
    proxy: Proxy,
    authority: Authority,
    _backend: Backend,
}

impl Site {
    fn start() -> Self {
        let (authority, backend) = (Authority::new("ca"), Backend::start());
        backend.let_go();
        Self { proxy: proxy(&authority, &backend), authority, _backend: backend }
    }

    /// Runs a script that replaces the workers meanwhile.
    fn run(&self, python: &mut Command, name: &str, authority: &str) -> Output {
        let address = self.proxy.address.to_string();
        run(python
            .arg(script(name))
            .args([&address, authority, &WORKERS.to_string()])
            .arg(env!("CARGO_BIN_EXE_weir"))
            .args(["upgrade", "--socket"])
            .arg(self.proxy.config.in_directory("control.sock"))
            .arg("--worker"))
    }
}

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
    let site = Site::start();
    let output = site.run(&mut python, "tls_upgrades.py", &site.authority.text("ca.pem"));
    assert_eq!(text(&output.stdout), "kept\n");
    is_one(&site.proxy);
}

#[test]
fn a_connection_of_http_2_survives_ten_upgrades_of_its_workers() {
    let Some(mut python) = python("h2") else { return };
    let site = Site::start();
    let output = site.run(&mut python, "h2_upgrades.py", &site.authority.text("ca.pem"));
    assert_eq!(text(&output.stdout), "kept\n");
    is_one(&site.proxy);
}
