//! Where the next main finds this worker: a socket in a directory that they agree on.
//!
//! Nobody is listened to there while main lives.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use weir_control::takeover::PREFIX;

/// The place. It is given up when this is dropped.
pub(crate) struct Meeting {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

impl Meeting {
    /// Opens the place of the worker of a slot. It has its name when it is complete: a socket that
    /// nobody listens at would be taken for one that was left.
    pub(crate) fn open(directory: &Path, slot: u16) -> io::Result<Self> {
        let name = format!("{PREFIX}{slot}-{}", std::process::id());
        let beside = directory.join(format!(".{name}"));
        let _ = fs::remove_file(&beside);
        // The path of a socket is short; a descriptor stands for the directory.
        let short = File::open(directory)?;
        let listener = UnixListener::bind(format!("/proc/self/fd/{}/.{name}", short.as_raw_fd()))?;
        listener.set_nonblocking(true)?;
        fs::set_permissions(&beside, Permissions::from_mode(0o600))?;
        let (inode, path) = (fs::metadata(&beside)?.ino(), directory.join(name));
        fs::rename(&beside, &path)?;
        Ok(Self { listener, path, inode })
    }

    /// Whether it can still be found.
    pub(crate) fn is_there(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode)
    }

    /// Whoever comes, if it is of the same user.
    pub(crate) fn accept(&self) -> Option<OwnedFd> {
        let (stream, _) = self.listener.accept().ok()?;
        let user = weir_sys::peer_credentials(&stream).ok()?.user;
        let ours = user == weir_sys::user() || user == 0;
        (ours && stream.set_nonblocking(true).is_ok()).then(|| stream.into())
    }
}

impl AsFd for Meeting {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        if self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
    }
}
