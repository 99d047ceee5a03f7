//! Who is at the other end of a unix socket.

use std::io;
use std::os::fd::AsFd;

use rustix::net::sockopt::socket_peercred;

/// Who has connected, as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user that it acts as.
    pub user: u32,
    /// Its group.
    pub group: u32,
    /// Its process.
    pub pid: i32,
}

/// Who is at the other end.
///
/// # Errors
/// Of `getsockopt(2)`.
pub fn credentials(socket: impl AsFd) -> io::Result<Credentials> {
    let found = socket_peercred(socket)?;
    Ok(Credentials {
        user: found.uid.as_raw(),
        group: found.gid.as_raw(),
        pid: found.pid.as_raw_nonzero().get(),
    })
}

/// The user that this process acts as.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn this_process_is_at_the_other_end() {
        let (ours, _theirs) = UnixStream::pair().expect("a pair");
        let found = credentials(&ours).expect("known");
        assert_eq!(found.user, user());
        assert_eq!(found.group, rustix::process::getegid().as_raw());
        assert_eq!(found.pid.unsigned_abs(), std::process::id());
    }
}
