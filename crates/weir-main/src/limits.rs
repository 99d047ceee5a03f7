//! Open descriptors: what the configuration can use at most, and what the system allows; and
//! whether what is guaranteed is there.
//!
//! Workers inherit the limit, so it is raised once, for the process that can use most.

use log::warn;
use weir_base::Limits;
use weir_control::guarantees;

use crate::{Error, Plan};

/// Descriptors of a process for everything that is not counted: logs, epoll, channel, files that
/// are open for a moment.
const OTHERS: u64 = 64;
/// Descriptors that main keeps for each worker: its channel and its process.
const PER_WORKER: u64 = 2;

/// Raises the soft limit of descriptors to what main and each of `workers` can use. `sockets` is
/// the number of listening sockets of all slots.
pub(crate) fn allow(limits: &Limits, sockets: usize, workers: u16) -> Result<(), Error> {
    let (sockets, workers) = (sockets as u64, u64::from(workers));
    let worker = used_by_worker(limits) + sockets + OTHERS;
    let main = sockets + PER_WORKER * workers + OTHERS;
    let needed = worker.max(main);
    let (_, hard) = weir_sys::nofile();
    if hard < needed {
        return Err(Error::Descriptors { needed, hard });
    }
    // Flows of datagrams have as many descriptors as there are connections, where the system allows
    // it; workers look for themselves.
    let wanted = needed.saturating_add(limits.sessions as u64).min(hard);
    weir_sys::raise_nofile(wanted).map_err(Error::RaiseDescriptors)?;
    let total = worker.saturating_mul(workers).saturating_add(main);
    match weir_sys::system_file_max() {
        Some(most) if most < total => Err(Error::SystemDescriptors { needed: total, most }),
        Some(_) => Ok(()),
        None => {
            warn!("/proc/sys/fs/file-max cannot be read: {total} descriptors may be too many");
            Ok(())
        }
    }
}

/// Whether so many workers can keep what clusters are guaranteed.
///
/// # Errors
/// A sentence, when they cannot.
pub(crate) fn guarantee(plan: &Plan, workers: u16) -> Result<(), String> {
    guarantees::check(&plan.state, &plan.settings.limits, workers)
        .map_err(|excess| format!("{excess}: {}", excess.remedy()))
}

/// A stored state may guarantee more than the limits of a file that is newer.
pub(crate) fn warn_of_guarantees(plan: &Plan) {
    if let Err(sentence) = guarantee(plan, plan.worker_count) {
        warn!("{sentence}; until then, other clusters find no room");
    }
}

/// Each session, each connection to a backend and each accepted socket that waits is one, each
/// pipe is two.
fn used_by_worker(limits: &Limits) -> u64 {
    let connections = limits.sessions + limits.backend_connections + limits.accept_queue;
    connections.saturating_add(limits.pipes.saturating_mul(2)) as u64
}
