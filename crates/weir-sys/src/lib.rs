//! All system calls and all `unsafe` of the project: epoll, sockets, pipes, descriptor passing,
//! processes, signals, clock and randomness. Linux only.
//!
//! Must not know: policy; what bytes mean; who calls.
//!
//! Invariants: every descriptor is owned by exactly one value and closes with it; every descriptor
//! is made close-on-exec and non-blocking; errors are `io::Error`s as the kernel gave them.

mod bound;
mod channel;
mod clock;
mod epoll;
mod limits;
mod memory;
mod peer;
mod pipe;
mod process;
mod random;
mod resting;
mod signals;
mod tcp;
#[cfg(test)]
mod testing;
mod udp;

pub use bound::{BoundSocket, is_bound};
pub use channel::Channel;
pub use clock::{now, unix_time};
pub use epoll::{Epoll, Event};
pub use limits::{is_exhaustion, nofile, raise_nofile, system_file_max};
pub use memory::{SharedPage, memory_file};
pub use peer::{Credentials, credentials as peer_credentials, user};
pub use pipe::Pipe;
pub use process::name as name_process;
pub use process::{Child, ExitReason, available_cores, inherited, pin_to_core};
pub use process::{replace_self, spawn_bound, spawn_self};
pub use random::fill as fill_random;
pub use signals::{Signal, Signals, let_long_writes_fail};
pub use tcp::{TcpListener, TcpStream, end_when_stuck, lacks_mptcp};
pub use udp::{Inbox, Local, MOST_MESSAGES, Outgoing, Received, UdpSocket, must_be_split};
