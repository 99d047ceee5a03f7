//! Who is measured: started with files of its own, asked what it has used, ended.

use std::fs::{self, File, Permissions};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::proxy::{beside, end, local};
use crate::{Result, backend, process};

/// Nothing takes longer to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A proxy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Weir,
    Haproxy,
    Nginx,
}

/// A number for each of [`Server::ALL`], in that order.
pub(crate) type PerProxy = [f64; 3];

impl Server {
    pub(crate) const ALL: [Self; 3] = [Self::Weir, Self::Haproxy, Self::Nginx];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Weir => "Weir",
            Self::Haproxy => "HAProxy",
            Self::Nginx => "nginx",
        }
    }

    /// Where it listens, for TCP and UDP.
    pub(crate) fn address(self) -> SocketAddr {
        local(match self {
            Self::Weir => 19_410,
            Self::Haproxy => 19_420,
            Self::Nginx => 19_430,
        })
    }

    fn template(self) -> &'static str {
        match self {
            Self::Weir => include_str!("../../../config/l4-weir.toml"),
            Self::Haproxy => include_str!("../../../config/l4-haproxy.cfg"),
            Self::Nginx => include_str!("../../../config/l4-nginx.conf"),
        }
    }

    /// The command that runs it in the foreground on its core, but for the configuration's path.
    fn command(self) -> Command {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]);
        match self {
            Self::Weir => command.arg(beside("weir")).args(["start", "--drain-timeout", "2", "-c"]),
            Self::Haproxy => command.args(["haproxy", "-db", "-f"]),
            Self::Nginx => command.args(["nginx", "-c"]),
        };
        command
    }
}

/// A proxy at work. Dropping it ends it and waits for the end.
pub(crate) struct Running {
    pub(crate) server: Server,
    /// The process that carries the traffic.
    pid: u32,
    child: Child,
    _dir: TempDir,
}

impl Running {
    /// Starts one and waits until it accepts.
    pub(crate) fn start(server: Server) -> Result<Self> {
        let dir = TempDir::new()?;
        // nginx gives up root.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755))?;
        let config = dir.path().join("config.toml");
        let text = server.template().replace("@dir@", &dir.path().display().to_string());
        let text = text.replace("@address@", &server.address().to_string());
        fs::write(&config, text.replace("@backend@", &backend::address().to_string()))?;
        let output = dir.path().join("output");
        let file = File::create(&output)?;
        let mut command = server.command();
        let child = command.arg(config).stdout(file.try_clone()?).stderr(file).spawn()?;
        let mut running = Self { server, pid: child.id(), child, _dir: dir };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(server.address()).is_err() {
            if running.child.try_wait()?.is_some() || Instant::now() > deadline {
                let text = fs::read_to_string(&output)?;
                return Err(format!("{} does not serve: {text}", server.name()).into());
            }
            thread::yield_now();
        }
        if server != Server::Haproxy {
            running.pid = worker(running.pid, deadline)?;
        }
        Ok(running)
    }

    /// Nanoseconds that the scheduler has given to its threads.
    pub(crate) fn cpu(&self) -> Result<u64> {
        process::cpu(self.pid)
    }
}

/// The first child of a process, which may not have it yet.
fn worker(pid: u32, deadline: Instant) -> Result<u32> {
    loop {
        match process::child_of(pid) {
            Err(_) if Instant::now() < deadline => thread::yield_now(),
            found => return found,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
