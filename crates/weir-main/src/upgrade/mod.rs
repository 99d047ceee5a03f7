//! Another image in main's place: it rehearses, then this process executes it.
//!
//! ```text
//!  this image                       a child with the new one
//!      │ ── handover, a copy ──────────▶ │ reads it, opens the store, checks all that it can
//!      │ ◀── ready, or why not ───────── ┴ ends
//!      │
//!      ├── executes the new image: same process, same children, same descriptors
//!      │        └── it cannot go on after all: executes this image again, with the reason
//!      └── or tells who asked why not, and goes on
//! ```
//!
//! The process stays the same one, so whoever started it (a shell, a service manager, a container)
//! notices nothing, and workers keep their parent. Signals that come meanwhile wait.
//!
//! Must not know: what workers serve.
//!
//! Invariants: while an image rehearses, main supervises as ever and changes nothing; until
//! the new image runs nothing is given away that this one could not go on with; the store is open
//! in one process at a time.

pub(crate) mod base64;
mod format;
mod successor;

use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use log::{error, info};
use serde::{Deserialize, Serialize};
use weir_base::Instant;
use weir_proto::Response;
use weir_sys::{Channel, Child};

use crate::control::Asker;
use crate::supervise::Supervisor;
use crate::token::Token;
use crate::worker_process::WorkerProcess;

use format::Handover;
pub use successor::{rehearse, resume};

/// What the log may take to be written before the next image writes it.
const LOG_PATIENCE: Duration = Duration::from_millis(500);

/// An image that is to take the place of this one.
pub(crate) struct Upgrade {
    asker: Asker,
    path: PathBuf,
    /// What is at the path while it rehearses.
    file: FileId,
    child: Child,
    channel: Channel,
    report: Option<Report>,
    stage: Stage,
}

/// How far it has come.
enum Stage {
    /// Until it has ended, at the latest then.
    Rehearsing(Instant),
    /// It can go on; this image ends what it has begun.
    Ready,
}

/// What a rehearsal comes to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Name and version.
    program: String,
    /// Why it cannot go on; `None`: it can.
    refused: Option<String>,
}

/// Tells files apart that are at one path one after the other.
type FileId = (u64, u64, i64);

impl Upgrade {
    /// When it has to be looked at, whatever happens.
    pub(crate) fn deadline(&self) -> Instant {
        match self.stage {
            Stage::Rehearsing(until) => until,
            Stage::Ready => Instant::FAR,
        }
    }
}

impl Drop for Upgrade {
    fn drop(&mut self) {
        // It must not hold the store, nor stay behind as a zombie.
        self.child.kill();
        let _ = self.child.wait();
    }
}

impl Supervisor {
    /// Begins to replace the image of this process.
    pub(crate) fn upgrade(&mut self, asker: Asker, now: Instant) {
        let Some(path) = self.plan.executable.clone() else {
            let sentence = "this proxy was not started by `weir start`: it cannot be replaced";
            return self.answer(&asker, &Response::failure(sentence));
        };
        let message = format!("{} rehearses", path.display());
        self.answer(&asker, &Response::processing(message, None));
        match self.start_rehearsal(asker, path, now) {
            Ok(upgrade) => self.upgrade = Some(upgrade),
            Err(sentence) => self.fail_upgrade(&asker, &sentence),
        }
    }

    fn start_rehearsal(
        &mut self,
        asker: Asker,
        path: PathBuf,
        now: Instant,
    ) -> Result<Upgrade, String> {
        let failed = |error| format!("{} cannot be started: {error}", path.display());
        let file = file_id(&path).map_err(failed)?;
        let (handover, _) = self.hand_over(asker, now)?;
        let (channel, theirs) = Channel::pair().map_err(failed)?;
        let number = |fd: &dyn AsRawFd| fd.as_raw_fd().to_string();
        let (handed, report) = (number(&handover), number(&theirs));
        let args = ["main", "--handover", &handed, "--report", &report];
        // The next image looks whether it can read the store, which one process at a time can.
        self.history.release();
        let child = weir_sys::spawn_bound(&path, &args, &[handover.as_fd(), theirs.as_fd()]);
        let child = child.map_err(failed)?;
        let until = now + self.plan.worker_timeout;
        let stage = Stage::Rehearsing(until);
        let upgrade = Upgrade { asker, path, file, child, channel, report: None, stage };
        let watched = self
            .epoll
            .add_level(upgrade.channel.as_fd(), Token::Report.into(), true, false)
            .and_then(|()| {
                self.epoll.add_level(upgrade.child.as_fd(), Token::Rehearsal.into(), true, false)
            });
        watched.map_err(|error| format!("the rehearsal cannot be watched: {error}"))?;
        Ok(upgrade)
    }

