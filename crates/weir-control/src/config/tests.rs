//! What is accepted, what it comes to and what is said about mistakes.

mod documents;
mod mistakes;
mod resolved;
mod tcp;
mod tls;
mod udp;

use std::path::Path;

use super::{Checked, check};

const EXAMPLE: &str = include_str!("../../../../config/example.toml");

const SMALL: &str = r#"
[[listeners]]
protocol = "http"
address = "127.0.0.1:8080"

[clusters.app]
protocol = "http"
frontends = [{ address = "127.0.0.1:8080", hostname = "Example.ORG", path = "/a" }]
backends = [{ address = "127.0.0.1:9000" }]
"#;

const TCP: &str = r#"
[[listeners]]
protocol = "tcp"
address = "127.0.0.1:5432"
expect_proxy = true
front_timeout = 7
sni_preread_timeout = 2
sni_preread_max_bytes = 2048

[clusters.db]
protocol = "tcp"
send_proxy = true
backends = [{ address = "127.0.0.1:9000" }]

[[clusters.db.frontends]]
address = "127.0.0.1:5432"
sni = "DB.Example."
alpn = ["h2", "postgresql"]
tags = { team = "data" }

[[clusters.db.frontends]]
address = "127.0.0.1:5432"
"#;

/// A file that is accepted.
fn good(source: &str) -> Checked {
    check(source, Path::new("weir.toml")).unwrap_or_else(|report| panic!("{report}"))
}

/// The report about a file that is refused.
fn bad(source: &str) -> String {
    check(source, Path::new("weir.toml")).expect_err("mistakes").render(false)
}

/// The small file with a line more at the top level.
fn small_with(line: &str) -> String {
    format!("{line}\n{SMALL}")
}

/// The small file with a line more in its cluster.
fn cluster_with(line: &str) -> String {
    SMALL.replace("[clusters.app]", &format!("[clusters.app]\n{line}"))
}

/// The small file with more in its frontend.
fn frontend_with(more: &str) -> String {
    SMALL.replace("path = \"/a\"", &format!("path = \"/a\", {more}"))
}

/// The small file with TLS, and more in its listener.
fn https_with(more: &str) -> String {
    SMALL.replace("protocol = \"http\"\naddress", &format!("protocol = \"https\"\n{more}\naddress"))
}
