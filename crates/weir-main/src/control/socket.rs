//! The listening end, as a file in the file system.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A listening socket; its file goes with it.
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

impl Socket {
    /// Makes the socket beside its place, restricts it to its owner, and moves it there: at no time
    /// can somebody else connect, and a client finds the old one or the new one.
    ///
    /// # Errors
    /// `AddrInUse` when somebody listens there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        require_free(path)?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}", std::process::id()));
        let beside = PathBuf::from(beside);
        let _ = fs::remove_file(&beside);
        let listener = UnixListener::bind(&beside)?;
        listener.set_nonblocking(true)?;
        fs::set_permissions(&beside, Permissions::from_mode(0o600))?;
        let inode = fs::metadata(&beside)?.ino();
        fs::rename(&beside, path)?;
        Ok(Self { listener, path: path.to_owned(), inode })
    }

    /// The one that another image of this process has opened.
    pub(super) fn resume(listener: OwnedFd, path: &Path, inode: u64) -> Self {
        Self { listener: listener.into(), path: path.to_owned(), inode }
    }

    /// Tells its file apart from that of another one at the same place.
    pub(super) fn inode(&self) -> u64 {
        self.inode
    }

    /// The next client, if one waits.
    pub(super) fn accept(&self) -> Option<UnixStream> {
        match self.listener.accept() {
            Ok((stream, _)) => Some(stream),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => {
                log::warn!("a control client cannot be accepted: {error}");
                None
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // It may be somebody else's by now.
        if fs::metadata(&self.path).is_ok_and(|file| file.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A file that nobody listens on is left over from a process that was killed.
fn require_free(path: &Path) -> io::Result<()> {
    let Ok(file) = fs::symlink_metadata(path) else { return Ok(()) };
    if !file.file_type().is_socket() {
        let message = "there is a file that is not a socket: remove it or choose another path";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    match UnixStream::connect(path) {
        Ok(_) => {
            let message = "another proxy listens there: stop it, or choose another command_socket";
            Err(io::Error::new(io::ErrorKind::AddrInUse, message))
        }
        Err(_) => Ok(()),
    }
}
