//! What the service manager is told: ready, stopping, alive (`sd_notify(3)`).
//!
//! Without a service manager (no `NOTIFY_SOCKET`) every call does nothing. A manager that cannot be
//! told is logged about and never holds up the proxy: the datagrams do not wait.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use log::warn;
use weir_base::Instant;

/// The line to the service manager.
pub(crate) struct Notify {
    manager: Option<(UnixDatagram, SocketAddr)>,
    /// Half of what the manager waits for (`WATCHDOG_USEC`), when it waits.
    period: Option<Duration>,
    next: Instant,
}

impl Notify {
    /// Reads from the environment where the service manager is and what it wants.
    pub(crate) fn from_environment() -> Self {
        let manager = std::env::var_os("NOTIFY_SOCKET").and_then(|name| {
            reach(&name)
                .inspect_err(|error| warn!("NOTIFY_SOCKET {name:?} cannot be used: {error}"))
                .ok()
        });
        Self { manager, period: watchdog_timeout().map(|timeout| timeout / 2), next: Instant::FAR }
    }

    /// Start-up is complete; from here on the manager expects signs of life.
    pub(crate) fn ready(&mut self, now: Instant) {
        self.tell("READY=1");
        self.next = self.period.map_or(Instant::FAR, |period| now + period);
    }

    /// Another image runs in this process; it is complete.
    pub(crate) fn resumed(&mut self, now: Instant) {
        self.tell(&format!("MAINPID={}", std::process::id()));
        self.ready(now);
    }

    /// The stop has begun.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// When [`Notify::alive`] is to be called next.
    pub(crate) fn deadline(&self) -> Instant {
        self.next
    }

    /// A sign of life, if one is due and `healthy`: the manager restarts a proxy that gives none.
    pub(crate) fn alive(&mut self, healthy: bool, now: Instant) {
        let Some(period) = self.period else { return };
        if now < self.next {
            return;
        }
        if healthy {
            self.tell("WATCHDOG=1");
        }
        self.next = now + period;
    }

    fn tell(&self, message: &str) {
        let Some((socket, address)) = &self.manager else { return };
        if let Err(error) = socket.send_to_addr(message.as_bytes(), address) {
            warn!("the service manager was not told {message}: {error}");
        }
    }
}

fn reach(name: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

/// How long the manager waits for a sign of life, when it waits for one of this very process.
fn watchdog_timeout() -> Option<Duration> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    number("WATCHDOG_USEC").filter(|_| ours).map(Duration::from_micros)
}
