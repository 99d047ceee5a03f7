//! What a TCP client can do that the standard library cannot.

use std::net::TcpStream;
use std::time::Duration;

/// Closes a connection with a reset.
///
/// # Panics
/// When the kernel refuses.
pub fn reset(stream: TcpStream) {
    let linger = Some(Duration::ZERO);
    rustix::net::sockopt::set_socket_linger(&stream, linger).expect("a socket");
}
