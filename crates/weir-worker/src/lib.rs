//! A worker: one thread, one epoll loop, all of its share of the traffic.
//!
//! Must not know: how state is stored, who its siblings are, where configuration comes from. It is
//! told what to serve by numbered orders on a channel and lent its listening sockets.
//!
//! One turn of the loop ([`worker`]): wait → note what became possible → drive the sessions that
//! can move → fire timers → accept → obey main → write logs.
//!
//! Invariants: everything is sized at start from `Limits` and nothing grows beyond it; a session
//! that cannot get what it needs waits, is answered or is closed, and the loop goes on.

mod accept;
mod alarm;
mod apply;
mod buffers;
mod census;
mod checkup;
mod context;
mod control;
mod date;
mod departures;
mod desk;
mod drain;
mod errands;
mod explain;
mod front;
mod handover;
mod keyed;
mod lists;
mod measure;
mod meeting;
mod multiplex;
mod observe;
mod orphan;
mod per_address;
mod pipes;
mod probe;
mod queued;
mod rates;
mod session;
mod socket;
mod survey;
mod tables;
mod token;
mod turnstile;
mod udp;
mod upstream;
mod worker;

use std::io;
use std::process::ExitCode;

use weir_base::{Key, Slab, Wheel};
use weir_sys::{Channel, Signals};

use crate::context::Context;
use crate::control::Control;
use crate::observe::Observe;
use crate::worker::Worker;

/// Runs a worker until it has drained. It obeys `signals` only while no main is in control.
///
/// # Errors
/// When main is gone before it said what to do, or the kernel refuses what the loop needs.
pub fn run(channel: Channel, signals: Option<Signals>) -> io::Result<ExitCode> {
    let mut control = Control::new(channel);
    let settings = control.settings()?;
    let observe = Observe::start(&settings)?;
    if let Some(core) = settings.core {
        weir_sys::pin_to_core(core)?;
    }
    if let Err(error) = control.open_meeting(&settings) {
        log::error!("another main process could not find this worker: {error}");
    }
    let context = Context::new(settings, observe)?;
    Worker::new(context, control, signals)?.run()
}

/// Sessions that there can be: connections of clients, and streams, which hold two buffers each.
fn places(limits: &weir_base::Limits) -> usize {
    limits.sessions + limits.buffers / 2
}

/// What a worker keeps for each thing that is limited, in bytes; for the worst-case memory of a
/// configuration. `buffers` is `Limits::buffers`.
pub fn sizes(buffers: usize) -> weir_control::config::Sizes {
    let key = size_of::<Key>();
    let timer = Wheel::<Key>::TIMER_BYTES;
    let counted = size_of::<session::Counted>() + 2 * per_address::PerAddress::COUNT_BYTES;
    let counted = session::MAX_COUNTED * counted;
    // Its key can be in two queues of what is ready, and in the one of who waits for buffers; and
    // in the list of who is oldest or stuck, with an instant.
    let session = Slab::<session::Session>::VALUE_BYTES + timer + 5 * key + counted;
    weir_control::config::Sizes {
        session,
        // One that is on a stream has a session of its own.
        exchange: size_of::<session::Active>() + size_of::<usize>() + ALLOCATION + session,
        // A vector of keys may have twice the room that it needs.
        backend_connection: Slab::<upstream::Back>::VALUE_BYTES + timer + 2 * key,
        buffer_extra: buffers::BODY_ROOM + size_of::<buffers::Buffer>() + ALLOCATION,
        spare_buffers: buffers::spare(buffers),
        handshake_buffers: buffers::PER_TLS * buffers::handshakes(buffers),
        udp_flow: udp::Udp::FLOW_BYTES + ALLOCATION,
        udp_shared: udp::Udp::SHARED_BYTES,
        fixed: FIXED_BYTES + per_address::PerAddress::TOLD_BYTES,
    }
}

/// What the allocator takes for each thing that is allocated by itself.
const ALLOCATION: usize = 16;

/// The program and its libraries, without any connection or route: measured 4 MiB, with a margin.
const FIXED_BYTES: usize = 16 << 20;
