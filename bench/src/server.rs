//! Who is measured, and the backend behind it: names, ports, cores, command lines.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process;

/// A program that serves HTTP.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Weir,
    Haproxy,
    Nginx,
    Null,
    Backend,
}

/// A number for each of [`Server::PROXIES`], in that order.
pub(crate) type PerProxy = [f64; 4];

impl Server {
    /// What is measured, in the order of the columns.
    pub(crate) const PROXIES: [Self; 4] = [Self::Weir, Self::Haproxy, Self::Nginx, Self::Null];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Weir => "Weir",
            Self::Haproxy => "HAProxy",
            Self::Nginx => "nginx",
            Self::Null => "null forwarder",
            Self::Backend => "backend",
        }
    }

    /// Where it listens: an address of loopback that belongs to this run, so that nothing else is
    /// measured by mistake.
    pub(crate) fn address(self) -> SocketAddr {
        let [_, a, b, c] = process::id().to_be_bytes();
        let port = match self {
            Self::Backend => 19_000,
            Self::Weir => 19_001,
            Self::Haproxy => 19_002,
            Self::Nginx => 19_003,
            Self::Null => 19_004,
        };
        SocketAddr::from((Ipv4Addr::new(127, a, b, c), port))
    }

    /// The address of what it serves under `path`.
    pub(crate) fn url(self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    pub(crate) fn core(self) -> &'static str {
        if self == Self::Backend { "1" } else { "0" }
    }

    /// Its configuration: name of the file and template (see [`crate::place`]).
    pub(crate) fn config(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Weir => Some(("weir.toml", include_str!("../config/weir.toml"))),
            Self::Haproxy => Some(("haproxy.cfg", include_str!("../config/haproxy.cfg"))),
            Self::Nginx => Some(("nginx.conf", include_str!("../config/nginx.conf"))),
            Self::Backend => Some(("backend.conf", include_str!("../config/backend.conf"))),
            Self::Null => None,
        }
    }

    /// The path of its configuration.
    pub(crate) fn config_path(self, dir: &Path) -> String {
        self.config().map(|(name, _)| dir.join(name).display().to_string()).unwrap_or_default()
    }

    /// The command that runs it in the foreground.
    pub(crate) fn command(self, dir: &Path) -> io::Result<Vec<String>> {
        let config = self.config_path(dir);
        let address = |server: Self| server.address().to_string();
        let start = ["start", "--drain-timeout", "2", "-c"].map(String::from);
        Ok(match self {
            Self::Weir => [vec![ours("weir")?], start.into(), vec![config]].concat(),
            Self::Haproxy => vec!["haproxy".into(), "-db".into(), "-f".into(), config],
            Self::Nginx | Self::Backend => vec!["nginx".into(), "-c".into(), config],
            Self::Null => vec![ours("null-forwarder")?, address(self), address(Self::Backend)],
        })
    }

    /// Whether a child of it carries the traffic.
    pub(crate) fn has_worker(self) -> bool {
        matches!(self, Self::Weir | Self::Nginx | Self::Backend)
    }
}

/// The path of a program of this workspace: it was built together with this one.
pub(crate) fn ours(name: &str) -> io::Result<String> {
    Ok(std::env::current_exe()?.with_file_name(name).display().to_string())
}
