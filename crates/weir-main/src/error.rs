//! Why the proxy did not start, or could not go on.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use weir_base::Endpoint;

/// One variant per thing that can go wrong; the text says what to do.
#[derive(Debug, Error)]
pub enum Error {
    /// A target of the audit.
    #[error("requests cannot be audited: {0}")]
    Audit(String),
    /// Somebody listens there already.
    #[error(
        "{at} is in use: another program listens there (`ss -lntup` shows which one); stop it, \
         or change the address of the listener"
    )]
    AddressInUse {
        /// Where.
        at: Endpoint,
    },
    /// Sockets are of MPTCP, or not, for their life.
    #[error(
        "the sockets of {at} are not made for the other value of `mptcp`: remove the listener, \
         and add it in another change"
    )]
    OtherKind {
        /// Where.
        at: Endpoint,
    },
    /// A listening socket cannot be made.
    #[error("cannot listen on {at}: {source}{}", advice(.source))]
    Bind {
        /// Where.
        at: Endpoint,
        /// What the kernel says.
        source: io::Error,
    },
    /// The limit of one process.
    #[error(
        "this configuration can use {needed} open files in one process, and the system allows \
         {hard}: raise the hard limit (LimitNOFILE= in the unit, `ulimit -Hn` in a shell), or \
         lower max_connections"
    )]
    Descriptors {
        /// What one process can use.
        needed: u64,
        /// The hard limit.
        hard: u64,
    },
    /// The limit of the machine.
    #[error(
        "this configuration can use {needed} open files, and the whole system allows {most}: raise \
         it (`sysctl fs.file-max`), or lower max_connections or worker_count"
    )]
    SystemDescriptors {
        /// What all processes can use.
        needed: u64,
        /// `/proc/sys/fs/file-max`.
        most: u64,
    },
    /// The file of `[tls] ticket_key_file`.
    #[error("keys of session tickets cannot be read from {}: {cause}", .path.display())]
    TicketKeys {
        /// Which file.
        path: PathBuf,
        /// Why not.
        cause: String,
    },
    /// The kernel gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(io::Error),
    /// The soft limit stays where it is.
    #[error("the limit of open files cannot be raised: {0}")]
    RaiseDescriptors(io::Error),
    /// The file that names main.
    #[error("the process id cannot be written to {}: {source}", .path.display())]
    PidFile {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The control socket.
    #[error("the control socket {} cannot be opened: {source}", .path.display())]
    Control {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The directory beside the control socket.
    #[error("the directory {} cannot be used: {source}", .path.display())]
    Home {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is one already.
    #[error(
        "another main runs with the control socket {}: stop it (`weir shutdown`), or choose \
         another command_socket", .path.display()
    )]
    AnotherMain {
        /// The socket.
        path: PathBuf,
    },
    /// Workers without main.
    #[error("the workers that another main has left cannot be asked: {0}")]
    Orphans(io::Error),
    /// The stored transactions.
    #[error(
        "the stored state {} cannot be read ({cause}): move it away to start from the \
         configuration file", .path.display()
    )]
    Store {
        /// Where.
        path: PathBuf,
        /// Why not.
        cause: String,
    },
    /// A worker did not get as far as serving.
    #[error("{0}, so nothing was started")]
    Worker(String),
    /// The last one ended and may not be replaced.
    #[error("no worker is left, and worker_automatic_restart is off")]
    NoWorkerLeft,
    /// What another image of this process has left.
    #[error("main cannot go on in the place of another version: {0}")]
    Handover(String),
    /// Signals, epoll: without them nothing can be supervised.
    #[error("main cannot wait for events: {0}")]
    Events(io::Error),
    /// The cores to pin workers to.
    #[error("the cores for handle_process_affinity cannot be listed: {0}")]
    Cores(io::Error),
}

impl Error {
    /// A listening socket could not be made on `address`.
    pub(crate) fn bind(at: Endpoint, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::AddressInUse { at },
            _ => Self::Bind { at, source },
        }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            " (ports below 1024 need CAP_NET_BIND_SERVICE: AmbientCapabilities= in the unit)"
        }
        _ if weir_sys::lacks_mptcp(error) => {
            " (the kernel has no MPTCP, or `net.mptcp.enabled` is 0: switch it on, or remove \
             `mptcp` of the listener)"
        }
        io::ErrorKind::AddrNotAvailable => " (no interface has this address)",
        _ => "",
    }
}
