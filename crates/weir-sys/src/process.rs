//! Processes of the same image, and where they run.

use std::ffi::CString;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity, set_name};

use crate::signals::unblock_all;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// It exited with this code.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
}

impl fmt::Display for ExitReason {
    /// A predicate: "the worker *was killed by SIGSEGV*".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "ended with status {code}"),
            Self::Killed(libc::SIGABRT) => write!(f, "was killed by SIGABRT"),
            Self::Killed(libc::SIGBUS) => write!(f, "was killed by SIGBUS"),
            Self::Killed(libc::SIGILL) => write!(f, "was killed by SIGILL"),
            Self::Killed(libc::SIGKILL) => write!(f, "was killed by SIGKILL"),
            Self::Killed(libc::SIGSEGV) => write!(f, "was killed by SIGSEGV"),
            Self::Killed(libc::SIGSYS) => write!(f, "was killed by SIGSYS"),
            Self::Killed(libc::SIGTERM) => write!(f, "was killed by SIGTERM"),
            Self::Killed(number) => write!(f, "was killed by signal {number}"),
        }
    }
}

/// A child process. It is not killed when this is dropped.
pub struct Child {
    pid: i32,
    pidfd: OwnedFd,
}

/// The first descriptor that is not standard input, output or error.
const FIRST_OTHER: libc::c_uint = 3;

/// From linux/close_range.h.
const CLOSE_RANGE_CLOEXEC: libc::c_uint = 1 << 2;

/// Executes the running image again, even if its file was replaced, with `args`.
///
/// Of our descriptors only standard input, output and error and `keep` survive; the latter under
/// its own number. No signal is blocked in the child.
///
/// # Errors
/// Of `fork`, `execve` or `pidfd_open`.
pub fn spawn_self(args: &[&str], keep: BorrowedFd<'_>) -> io::Result<Child> {
    let kept = keep.as_raw_fd();
    let mut command = Command::new("/proc/self/exe");
    command.arg0(std::env::args_os().next().unwrap_or_else(|| "weir".into())).args(args);
    // SAFETY: between fork and exec only async-signal-safe calls are made, and nothing allocates.
    unsafe { command.pre_exec(move || inherit_only(kept).and_then(|()| unblock_all())) };
    let child = command.spawn()?;
    let pid = child.id() as i32;
    let pidfd = pidfd_open(known(pid)?, PidfdFlags::empty())?;
    Ok(Child { pid, pidfd })
}

/// Lets one descriptor survive `execve` besides the standard three, whatever others this process
/// was started with or a library has opened. Async-signal-safe.
fn inherit_only(fd: RawFd) -> io::Result<()> {
    // SAFETY: it takes integers, and sets a flag of descriptors that counts at exec only.
    // A kernel before 5.11 does not know it; there ours are closed, as they were made to be.
    unsafe {
        libc::syscall(libc::SYS_close_range, FIRST_OTHER, libc::c_uint::MAX, CLOSE_RANGE_CLOEXEC)
    };
    // SAFETY: F_SETFD only changes a flag of a descriptor; a wrong number is an error.
    let result = unsafe { libc::fcntl(fd, libc::F_SETFD, 0) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Takes over the descriptor `number` that the parent left to us.
///
/// # Errors
/// `InvalidInput` when no such descriptor is open, or it is one of the standard three.
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    if number <= libc::STDERR_FILENO {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: F_SETFD only changes a flag of a descriptor; a wrong number is an error.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: it is open, and by contract with the parent nothing else in this process owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

impl Child {
    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// `SIGKILL`. A child that is gone already is no error.
    pub fn kill(&self) {
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    /// How it ended; `None` while it runs. Readable as a descriptor when it has ended.
    ///
    /// # Errors
    /// Of `waitid(2)`.
    pub fn try_wait(&self) -> io::Result<Option<ExitReason>> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let status = waitid(WaitId::PidFd(self.pidfd.as_fd()), options)?;
        Ok(status.map(|status| match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => ExitReason::Exited(code),
            (None, signal) => ExitReason::Killed(signal.unwrap_or_default()),
        }))
    }
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

fn known(pid: i32) -> io::Result<Pid> {
    Pid::from_raw(pid).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Names the calling thread; in the main thread, the process as `ps` and `top` show it, which is
/// `exe` after [`spawn_self`]. The kernel keeps 15 bytes.
///
/// # Errors
/// `InvalidInput` for a name with a zero byte, else of `prctl(2)`.
pub fn name(name: &str) -> io::Result<()> {
    Ok(set_name(&CString::new(name)?)?)
}

/// The cores this process may run on.
///
/// # Errors
/// Of `sched_getaffinity(2)`.
pub fn available_cores() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
}

/// Keeps this thread on one core.
///
/// # Errors
/// Of `sched_setaffinity(2)`.
pub fn pin_to_core(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    if core >= CpuSet::MAX_CPU {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

#[cfg(test)]
mod tests;
