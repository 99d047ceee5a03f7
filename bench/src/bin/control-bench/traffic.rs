//! Requests at a steady rate through the proxy to nginx, by h2load.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Result;
use crate::proxy::{address, backend, end};
use crate::samples::Samples;

/// Requests a second that are sent.
pub(crate) const RATE: usize = 20_000;
const CONNECTIONS: usize = 32;
/// The beginning, which is not counted.
const WARM_UP: Duration = Duration::from_millis(500);

/// nginx, which answers. Dropping it ends it.
pub(crate) struct Backend {
    _dir: TempDir,
    child: Child,
}

impl Backend {
    pub(crate) fn start() -> Result<Self> {
        let dir = TempDir::new()?;
        let config = include_str!("../../../config/backend.conf")
            .replace("@dir@", &dir.path().display().to_string())
            .replace("@address@", &backend().to_string())
            .replace("@files@", "1000")
            .replace("@small@", "small");
        let path = dir.path().join("backend.conf");
        fs::write(&path, config)?;
        let child = Command::new("nginx").arg("-c").arg(path).spawn()?;
        Ok(Self { _dir: dir, child })
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Traffic under way.
pub(crate) struct Traffic {
    dir: TempDir,
    ended: Receiver<()>,
    over: bool,
}

/// What was seen of it.
pub(crate) struct Seen {
    /// Answers a second.
    pub(crate) rate: f64,
    pub(crate) latency: Samples,
    /// Answers that were not 200.
    pub(crate) failed: usize,
}

impl Traffic {
    pub(crate) fn start(seconds: usize) -> Result<Self> {
        let dir = TempDir::new()?;
        // It waits for ever when connections are closed.
        let mut child = Command::new("timeout")
            .args([
                &(seconds + 10).to_string(),
                "h2load",
                "--h1",
                "-t1",
                "-c",
                &CONNECTIONS.to_string(),
            ])
            .args(["--rps", &(RATE / CONNECTIONS).to_string(), "-D", &seconds.to_string()])
            .arg("--log-file")
            .arg(dir.path().join("log"))
            .arg(format!("http://{}/small", address()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let (tell, ended) = channel();
        std::thread::spawn(move || {
            let _ = child.wait();
            let _ = tell.send(());
        });
        Ok(Self { dir, ended, over: false })
    }

    /// Waits until then, and not for longer than the traffic flows. Whether it does.
    pub(crate) fn flows_until(&mut self, then: Instant) -> bool {
        let wait = then.saturating_duration_since(Instant::now());
        self.over |= self.ended.recv_timeout(wait) != Err(RecvTimeoutError::Timeout);
        !self.over
    }

    /// Waits for its end.
    pub(crate) fn finish(self) -> Result<Seen> {
        if !self.over {
            self.ended.recv()?;
        }
        let text = fs::read_to_string(self.dir.path().join("log"))?;
        let mut rows: Vec<_> = text.lines().filter_map(row).collect();
        let first = rows.iter().map(|(start, ..)| *start).min().ok_or("h2load did nothing")?;
        rows.retain(|(start, ..)| *start >= first + WARM_UP.as_micros() as u64);
        let (mut latency, mut last) = (Samples::default(), 0);
        for (start, _, micros) in &rows {
            latency.push(Duration::from_micros(*micros));
            last = last.max(*start);
        }
        let seconds = last.saturating_sub(first) as f64 / 1e6 - WARM_UP.as_secs_f64();
        let failed = rows.iter().filter(|(_, status, _)| *status != 200).count();
        Ok(Seen { rate: rows.len() as f64 / seconds, latency, failed })
    }
}

/// Start, status and time of a request; times in microseconds.
fn row(line: &str) -> Option<(u64, i32, u64)> {
    let mut cells = line.split('\t');
    let (start, status, took) = (cells.next()?, cells.next()?, cells.next()?);
    Some((start.parse().ok()?, status.parse().ok()?, took.parse().ok()?))
}
