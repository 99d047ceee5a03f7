//! The image that takes over: the rehearsal, and then the life in the place of the other.
//!
//! Invariant: until everything that can fail has been done, no descriptor of the handover is
//! touched, so that the other image can be executed again and finds what it left.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::Path;

use log::{info, warn};
use weir_base::Instant;
use weir_control::change::StateHash;
use weir_control::channel::Settings;
use weir_log::Logs;
use weir_proto::{EventKind, Response};
use weir_sys::{Channel, Epoll, Signals};

use crate::control::ControlSocket;
use crate::findings::Findings;
use crate::history::History;
use crate::home::Home;
use crate::metrics::Metrics;
use crate::notify::Notify;
use crate::questions::COMPARE_PERIOD;
use crate::shares::Shares;
use crate::slot::Slot;
use crate::sockets::Sockets;
use crate::start::EVENTS;
use crate::succession::Leaving;
use crate::supervise::{Stage, Supervisor};
use crate::suspects::Suspects;
use crate::tickets::Tickets;
use crate::worker_process::WorkerProcess;
use crate::{Ended, Error, limits};

use super::Report;
use super::format::{Handover, program};

/// Looks whether this image could go on with a handover, and reports it.
///
/// # Errors
/// When nobody can be told.
pub fn rehearse(handover: OwnedFd, report: OwnedFd) -> io::Result<()> {
    let ready = Handover::read(&mut handover.into()).and_then(|handover| {
        Prepared::of(&handover)?;
        Ok(())
    });
    let report_of = Report { program: program(), refused: ready.err() };
    let frame = serde_json::to_vec(&report_of).map_err(io::Error::other)?;
    Channel::from_fd(report).send(&frame, None)
}

/// Goes on with a handover, in the process that wrote it, until the proxy is stopped.
///
/// `failed`: why the image that it was meant for could not. `open_logs` is called once.
///
/// # Errors
/// What keeps it from going on. Then workers go on by themselves.
pub fn resume(
    handover: OwnedFd,
    failed: Option<String>,
    signals: Signals,
    open_logs: impl FnOnce(&Settings) -> Result<&'static Logs, String>,
) -> Result<Ended, Error> {
    let mut file = File::from(handover);
    let handover = Handover::read(&mut file).map_err(Error::Handover)?;
    let prepared = open_logs(&handover.plan.settings)
        .and_then(|logs| Ok((logs, Prepared::of(&handover)?)))
        .map_err(|cause| match &failed {
            None => go_back(&handover, file.as_raw_fd(), &cause),
            Some(_) => Error::Handover(cause),
        });
    let (logs, prepared) = prepared?;
    let supervisor = prepared.take_over(handover, signals, logs);
    let mut supervisor = supervisor.map_err(|error| Error::Handover(error.to_string()))?;
    drop(file);
    supervisor.0.announce_takeover(failed, supervisor.1);
    supervisor.0.run()
}

/// Executes the image that wrote the handover. Returns only when that cannot be.
fn go_back(handover: &Handover, file: RawFd, cause: &str) -> Error {
    let image = format!("/proc/self/fd/{}", handover.image);
    let number = file.to_string();
    let args = ["main", "--handover", &number, "--failed", cause].map(OsStr::new);
    let kept: Vec<_> = handover.descriptors().chain([file]).collect();
    let error = weir_sys::replace_self(Path::new(&image), &args, &kept);
    Error::Handover(format!("{cause}, and the other version cannot go on either: {error}"))
}

/// What can be had without touching what was handed over, except for the store.
struct Prepared {
    history: History,
    hash: StateHash,
    cores: Vec<usize>,
    epoll: Epoll,
    image: File,
}

