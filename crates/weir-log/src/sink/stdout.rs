//! Standard output, which is shared with other processes: its descriptor cannot be made
//! non-blocking without doing that to all of them.
//!
//! Lines of several workers meet there. The kernel keeps a write to a pipe in one piece up to
//! `PIPE_BUF` bytes, so lines are written in groups of whole lines of at most that size.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags, fstat};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

/// Bytes that a pipe takes in one piece (`limits.h`; POSIX wants 512, Linux has 4096).
const PIPE_BUF: usize = 4_096;

/// How to write without waiting, by kind of descriptor.
pub(crate) enum Stdout {
    /// A pipe or terminal, opened once more: flags belong to an opening.
    Own(File),
    /// A socket, as under a service manager: each call says that it does not wait.
    Socket(OwnedFd),
    /// Anything else: a file, which never makes one wait, or a pipe that cannot be opened again,
    /// where asking first has to do. (Another process may take the room in between.)
    Shared(File),
}

impl Stdout {
    pub(crate) fn new(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let own = fd.try_clone_to_owned()?;
        let reopened = match FileType::from_raw_mode(fstat(fd)?.st_mode) {
            FileType::Socket => return Ok(Self::Socket(own)),
            FileType::Fifo | FileType::CharacterDevice => open_again(fd).ok(),
            _ => None,
        };
        Ok(reopened.map_or_else(|| Self::Shared(File::from(own)), Self::Own))
    }

    /// Takes some of `lines`: how many bytes were taken.
    pub(crate) fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let group = whole_lines(lines);
        match self {
            Self::Own(file) => file.write(group),
            Self::Socket(fd) => Ok(send(fd, group, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?),
            Self::Shared(file) if is_writable(file.as_fd())? => file.write(group),
            Self::Shared(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl AsFd for Stdout {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Own(file) | Self::Shared(file) => file.as_fd(),
            Self::Socket(fd) => fd.as_fd(),
        }
    }
}

fn open_again(fd: BorrowedFd<'_>) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32)
        .open(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

fn is_writable(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
    match poll(&mut fds, Some(&Timespec::default())) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// As many whole lines as fit in one piece; a part of the first line when it is longer than that.
fn whole_lines(lines: &[u8]) -> &[u8] {
    let Some(piece) = lines.get(..PIPE_BUF) else { return lines };
    match piece.iter().rposition(|&byte| byte == b'\n') {
        Some(last) => &piece[..=last],
        None => piece,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use rustix::fs::fcntl_getfl;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    /// Writes until nothing more is taken: how many bytes were.
    fn fill(stdout: &mut Stdout) -> usize {
        let line = [[b'x'; 1_023].as_slice(), b"\n"].concat();
        let mut taken = 0;
        loop {
            match stdout.write(&line) {
                Ok(n) => taken += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return taken,
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn a_pipe_that_nobody_reads_does_not_block() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let mut stdout = Stdout::new(writer.as_fd()).expect("opened");
        assert!(matches!(stdout, Stdout::Own(_)));
        let taken = fill(&mut stdout);
        assert!(taken >= PIPE_BUF);
        let flags = fcntl_getfl(&writer).expect("flags");
        assert!(!flags.contains(OFlags::NONBLOCK), "others' descriptor is as it was");
        drop((stdout, writer));
        let mut read = Vec::new();
        reader.read_to_end(&mut read).expect("read");
        assert_eq!(read.len(), taken);
    }

    #[test]
    fn a_pipe_that_cannot_be_opened_again_does_not_block() {
        let (_reader, writer) = io::pipe().expect("a pipe");
        let mut stdout = Stdout::Shared(File::from(OwnedFd::from(writer)));
        assert!(fill(&mut stdout) >= PIPE_BUF);
    }

    #[test]
    fn a_socket_that_nobody_reads_does_not_block() {
        let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
        let (_reader, writer) =
            socketpair(family, kind, SocketFlags::empty(), None).expect("a pair");
        let mut stdout = Stdout::new(writer.as_fd()).expect("opened");
        assert!(matches!(stdout, Stdout::Socket(_)));
        assert!(fill(&mut stdout) > 0);
    }

    #[test]
    fn a_file_is_written() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut stdout = Stdout::new(file.as_fd()).expect("opened");
        assert!(matches!(stdout, Stdout::Shared(_)));
        assert_eq!(stdout.write(b"a\nb\n").expect("written"), 4);
        assert_eq!(std::fs::read(file.path()).expect("read"), b"a\nb\n");
    }

    #[test]
    fn lines_are_grouped_whole() {
        assert_eq!(whole_lines(b"a\nb\n"), b"a\nb\n");
        let long = [vec![b'x'; 4_000], b"\n".to_vec(), vec![b'y'; 200], b"\n".to_vec()].concat();
        assert_eq!(whole_lines(&long).len(), 4_001);
        assert_eq!(whole_lines(&[b'z'; 5_000]).len(), PIPE_BUF);
    }
}