    /// The rehearsing image says something.
    pub(crate) fn read_report(&mut self) {
        let Some(upgrade) = &mut self.upgrade else { return };
        match upgrade.channel.recv() {
            Ok(Some(frame)) => {
                upgrade.report = serde_json::from_slice(&frame).ok().or(upgrade.report.take());
            }
            Ok(None) => {}
            // Its end says more.
            Err(_) => _ = self.epoll.remove(upgrade.channel.as_fd()),
        }
    }

    /// The rehearsing process has ended.
    pub(crate) fn end_rehearsal(&mut self, now: Instant) {
        self.read_report();
        let Some(upgrade) = &mut self.upgrade else { return };
        let how = match upgrade.child.try_wait() {
            Ok(None) => return,
            Ok(Some(reason)) => reason.to_string(),
            Err(error) => format!("is gone ({error})"),
        };
        let _ = self.epoll.remove(upgrade.child.as_fd());
        let name = upgrade.path.display();
        let sentence = match &upgrade.report {
            None => format!("{name} {how} and was not ready"),
            Some(Report { refused: Some(why), .. }) => format!("{name} cannot go on: {why}"),
            Some(Report { refused: None, program }) => {
                info!("{program} is ready to take the place of this one");
                upgrade.stage = Stage::Ready;
                return self.attend_upgrade(now);
            }
        };
        self.give_up_upgrade(&sentence);
    }

    /// Does what is due.
    pub(crate) fn attend_upgrade(&mut self, now: Instant) {
        let Some(upgrade) = &self.upgrade else { return };
        match upgrade.stage {
            Stage::Rehearsing(until) if now < until => {}
            Stage::Rehearsing(_) => {
                let patience = self.plan.worker_timeout;
                let sentence =
                    format!("{} was not ready after {patience:?}", upgrade.path.display());
                self.give_up_upgrade(&sentence);
            }
            Stage::Ready => self.execute_if_quiet(now),
        }
    }

    /// Executes the new image when everybody has been told and asked what is to be.
    fn execute_if_quiet(&mut self, now: Instant) {
        let untold = |worker: &WorkerProcess| worker.listens() && !worker.is_told();
        if !self.asks.is_empty() || self.workers().any(untold) {
            return;
        }
        let Some(upgrade) = &self.upgrade else { return };
        let (asker, path, file) = (upgrade.asker, upgrade.path.clone(), upgrade.file);
        if file_id(&path).ok() != Some(file) {
            let sentence = format!("{} was written meanwhile: try again", path.display());
            return self.give_up_upgrade(&sentence);
        }
        let sentence = match self.hand_over(asker, now) {
            Ok((file, handover)) => self.execute(&path, &file, &handover),
            Err(sentence) => sentence,
        };
        self.give_up_upgrade(&sentence);
    }

    /// Returns only with the reason why it cannot be executed.
    fn execute(&mut self, path: &Path, file: &OwnedFd, handover: &Handover) -> String {
        self.history.release();
        // The next image does not know them.
        self.dismiss_retiring();
        if let Some(logs) = self.logs {
            logs.flush_blocking(LOG_PATIENCE);
        }
        if let Some(control) = &mut self.control {
            control.audit.finish();
        }
        let number = file.as_raw_fd().to_string();
        let args = ["main", "--handover", &number].map(OsStr::new);
        let kept: Vec<_> = handover.descriptors().chain([file.as_raw_fd()]).collect();
        let error = weir_sys::replace_self(path, &args, &kept);
        format!("{} cannot be executed: {error}", path.display())
    }

    fn hand_over(&self, asker: Asker, now: Instant) -> Result<(OwnedFd, Handover), String> {
        let handover = Handover::of(self, asker, now);
        let file = handover.write(&self.plan.state)?;
        Ok((file, handover))
    }

    /// Goes on as before. The store is opened again when it is needed.
    pub(crate) fn give_up_upgrade(&mut self, sentence: &str) {
        if let Some(upgrade) = self.upgrade.take() {
            let asker = upgrade.asker;
            drop(upgrade);
            self.fail_upgrade(&asker, sentence);
        }
    }

    fn fail_upgrade(&mut self, asker: &Asker, sentence: &str) {
        error!("main was not replaced: {sentence}");
        let message = format!("{sentence}; the running version goes on");
        self.answer(asker, &Response::failure(message));
    }
}

fn file_id(path: &Path) -> std::io::Result<FileId> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino(), metadata.mtime_nsec() ^ metadata.mtime()))
}
