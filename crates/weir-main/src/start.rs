//! The start of the proxy, from the plan to the running loop.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;

use log::warn;
use weir_control::change::{StateHash, diff, plan as changes};
use weir_control::state::State;
use weir_log::Logs;
use weir_sys::{Epoll, Signal, Signals};

use crate::control::ControlSocket;
use crate::findings::Findings;
use crate::history::History;
use crate::home::{self, Home};
use crate::metrics::Metrics;
use crate::notify::Notify;
use crate::orphans::{self, Adoption};
use crate::questions::COMPARE_PERIOD;
use crate::shares::Shares;
use crate::slot::Slot;
use crate::sockets::Sockets;
use crate::supervise::{Stage, Supervisor};
use crate::suspects::Suspects;
use crate::tickets::Tickets;
use crate::{Ended, Error, Plan, limits, pidfile};

/// The epoch of a state that no transaction led to.
const FIRST_EPOCH: u64 = 1;

/// Events taken from the kernel at once: what is left waits for the next turn.
pub(crate) const EVENTS: usize = 64;

/// Blocks the signals that main understands, to be read by [`run`], and ignores the one for a file
/// that may not grow. Threads that are started later inherit this: call it first, or a signal that
/// such a thread gets ends the process.
///
/// # Errors
/// [`Error::Events`].
pub fn block_signals() -> Result<Signals, Error> {
    weir_sys::let_long_writes_fail();
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
    let home = plan.control.as_ref().map(|control| Home::open(&control.path)).transpose()?;
    plan.settings.home = plan.control.as_ref().map(|control| home::directory(&control.path));
    let (mut history, epoch, before) = stored_state(&mut plan)?;
    let left = home.as_ref().map(|home| orphans::ask(home, plan.worker_timeout));
    let left = left.transpose().map_err(Error::Orphans)?.unwrap_or_default();
    let mut left = Adoption::new(left, before);
    let sockets = Sockets::bind(&mut plan.state, plan.worker_count, &mut left)?;
    limits::allow(&plan.settings.limits, sockets.count(), plan.worker_count)?;
    limits::warn_of_guarantees(&plan);
    if let Some(path) = &plan.pid_file {
        pidfile::write(path).map_err(|source| Error::PidFile { path: path.clone(), source })?;
    }
    let cores = match plan.pin_workers {
        true => weir_sys::available_cores().map_err(Error::Cores)?,
        false => Vec::new(),
    };
    if epoch == FIRST_EPOCH || plan.files.from_file {
        history.put(epoch, &plan.state).map_err(|cause| store_error(&plan, &*cause))?;
    }
    let tickets = Tickets::new(plan.tls.clone(), &mut history, now)?;
    let findings = Findings::new(history.findings(), &plan.state);
    let epoll = Epoll::new(EVENTS).map_err(Error::Events)?;
    let control = plan.control.clone();
    let control = control.map(|control| ControlSocket::open(control, &epoll)).transpose()?;
    let mut supervisor = Supervisor {
        epoch,
        hash: StateHash::of(&plan.state),
        compare_at: now + COMPARE_PERIOD,
        transaction: None,
        history,
        tickets,
        findings,
        shares: Shares::new(),
        control,
        counts: BTreeMap::new(),
        taps: Vec::new(),
        asks: Vec::new(),
        asked: 0,
        stopper: None,
        upgrade: None,
        home,
        found: false,
        retiring: Vec::new(),
        suspects: Suspects::default(),
        spare_hosts: BTreeMap::new(),
        resize: None,
        metrics: Metrics::default(),
        leaving: Vec::new(),
        slots: (0..plan.worker_count).map(|_| Slot::new(now)).collect(),
        plan,
        sockets,
        cores,
        epoll,
        signals,
        logs,
        notify: Notify::from_environment(),
        image: File::open("/proc/self/exe").map_err(Error::Events)?,
        stage: Stage::Starting(Box::new(on_ready)),
    };
    // From here on nothing fails that workers would have to end for.
    supervisor.adopt(left, now);
    supervisor.run()
}

/// A state that is not to be served, and its epoch.
type Before = Option<(u64, State)>;

/// What is served at first: the stored state if there is one, else that of the plan with what was
/// saved; and its epoch. Also the stored state, if another one is served.
fn stored_state(plan: &mut Plan) -> Result<(History, u64, Before), Error> {
    let opened = plan.files.store.as_ref().map(|path| History::open(path));
    let opened = opened.transpose().map_err(|cause| store_error(plan, &*cause))?;
    let Some((history, stored)) = opened else {
        load_saved(plan);
        return Ok((History::none(), FIRST_EPOCH, None));
    };
    let Some((epoch, state)) = stored else {
        load_saved(plan);
        return Ok((history, FIRST_EPOCH, None));
    };
    if plan.files.from_file {
        return Ok((history, epoch + 1, Some((epoch, state))));
    }
    let differences = diff(&state, &plan.state).len();
    if differences > 0 {
        warn!(
            "the stored state (epoch {epoch}) is served; the configuration file differs from it in \
             {differences} changes: `weir diff` shows them, `weir reload` makes them"
        );
    }
    plan.state = state;
    Ok((history, epoch, None))
}

/// Makes the requests of `saved_state`, as far as they can be.
fn load_saved(plan: &mut Plan) {
    let Some(path) = plan.files.saved_state.clone().filter(|path| path.exists()) else { return };
    match crate::changes::load(&mut plan.state, &path) {
        Ok((made, _)) => {
            let count = changes(&plan.state, &made.undo).len();
            log::info!("{count} changes of {} made", path.display());
        }
        Err(sentence) => warn!("{sentence}; the configuration file alone is served"),
    }
}

fn store_error(plan: &Plan, cause: &dyn std::error::Error) -> Error {
    let path = plan.files.store.clone().unwrap_or_default();
    Error::Store { path, cause: cause.to_string() }
}