impl Prepared {
    fn of(handover: &Handover) -> Result<Self, String> {
        let plan = &handover.plan;
        let hash = StateHash::of(&plan.state);
        if hash.value() != handover.hash {
            return Err("the state has become another one on its way".to_owned());
        }
        let store = plan.files.store.as_deref();
        let history = History::resume(store, handover.epoch).map_err(|error| {
            let path = store.unwrap_or(Path::new("")).display();
            format!("the stored state {path} cannot be used: {error}")
        })?;
        let sockets = handover.sockets.iter().map(|group| group.sockets.len()).sum();
        limits::allow(&plan.settings.limits, sockets, plan.worker_count)
            .map_err(|error| error.to_string())?;
        let cores = match plan.pin_workers {
            true => weir_sys::available_cores().map_err(|e| Error::Cores(e).to_string())?,
            false => Vec::new(),
        };
        let events = |error| Error::Events(error).to_string();
        let epoll = Epoll::new(EVENTS).map_err(events)?;
        let image = File::open("/proc/self/exe").map_err(events)?;
        Ok(Self { history, hash, cores, epoll, image })
    }

    /// Main as it was, and who waits for an answer.
    fn take_over(
        self,
        handover: Handover,
        signals: Signals,
        logs: &'static Logs,
    ) -> io::Result<(Supervisor, crate::control::Asker)> {
        let now = weir_sys::now();
        let Handover { plan, epoch, asked, counts, ticket_keys, findings, asker, .. } = handover;
        let Self { history, hash, cores, epoll, image } = self;
        let slots = (0..).zip(handover.slots);
        let slots = slots.map(|(number, slot)| Slot::resume(number, slot, &epoll, now));
        let slots = slots.collect::<io::Result<Vec<_>>>()?;
        let leaving = handover.leaving.into_iter();
        let leaving = leaving.map(|leaving| Leaving::resume(leaving, &epoll, now));
        let leaving = leaving.collect::<io::Result<Vec<_>>>()?;
        let control = plan.control.clone().zip(handover.control);
        let control = control.map(|(plan, handed)| ControlSocket::resume(plan, handed, &epoll));
        let home = plan.control.as_ref().zip(handover.lock);
        let home = home.map(|(plan, lock)| {
            weir_sys::inherited(lock).map(|lock| Home::resume(&plan.path, lock))
        });
        // The other image is not needed any more.
        drop(weir_sys::inherited(handover.image)?);
        let supervisor = Supervisor {
            epoch,
            hash,
            compare_at: now + COMPARE_PERIOD,
            transaction: None,
            history,
            tickets: Tickets::resume(plan.tls.clone(), ticket_keys, now),
            findings: Findings::new(findings, &plan.state),
            shares: Shares::new(),
            control: control.transpose()?,
            counts,
            taps: handover.taps,
            asks: Vec::new(),
            asked,
            stopper: None,
            upgrade: None,
            home: home.transpose()?,
            found: false,
            retiring: Vec::new(),
            metrics: Metrics::resume(handover.verbs, &handover.ledger, &handover.lately, now),
            suspects: Suspects::resume(handover.suspects, now),
            spare_hosts: handover.spare_hosts,
            resize: handover.resize.map(|resize| resize.resumed(&plan, now)),
            slots,
            leaving,
            sockets: Sockets::resume(handover.sockets)?,
            plan,
            cores,
            epoll,
            signals,
            logs: Some(logs),
            notify: Notify::from_environment(),
            image,
            stage: Stage::Serving,
        };
        Ok((supervisor, asker))
    }
}

impl Supervisor {
    /// Tells everybody that this image runs now; reads what came before it did.
    fn announce_takeover(&mut self, failed: Option<String>, asker: crate::control::Asker) {
        let now: Instant = weir_sys::now();
        self.notify.resumed(now);
        let pids: Vec<i32> = self.workers().map(WorkerProcess::pid).collect();
        pids.into_iter().for_each(|pid| self.read_messages(pid, now));
        let (program, pid) = (program(), std::process::id());
        let response = match failed {
            None => {
                info!("{program} has taken over as main (pid {pid}), with workers as they were");
                self.tell_of(EventKind::MainUpgraded);
                Response::ok(format!("{program} runs as main (pid {pid}) now"), None)
            }
            Some(cause) => {
                warn!("main was not replaced: {cause}");
                Response::failure(format!("{cause}; the running version goes on"))
            }
        };
        self.answer(&asker, &response);
    }
}
