//! Signals as a descriptor, signalfd(2).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The signals a process of ours looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGTERM`
    Terminate,
    /// `SIGINT`
    Interrupt,
    /// `SIGHUP`
    Hangup,
    /// `SIGUSR1`
    User1,
    /// `SIGCHLD`
    Child,
}

const ALL: [(Signal, i32); 5] = [
    (Signal::Terminate, libc::SIGTERM),
    (Signal::Interrupt, libc::SIGINT),
    (Signal::Hangup, libc::SIGHUP),
    (Signal::User1, libc::SIGUSR1),
    (Signal::Child, libc::SIGCHLD),
];

/// Blocked signals that are read instead of delivered.
pub struct Signals {
    fd: OwnedFd,
}

impl Signals {
    /// Blocks `signals` for this thread and those it starts, and reads them from now on, even those
    /// that the parent made this process ignore, as a shell does to what it runs behind it.
    ///
    /// # Errors
    /// Of `signalfd(2)`.
    pub fn block(signals: &[Signal]) -> io::Result<Self> {
        stop_ignoring(signals);
        let set = set_of(signals);
        // SAFETY: `set` is initialised; the old mask is not asked for.
        let masked = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) };
        if masked != 0 {
            return Err(io::Error::from_raw_os_error(masked));
        }
        // SAFETY: `set` is initialised; -1 asks for a new descriptor.
        let fd = unsafe { libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just given us this descriptor, nobody else owns it.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// The next signal that came, if any.
    ///
    /// # Errors
    /// Of `read(2)`.
    pub fn read(&self) -> io::Result<Option<Signal>> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer is `size` bytes long and writable.
        let n = unsafe { libc::read(self.fd.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        if n < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
                _ => Err(error),
            };
        }
        // SAFETY: signalfd returns whole structures only.
        let number = unsafe { info.assume_init() }.ssi_signo as i32;
        Ok(ALL.iter().find(|(_, n)| *n == number).map(|(signal, _)| *signal))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// From now on a write beyond the length that a file may have fails in this process and those it
/// starts (`EFBIG`), as one on a full disk does, and does not end the process (`SIGXFSZ`).
pub fn let_long_writes_fail() {
    // SAFETY: SIG_IGN is a valid disposition of this signal, and no handler of ours is lost.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// A signal that is ignored is dropped even while it is blocked.
fn stop_ignoring(signals: &[Signal]) {
    for (_, number) in ALL.iter().filter(|(signal, _)| signals.contains(signal)) {
        // SAFETY: SIG_DFL is a valid disposition of these signals, and no handler of ours is lost.
        unsafe { libc::signal(*number, libc::SIG_DFL) };
    }
}

fn set_of(signals: &[Signal]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set it is given, sigaddset changes an initialised one.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for (_, number) in ALL.iter().filter(|(signal, _)| signals.contains(signal)) {
            libc::sigaddset(set.as_mut_ptr(), *number);
        }
        set.assume_init()
    }
}

/// Unblocks every signal; for a child before it executes another image. Async-signal-safe.
pub(crate) fn unblock_all() -> io::Result<()> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigfillset initialises the set, and both calls are async-signal-safe.
    let result = unsafe {
        libc::sigfillset(set.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), std::ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
}

#[cfg(test)]
mod tests;
