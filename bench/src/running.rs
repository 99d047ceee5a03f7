//! One server at work: started and waited for, asked what it has used, ended.

use std::fs::{self, File};
use std::io;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};

use crate::place::Place;
use crate::said;
use crate::server::Server;

/// A server that answers. Dropping it ends it and waits for the end.
pub(crate) struct Running {
    pub(crate) server: Server,
    /// The process that carries the traffic.
    pub(crate) pid: u32,
    child: Child,
}

impl Running {
    /// Starts a server on its core and waits for its first response.
    pub(crate) fn start(server: Server, place: &Place) -> io::Result<Self> {
        Self::start_as(server, place, &server.command(place.path())?)
    }

    /// Starts a server with another command than its own.
    pub(crate) fn start_as(server: Server, place: &Place, command: &[String]) -> io::Result<Self> {
        let output = place.path().join(server.name());
        let file = File::create(&output)?;
        let mut pinned = Command::new("taskset");
        pinned.args(["-c", server.core()]).args(command);
        let child = pinned.stdout(file.try_clone()?).stderr(file).spawn()?;
        let mut running = Self { server, pid: child.id(), child };
        let waiting = ["-sf", "--retry", "20", "--retry-connrefused", "--retry-delay", "1"];
        let answer = said(Command::new("curl").args(waiting).arg(server.url("/small")));
        if let (Err(_), _) | (_, Some(_)) = (&answer, running.child.try_wait()?) {
            let text = fs::read_to_string(&output)?;
            return Err(io::Error::other(format!("{} does not serve: {text}", server.name())));
        }
        if server.has_worker() {
            running.pid = running.worker()?;
        }
        Ok(running)
    }

    /// Nanoseconds that the scheduler has given to its threads.
    pub(crate) fn cpu(&self) -> io::Result<u64> {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            sum += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(sum)
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident(&self) -> io::Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        number.ok_or_else(|| io::Error::other("no Rss in smaps_rollup"))
    }

    fn worker(&self) -> io::Result<u32> {
        let children = said(Command::new("pgrep").args(["-P", &self.child.id().to_string()]))?;
        let first = children.lines().next().and_then(|line| line.parse().ok());
        first.ok_or_else(|| io::Error::other(format!("{} has no worker", self.server.name())))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}
