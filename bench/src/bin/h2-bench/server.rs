//! Who is measured, and the backend behind it: started, waited for, asked what it has used, ended.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::{Child, Command};

use crate::Result;
use crate::place::Place;
use crate::process::{self, said};
use crate::proxy::{beside, end, local};

/// A program that serves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Weir,
    Haproxy,
    Nginx,
    Nghttpx,
    Backend,
}

impl Server {
    /// What is measured, in the order of the columns.
    pub(crate) const PROXIES: [Self; 4] = [Self::Weir, Self::Haproxy, Self::Nginx, Self::Nghttpx];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Weir => "Weir",
            Self::Haproxy => "HAProxy",
            Self::Nginx => "nginx",
            Self::Nghttpx => "nghttpx",
            Self::Backend => "backend",
        }
    }

    /// Where it listens in clear.
    pub(crate) fn clear(self) -> SocketAddr {
        local(match self {
            Self::Backend => 19_300,
            Self::Weir => 19_310,
            Self::Haproxy => 19_320,
            Self::Nginx => 19_330,
            Self::Nghttpx => 19_340,
        })
    }

    /// Where it listens with TLS.
    pub(crate) fn tls(self) -> SocketAddr {
        let clear = self.clear();
        SocketAddr::new(clear.ip(), clear.port() + 1)
    }

    pub(crate) fn config_name(self) -> &'static str {
        match self {
            Self::Weir => "weir.toml",
            Self::Haproxy => "haproxy.cfg",
            Self::Nginx => "nginx.conf",
            Self::Nghttpx => "nghttpx.conf",
            Self::Backend => "backend.conf",
        }
    }

    /// Its configuration, to be filled in by [`crate::place`].
    pub(crate) fn template(self) -> &'static str {
        match self {
            Self::Weir => include_str!("../../../config/h2-weir.toml"),
            Self::Haproxy => include_str!("../../../config/h2-haproxy.cfg"),
            Self::Nginx => include_str!("../../../config/h2-nginx.conf"),
            Self::Nghttpx => include_str!("../../../config/h2-nghttpx.conf"),
            Self::Backend => include_str!("../../../config/h2-backend.conf"),
        }
    }

    /// The command that runs it in the foreground on its core.
    fn command(self, place: &Place) -> Command {
        let mut command = Command::new("taskset");
        command.args(["-c", if self == Self::Backend { "1" } else { "0" }]);
        let config = place.path().join(self.config_name());
        match self {
            Self::Weir => command.arg(beside("weir")).args(["start", "--drain-timeout", "2", "-c"]),
            Self::Haproxy => command.args(["haproxy", "-db", "-f"]),
            Self::Nginx | Self::Backend => command.args(["nginx", "-c"]),
            Self::Nghttpx => return with(command, &format!("--conf={}", config.display())),
        };
        command.arg(config);
        command
    }
}

fn with(mut command: Command, argument: &str) -> Command {
    command.args(["nghttpx", argument]);
    command
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
        if server != Server::Backend {
            curl.arg("--http2-prior-knowledge");
        }
        curl.args(["-H", "Host: h1.bench.example"]);
        let answer = said(curl.arg(format!("http://{}/small", server.clear())));
        if let (Err(_), _) | (_, Some(_)) = (&answer, running.child.try_wait()?) {
            let text = fs::read_to_string(&output)?;
            return Err(format!("{} does not serve: {text}", server.name()).into());
        }
        if matches!(server, Server::Weir | Server::Nginx | Server::Backend) {
            running.pid = process::child_of(running.pid)?;
        }
        Ok(running)
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
