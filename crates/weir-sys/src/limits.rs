//! Descriptor limits, and the errors that say that there is none left.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Soft and hard limit of open descriptors.
pub fn nofile() -> (u64, u64) {
    let limit = getrlimit(Resource::Nofile);
    (limit.current.unwrap_or(u64::MAX), limit.maximum.unwrap_or(u64::MAX))
}

/// Raises the soft limit to `want`, or to the hard limit if that is lower; the limit now.
///
/// # Errors
/// Of `setrlimit(2)`.
pub fn raise_nofile(want: u64) -> io::Result<u64> {
    let (soft, hard) = nofile();
    let target = want.min(hard);
    if target <= soft {
        return Ok(soft);
    }
    let maximum = (hard != u64::MAX).then_some(hard);
    setrlimit(Resource::Nofile, Rlimit { current: Some(target), maximum })?;
    Ok(target)
}

/// Descriptors of the whole machine, `/proc/sys/fs/file-max`; `None` when it cannot be read.
pub fn system_file_max() -> Option<u64> {
    std::fs::read_to_string("/proc/sys/fs/file-max").ok()?.trim().parse().ok()
}

/// The process or the machine has no descriptor or memory left: not the fault of a peer.
pub fn is_exhaustion(error: &io::Error) -> bool {
    use rustix::io::Errno as E;
    let number = E::from_io_error(error);
    matches!(number, Some(E::MFILE | E::NFILE | E::NOBUFS | E::NOMEM))
}
