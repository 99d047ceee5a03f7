//! The start of the proxy, from the plan to the running loop.

use std::net::SocketAddr;

use weir_log::Logs;
use weir_sys::{Epoll, Signal, Signals};

use crate::notify::Notify;
use crate::slot::Slot;
use crate::sockets::Sockets;
use crate::supervise::{Stage, Supervisor};
use crate::{Ended, Error, Plan, limits, pidfile};

/// Events taken from the kernel at once: what is left waits for the next turn.
const EVENTS: usize = 64;

/// Blocks the signals that main understands, to be read by [`run`]. Threads that are started later
/// inherit this: call it first, or a signal that such a thread gets ends the process.
///
/// # Errors
/// [`Error::Events`].
pub fn block_signals() -> Result<Signals, Error> {
    let understood = [Signal::Terminate, Signal::Interrupt, Signal::Hangup, Signal::User1];
    Signals::block(&understood).map_err(Error::Events)
}

/// Runs the proxy in this process and its workers until it is stopped.
///
/// `logs` are written once per turn. `on_ready` is called once, when every worker serves, with the
/// addresses listened on.
///
/// # Errors
/// What keeps the proxy from starting or going on; no worker is left then.
pub fn run(
    mut plan: Plan,
    signals: Signals,
    logs: Option<&'static Logs>,
    on_ready: impl FnOnce(&[SocketAddr]) + 'static,
) -> Result<Ended, Error> {
    let now = weir_sys::now();
    let sockets = Sockets::bind(&mut plan.state, plan.worker_count)?;
    limits::allow(&plan.settings.limits, sockets.count(), plan.worker_count)?;
    if let Some(path) = &plan.pid_file {
        pidfile::write(path).map_err(|source| Error::PidFile { path: path.clone(), source })?;
    }
    let cores = match plan.pin_workers {
        true => weir_sys::available_cores().map_err(Error::Cores)?,
        false => Vec::new(),
    };
    let supervisor = Supervisor {
        slots: (0..plan.worker_count).map(|_| Slot::new(now)).collect(),
        plan,
        sockets,
        cores,
        epoll: Epoll::new(EVENTS).map_err(Error::Events)?,
        signals,
        logs,
        notify: Notify::from_environment(),
        stage: Stage::Starting(Box::new(on_ready)),
    };
    supervisor.run()
}
