//! The directory beside the control socket where the next main finds the workers of this one.
//!
//! It is its owner's only. A lock in it makes sure that there is one main at a time; workers have
//! sockets in it.
//!
//! Invariant: whoever has a [`Home`] is the only main with this control socket.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

use weir_control::takeover::PREFIX;

use crate::Error;

/// How long to wait for the end of another main.
const PATIENCE: Duration = Duration::from_millis(500);

/// The directory and the lock.
pub(crate) struct Home {
    directory: PathBuf,
    lock: File,
}

/// Where it is.
pub(crate) fn directory(control_socket: &Path) -> PathBuf {
    let mut directory = control_socket.as_os_str().to_owned();
    directory.push(".workers");
    directory.into()
}

impl Home {
    /// Makes the directory unless it is there, and takes the lock.
    ///
    /// # Errors
    /// [`Error::AnotherMain`], or why the directory cannot be used.
    pub(crate) fn open(control_socket: &Path) -> Result<Self, Error> {
        let directory = directory(control_socket);
        let failed = |source| Error::Home { path: directory.clone(), source };
        make(&directory).map_err(failed)?;
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(directory.join("lock")).map_err(failed)?;
        match try_lock(&lock) {
            Ok(()) => Ok(Self { directory, lock }),
            Err(TryLockError::WouldBlock) => {
                Err(Error::AnotherMain { path: control_socket.to_owned() })
            }
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Goes on with the lock that another image of this process took.
    pub(crate) fn resume(control_socket: &Path, lock: OwnedFd) -> Self {
        Self { directory: directory(control_socket), lock: lock.into() }
    }

    /// Connections to whoever listens. Sockets that nobody listens at are removed.
    pub(crate) fn knock(&self) -> io::Result<Vec<UnixStream>> {
        // The path of a socket is short; a descriptor stands for the directory.
        let short = File::open(&self.directory)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let name = entry?.file_name();
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
                continue;
            };
            match UnixStream::connect(format!("/proc/self/fd/{}/{name}", short.as_raw_fd())) {
                Ok(stream) => found.push(stream),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => self.forget(name),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => log::warn!("the worker behind {name} cannot be asked: {error}"),
            }
        }
        Ok(found)
    }

    /// The worker of a slot has ended, without removing its socket if it was killed.
    pub(crate) fn forget_worker(&self, slot: u16, pid: i32) {
        self.forget(&format!("{PREFIX}{slot}-{pid}"));
    }

    fn forget(&self, name: &str) {
        let _ = fs::remove_file(self.directory.join(name));
    }
}

impl AsFd for Home {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }
}

/// Waits a little: a main that was killed may not have ended yet.
fn try_lock(lock: &File) -> Result<(), TryLockError> {
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => {}
        other => return other,
    }
    let waiting = lock.try_clone().map_err(TryLockError::Error)?;
    let (sender, locked) = channel();
    // If it waits in vain, it ends with this process, which does not go on.
    std::thread::spawn(move || sender.send(waiting.lock()));
    match locked.recv_timeout(PATIENCE) {
        Ok(locked) => locked.map_err(TryLockError::Error),
        Err(_) => Err(TryLockError::WouldBlock),
    }
}

/// Makes a directory that is its owner's only, or sees to it that it is.
fn make(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let metadata = fs::symlink_metadata(directory)?;
    if !metadata.is_dir() || metadata.uid() != weir_sys::user() {
        let message = "it is not a directory of the user that runs Weir: remove it";
        return Err(io::Error::new(ErrorKind::PermissionDenied, message));
    }
    fs::set_permissions(directory, Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    #[test]
    fn there_is_one_at_a_time() {
        let place = tempfile::tempdir().expect("a directory");
        let socket = place.path().join("control.sock");
        let home = Home::open(&socket).expect("opened");
        let error = Home::open(&socket).err().expect("refused").to_string();
        assert!(error.contains("another main") && error.contains("control.sock"), "{error}");
        drop(home);
        // The one that has waited in vain may have got it, for a moment.
        Home::open(&socket).expect("opened again");
    }

    #[test]
    fn nobody_else_looks_into_it() {
        let place = tempfile::tempdir().expect("a directory");
        let socket = place.path().join("control.sock");
        let directory = directory(&socket);
        DirBuilder::new().mode(0o755).create(&directory).expect("made");
        drop(Home::open(&socket).expect("opened"));
        assert_eq!((mode(&directory), mode(&directory.join("lock"))), (0o700, 0o600));
        fs::remove_dir_all(&directory).expect("removed");
        fs::write(&directory, "").expect("written");
        let error = Home::open(&socket).err().expect("refused").to_string();
        assert!(error.contains("not a directory"), "{error}");
        fs::remove_file(&directory).expect("removed");
        std::os::unix::fs::symlink(place.path(), &directory).expect("made");
        Home::open(&socket).err().expect("refused");
    }

    #[test]
    fn who_listens_is_found_and_what_nobody_listens_at_is_removed() {
        let place = tempfile::tempdir().expect("a directory");
        // Longer than the path of a socket may be.
        let deep = place.path().join("d".repeat(120));
        fs::create_dir(&deep).expect("made");
        let home = Home::open(&deep.join("control.sock")).expect("opened");
        let short = File::open(&home.directory).expect("opened");
        let bind = |name| {
            let path = format!("/proc/self/fd/{}/{name}", short.as_raw_fd());
            UnixListener::bind(path).expect("bound")
        };
        let _alive = bind("worker-0-1");
        drop(bind("worker-1-2"));
        fs::write(home.directory.join("other"), "").expect("written");
        assert_eq!(home.knock().expect("found").len(), 1);
        assert!(home.directory.join("worker-0-1").exists());
        assert!(!home.directory.join("worker-1-2").exists());
        assert!(home.directory.join("other").exists());
        home.forget_worker(0, 1);
        assert_eq!(home.knock().expect("found").len(), 0);
    }
}
