//! Who is at the other end of a unix socket.

use std::io;
use std::os::fd::AsFd;

use rustix::net::sockopt::socket_peercred;

/// User and process that connected, as the kernel knows them.
///
/// # Errors
/// Of `getsockopt(2)`.
pub fn credentials(socket: impl AsFd) -> io::Result<(u32, i32)> {
    let credentials = socket_peercred(socket)?;
    Ok((credentials.uid.as_raw(), credentials.pid.as_raw_nonzero().get()))
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
        let (uid, pid) = credentials(&ours).expect("known");
        assert_eq!(uid, user());
        assert_eq!(pid.unsigned_abs(), std::process::id());
    }
}
