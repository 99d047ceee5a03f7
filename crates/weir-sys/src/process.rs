//! Processes of this program: started, adopted, replaced by another image; and where they run.

use std::ffi::{CString, OsStr};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, getpid, getppid, pidfd_open, pidfd_send_signal,
    set_parent_process_death_signal, waitid,
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
    /// It has ended; how is told to its parent only, which we are not.
    Unknown,
}

impl ExitReason {
    /// It has failed by itself: a panic, or a signal that tells of a mistake.
    pub fn is_crash(self) -> bool {
        match self {
            Self::Exited(code) => code == PANICKED,
            Self::Killed(signal) => CRASHES.contains(&signal),
            Self::Unknown => false,
        }
    }
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
            Self::Unknown => write!(f, "has ended"),
        }
    }
}

/// The code of a process that has panicked, where that unwinds.
const PANICKED: i32 = 101;

/// Signals that tell of a mistake of the process.
const CRASHES: [i32; 7] = [
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGSEGV,
    libc::SIGSYS,
    libc::SIGTRAP,
];

/// Another process, a child of ours unless it was adopted. It is not killed when this is dropped.
pub struct Child {
    pid: i32,
    pidfd: OwnedFd,
    adopted: bool,
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
    unsafe { command.pre_exec(move || inherit_only(&[kept]).and_then(|()| unblock_all())) };
    spawn(&mut command)
}

/// Executes the file that is at `path` now. As [`spawn_self`], with several descriptors; and the
/// child does not outlive the thread that started it.
///
/// # Errors
/// Of `fork`, `execve` or `pidfd_open`.
pub fn spawn_bound(path: &Path, args: &[&str], keep: &[BorrowedFd<'_>]) -> io::Result<Child> {
    let kept: Vec<RawFd> = keep.iter().map(AsRawFd::as_raw_fd).collect();
    let mut command = Command::new(path);
    command.args(args);
    let parent = getpid();
    let prepare = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have died before it was asked for.
        if getppid() != Some(parent) {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        inherit_only(&kept)?;
        unblock_all()
    };
    // SAFETY: between fork and exec only async-signal-safe calls are made, and nothing allocates.
    unsafe { command.pre_exec(prepare) };
    spawn(&mut command)
}

fn spawn(command: &mut Command) -> io::Result<Child> {
    let pid = command.spawn()?.id() as i32;
    let pidfd = pidfd_open(known(pid)?, PidfdFlags::empty())?;
    Ok(Child { pid, pidfd, adopted: false })
}

/// Replaces this process by the file at `path`, which gets the process id, the children, the
/// signals that are blocked or pending, and of our descriptors the standard three and `keep`,
/// which are numbers because they keep them. It returns only with the reason why that could not be.
pub fn replace_self(path: &Path, args: &[&OsStr], keep: &[RawFd]) -> io::Error {
    let words = [path.as_os_str()].into_iter().chain(args.iter().copied());
    let words: Result<Vec<CString>, _> = words.map(|word| CString::new(word.as_bytes())).collect();
    let Ok(words) = words else { return io::ErrorKind::InvalidInput.into() };
    let mut pointers: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
    pointers.push(std::ptr::null());
    if let Err(error) = inherit_only(keep) {
        close_all_on_exec();
        return error;
    }
    // Not `Command::exec`: it unblocks signals first, and one that is pending would end us.
    // SAFETY: the words and the list of them end with zero, and outlive the call.
    unsafe { libc::execv(pointers[0], pointers.as_ptr()) };
    let error = io::Error::last_os_error();
    close_all_on_exec();
    error
}

/// Lets these descriptors survive `execve` besides the standard three, whatever others this process
/// was started with or a library has opened. Async-signal-safe.
fn inherit_only(fds: &[RawFd]) -> io::Result<()> {
    close_all_on_exec();
    for fd in fds {
        // SAFETY: F_SETFD only changes a flag of a descriptor; a wrong number is an error.
        if unsafe { libc::fcntl(*fd, libc::F_SETFD, 0) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Async-signal-safe. A kernel before 5.11 does not know it; there ours are closed, as they were
/// made to be.
fn close_all_on_exec() {
    // SAFETY: it takes integers, and sets a flag of descriptors that counts at exec only.
    unsafe {
        libc::syscall(libc::SYS_close_range, FIRST_OTHER, libc::c_uint::MAX, CLOSE_RANGE_CLOEXEC)
    };
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
    /// What the image that this process had before has left: the descriptor of the process, and
    /// whether that was [adopted].
    ///
    /// [adopted]: Child::is_adopted
    pub fn resume(pid: i32, descriptor: OwnedFd, adopted: bool) -> Self {
        Self { pid, pidfd: descriptor, adopted }
    }

    /// A process that somebody else has started. Whoever calls this has to know that it was alive
    /// afterwards, and so was not another one that got its number.
    ///
    /// # Errors
    /// Of `pidfd_open(2)`.
    pub fn adopt(pid: i32) -> io::Result<Self> {
        let pidfd = pidfd_open(known(pid)?, PidfdFlags::empty())?;
        Ok(Self { pid, pidfd, adopted: true })
    }

    /// It is not a child of this process.
    pub fn is_adopted(&self) -> bool {
        self.adopted
    }

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
        if self.adopted {
            return Ok(self.has_ended()?.then_some(ExitReason::Unknown));
        }
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let status = waitid(WaitId::PidFd(self.pidfd.as_fd()), options)?;
        Ok(status.map(|status| match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => ExitReason::Exited(code),
            (None, signal) => ExitReason::Killed(signal.unwrap_or_default()),
        }))
    }

    /// Waits for its end and how it was; not for that of an adopted one.
    ///
    /// # Errors
    /// Of `waitid(2)`.
    pub fn wait(&self) -> io::Result<()> {
        waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED)?;
        Ok(())
    }

    fn has_ended(&self) -> io::Result<bool> {
        let mut watched = [PollFd::new(&self.pidfd, PollFlags::IN)];
        Ok(poll(&mut watched, Some(&Timespec::default()))? > 0)
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
