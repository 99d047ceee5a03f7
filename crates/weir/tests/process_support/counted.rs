//! A proxy with something to count: requests that succeed, and requests that fail.

use super::backend::Backend;
use super::{Config, Proxy, fetch_from};

/// Two clusters: one with a backend that answers, one whose backend refuses connections.
pub(crate) fn start(backend: &Backend, extra: &str) -> Proxy {
    let address = backend.address;
    let text = format!(
        r#"
command_socket = "control.sock"
ctl_command_timeout = 20000
worker_count = 2
worker_timeout = 20
max_connections = 100
{extra}

[[listeners]]
protocol = "http"
address = "127.0.0.1:0"

[clusters.good]
protocol = "http"
frontends = [{{ address = "127.0.0.1:0", hostname = "good.example" }}]
backends = [{{ address = "{address}", backend_id = "one" }}]

[clusters.broken]
protocol = "http"
frontends = [{{ address = "127.0.0.1:0", hostname = "broken.example" }}]
backends = [{{ address = "127.0.0.1:1", backend_id = "none" }}]
"#
    );
    Proxy::start(Config::new(&text), &[])
}

/// Requests to both clusters.
pub(crate) fn traffic(proxy: &Proxy) {
    for _ in 0..5 {
        assert!(fetch_from(proxy.address, "good.example", "/").starts_with("HTTP/1.1 200"));
    }
    for _ in 0..2 {
        assert!(fetch_from(proxy.address, "broken.example", "/").starts_with("HTTP/1.1 503"));
    }
}
