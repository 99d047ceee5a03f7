//! Weir at work: started with an empty store, asked, measured, ended.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use weir_client::proto::request::RequestType;
use weir_client::proto::response_content::ContentType;
use weir_client::proto::{DriftQuery, Status};
use weir_client::{Client, Options};

use crate::Result;

/// Nothing takes longer than this unless it hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a look is taken at whether a process that starts still lives.
const GLANCE: Duration = Duration::from_millis(500);
const LONGEST_FRAME: usize = 1 << 30;

/// Where a proxy keeps its store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Medium {
    Memory,
    Disk,
}

impl Medium {
    pub(crate) const ALL: [Self; 2] = [Self::Memory, Self::Disk];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "tmpfs",
            Self::Disk => "disk",
        }
    }

    /// A new directory on it.
    pub(crate) fn directory(self) -> Result<TempDir> {
        Ok(match self {
            Self::Memory => TempDir::new_in("/dev/shm")?,
            Self::Disk => TempDir::new_in(beside("."))?,
        })
    }
}

/// Resident memory, in KiB.
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) main: f64,
    /// Of the largest worker.
    pub(crate) worker: f64,
}

/// A proxy that serves. Dropping it ends it.
pub(crate) struct Proxy {
    dir: TempDir,
    child: Child,
    pub(crate) client: Client,
}

/// Where Weir listens: an address of loopback that belongs to this run.
pub(crate) fn address() -> SocketAddr {
    local(19_101)
}

/// Where the backend of the traffic is.
pub(crate) fn backend() -> SocketAddr {
    local(19_100)
}

/// A port of this run's own address of loopback.
pub(crate) fn local(port: u16) -> SocketAddr {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    SocketAddr::from(([127, a, b, c], port))
}

/// A file that was built together with this program.
pub(crate) fn beside(name: &str) -> PathBuf {
    std::env::current_exe().unwrap_or_default().with_file_name(name)
}

impl Proxy {
    /// Starts one with an empty store and this configuration.
    pub(crate) fn start(medium: Medium, config: &str) -> Result<Self> {
        let dir = medium.directory()?;
        let config = config
            .replace("@dir@", &dir.path().display().to_string())
            .replace("@address@", &address().to_string())
            .replace("@backend@", &backend().to_string());
        fs::write(dir.path().join("weir.toml"), config)?;
        let child = spawn(dir.path())?;
        let client = connect(dir.path())?;
        Ok(Self { dir, child, client })
    }

    /// Ends it, starts it again from its store and says how long the start took.
    pub(crate) fn restart(&mut self) -> Result<Duration> {
        end(&mut self.child);
        let began = Instant::now();
        self.child = spawn(self.dir.path())?;
        let took = began.elapsed();
        self.client = connect(self.dir.path())?;
        Ok(took)
    }

    /// Bytes of the store.
    pub(crate) fn stored(&self) -> Result<u64> {
        Ok(fs::metadata(self.dir.path().join("control.sock.state"))?.len())
    }

    pub(crate) fn memory(&mut self) -> Result<Memory> {
        let main = resident(self.child.id())?;
        let answer = self.client.request(RequestType::Status(Status {}))?;
        let Some(ContentType::Workers(workers)) = answer.content else {
            return Err("the status lists no workers".into());
        };
        let workers = workers.vec.iter().map(|worker| resident(worker.pid as u32));
        let worker = workers.collect::<Result<Vec<_>>>()?.into_iter().fold(0.0, f64::max);
        Ok(Memory { main, worker })
    }

    /// The hash of main's state; an error unless every worker has the same.
    pub(crate) fn state_hash(&mut self) -> Result<u64> {
        let answer = self.client.request(RequestType::QueryDrift(DriftQuery {}))?;
        let Some(ContentType::Drift(drift)) = answer.content else {
            return Err("no drift was told".into());
        };
        match drift.workers.iter().find(|worker| worker.hash != Some(drift.hash)) {
            Some(worker) => Err(format!("worker {} serves another state", worker.id).into()),
            None => Ok(drift.hash),
        }
    }

    /// The last lines of its log.
    pub(crate) fn last_words(&self) -> String {
        last_words(self.dir.path())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Ends a process and waits for its end.
pub(crate) fn end(child: &mut Child) {
    let _ = kill_process(Pid::from_child(child), Signal::TERM);
    let _ = child.wait();
}

/// Starts the proxy of a directory and waits until it serves.
fn spawn(dir: &Path) -> Result<Child> {
    let told = dir.join("ready.sock");
    let _ = fs::remove_file(&told);
    let manager = UnixDatagram::bind(&told)?;
    manager.set_read_timeout(Some(GLANCE))?;
    let output = File::create(dir.join("output"))?;
    let mut child = Command::new(beside("weir"))
        .args(["start", "--drain-timeout", "2", "-c"])
        .arg(dir.join("weir.toml"))
        .env("NOTIFY_SOCKET", &told)
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()?;
    let deadline = Instant::now() + PATIENCE;
    let mut text = [0; 256];
    while child.try_wait()?.is_none() && Instant::now() < deadline {
        let count = manager.recv(&mut text).unwrap_or(0);
        if text[..count].starts_with(b"READY=1") {
            return Ok(child);
        }
    }
    end(&mut child);
    Err(format!("Weir does not serve: {}", last_words(dir)).into())
}

/// The last thing in the log that is no mere information, without its times.
fn last_words(dir: &Path) -> String {
    let read = |name| fs::read_to_string(dir.join(name)).unwrap_or_default();
    let text = read("output") + &read("weir.log");
    let line = text.lines().rfind(|line| !line.contains(" INFO "));
    line.and_then(|line| line.rsplit('\t').next()).unwrap_or_default().to_owned()
}

fn connect(dir: &Path) -> Result<Client> {
    let options = Options { timeout: Some(PATIENCE), max_frame_bytes: LONGEST_FRAME };
    Ok(Client::connect(&dir.join("control.sock"), options)?)
}

fn resident(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    number.ok_or_else(|| "no Rss in smaps_rollup".into())
}
