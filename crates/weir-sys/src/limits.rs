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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_never_lowered_nor_raised_beyond_the_hard_one() {
        let (soft, hard) = nofile();
        assert!(soft <= hard && soft > 0);
        assert_eq!(raise_nofile(1).expect("raise"), soft);
        assert_eq!(nofile(), (soft, hard));
        assert_eq!(raise_nofile(u64::MAX).expect("raise"), hard);
        assert_eq!(nofile(), (hard, hard));
    }

    #[test]
    fn the_machine_has_a_limit() {
        assert!(system_file_max().expect("file-max") > 0);
    }

    #[test]
    fn lack_of_descriptors_or_memory_is_told_from_the_rest() {
        for number in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM] {
            assert!(is_exhaustion(&io::Error::from_raw_os_error(number)));
        }
        assert!(!is_exhaustion(&io::Error::from_raw_os_error(libc::ECONNREFUSED)));
        assert!(!is_exhaustion(&io::ErrorKind::OutOfMemory.into()), "not of the kernel");
    }
}
