//! The demonstration: a configuration and backends to try the proxy with.

mod backend;

use std::io;
use std::net::SocketAddr;

/// Names of the backends.
const BACKENDS: [&str; 2] = ["blue", "green"];

/// A running set of backends.
pub(crate) struct Demo {
    backends: Vec<(&'static str, SocketAddr)>,
}

impl Demo {
    /// Starts the backends; they end with the process.
    pub(crate) fn start() -> io::Result<Self> {
        let started = BACKENDS.map(|name| Ok((name, backend::start(name)?)));
        Ok(Self { backends: started.into_iter().collect::<io::Result<_>>()? })
    }

    /// The configuration file that puts the proxy on `port` before them.
    pub(crate) fn configuration(&self, port: u16) -> String {
        let mut text = format!(
            "\
# What `weir demo` runs with: one listener, one cluster, two backends.
worker_count = 2
max_connections = 400
log_level = \"info\"

[[listeners]]
protocol = \"http\"
address = \"127.0.0.1:{port}\"

[clusters.demo]
protocol = \"http\"
load_balancing = \"ROUND_ROBIN\"

[[clusters.demo.frontends]]
address = \"127.0.0.1:{port}\"
hostname = \"*\"
"
        );
        for (name, address) in &self.backends {
            text.push_str(&format!(
                "\n[[clusters.demo.backends]]\nbackend_id = \"{name}\"\naddress = \"{address}\"\n"
            ));
        }
        text
    }

    /// What somebody who sees it for the first time wants to know.
    pub(crate) fn welcome(&self, proxy: SocketAddr) -> String {
        let mut text = format!("\n  weir listens on  http://{proxy}\n");
        for (name, address) in &self.backends {
            text.push_str(&format!("  backend {name:<8} http://{address}\n"));
        }
        text.push_str(&format!(
            "\n  try:  curl http://{proxy}/hello    (again and again: the backends take turns)\n  \
             stop: Ctrl-C\n"
        ));
        text
    }
}
