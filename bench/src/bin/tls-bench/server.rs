//! Who is measured, and the backend behind it: started, waited for, asked what it has used, ended.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::{Child, Command};

use crate::Result;
use crate::place::{HOST, Place};
use crate::process::{self, said};
use crate::proxy::{backend, beside, end, local};

/// A program that serves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Weir,
    Haproxy,
    Nginx,
    Backend,
}

/// What a proxy listens for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Clear,
    /// TLS with a key on P-256.
    Ecdsa,
    /// TLS with a key of 2048 bits.
    Rsa,
}

/// A number for each of [`Server::PROXIES`], in that order.
pub(crate) type PerProxy = [f64; 3];

impl Server {
    /// What is measured, in the order of the columns.
    pub(crate) const PROXIES: [Self; 3] = [Self::Weir, Self::Haproxy, Self::Nginx];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Weir => "Weir",
            Self::Haproxy => "HAProxy",
            Self::Nginx => "nginx",
            Self::Backend => "backend",
        }
    }

    /// Where it listens, see [`local`].
    pub(crate) fn address(self, port: Port) -> SocketAddr {
        let first = match self {
            Self::Backend => return backend(),
            Self::Weir => 19_210,
            Self::Haproxy => 19_220,
            Self::Nginx => 19_230,
        };
        local(first + port as u16)
    }

    pub(crate) fn config_name(self) -> &'static str {
        match self {
            Self::Weir => "weir.toml",
            Self::Haproxy => "haproxy.cfg",
            Self::Nginx => "nginx.conf",
            Self::Backend => "backend.conf",
        }
    }

    /// Its configuration, to be filled in by [`crate::place`].
    pub(crate) fn template(self) -> &'static str {
        match self {
            Self::Weir => include_str!("../../../config/tls-weir.toml"),
            Self::Haproxy => include_str!("../../../config/tls-haproxy.cfg"),
            Self::Nginx => include_str!("../../../config/tls-nginx.conf"),
            Self::Backend => include_str!("../../../config/backend.conf"),
        }
    }

    /// The command that runs it in the foreground on its core.
    fn command(self, place: &Place) -> Command {
        let mut command = Command::new("taskset");
        command.args(["-c", if self == Self::Backend { "1" } else { "0" }]);
        match self {
            Self::Weir => command.arg(beside("weir")).args(["start", "--drain-timeout", "2", "-c"]),
            Self::Haproxy => command.args(["haproxy", "-db", "-f"]),
            Self::Nginx | Self::Backend => command.args(["nginx", "-c"]),
        };
        command.arg(place.path().join(self.config_name()));
        command
    }
}

/// A server that answers. Dropping it ends it and waits for the end.
pub(crate) struct Running {
    pub(crate) server: Server,
    /// The process that carries the traffic.
    pid: u32,
    child: Child,
}

impl Running {
    /// Starts a server and waits for its first response.
    pub(crate) fn start(server: Server, place: &Place) -> Result<Self> {
        let output = place.path().join(server.name());
        let file = File::create(&output)?;
        let child = server.command(place).stdout(file.try_clone()?).stderr(file).spawn()?;
        let mut running = Self { server, pid: child.id(), child };
        let mut curl = Command::new("curl");
        curl.args(["-sf", "--retry", "20", "--retry-connrefused", "--retry-delay", "1"]);
        curl.args(["-H", &format!("Host: {HOST}")]);
        let answer = said(curl.arg(format!("http://{}/small", server.address(Port::Clear))));
        if let (Err(_), _) | (_, Some(_)) = (&answer, running.child.try_wait()?) {
            let text = fs::read_to_string(&output)?;
            return Err(format!("{} does not serve: {text}", server.name()).into());
        }
        if server != Server::Haproxy {
            running.pid = process::child_of(running.pid)?;
        }
        Ok(running)
    }

    /// Starts the proxies, in their order.
    pub(crate) fn all(place: &Place) -> Result<Vec<Self>> {
        Server::PROXIES.into_iter().map(|server| Self::start(server, place)).collect()
    }

    /// Nanoseconds that the scheduler has given to its threads.
    pub(crate) fn cpu(&self) -> Result<u64> {
        process::cpu(self.pid)
    }

    /// Memory that it shares with nobody, in bytes.
    pub(crate) fn private(&self) -> Result<f64> {
        process::private(self.pid)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
