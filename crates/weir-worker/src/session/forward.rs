//! Towards a backend: choosing it, connecting, sending the request head.

use std::net::SocketAddr;
use std::rc::Rc;

use weir_balance::commons::Full;
use weir_balance::{Pick, Room};
use weir_base::{Address, Key, address_hash, stable_hash};
use weir_control::state::Affinity;
use weir_http::exchange::BackFailure;
use weir_http::h1::Pump;
use weir_http::message::{Field, Fields, Method, Version};
use weir_http::policy;
use weir_telemetry::Counter;

use super::active::Upstreamed;
use super::answer::Answer;
use super::back::detach;
use super::direction::Stop;
use super::exchange::Met;
use super::{Active, Session, Stage, Step, encode, place, websocket};
use crate::buffers::{Buffers, PER_TLS};
use crate::context::Context;
use crate::tables::ClusterSettings;
use crate::upstream::{NoBuffers, Peer, per_stream};

impl Session {
    /// Starts the exchange with a backend.
    pub(super) fn forward(&mut self, mut active: Box<Active>, cx: &mut Context) -> Step {
        if let Some(limited) = self.check_address_limit(&active, cx) {
            return self.answer(active, limited, cx);
        }
        if let Some(full) = self.take_place(&mut active, cx) {
            // Whoever has no room here leaves that of a connection, too.
            active.head.keep_alive &= full == Full::Ceiling;
            return self.answer(active, Answer::unasked(place::word(full), &full), cx);
        }
        if let Some(refused) = cx.admit_request(&mut active) {
            return self.answer(active, Answer::unasked("cluster_open", &refused), cx);
        }
        self.engage(active, cx)
    }

    /// Sends the request again from its start, on a fresh connection.
    pub(super) fn retry(&mut self, cx: &mut Context) -> Step {
        let Some(mut active) = self.take_active() else { return Step::Close };
        active.request.rewind(active.request_pump(), &mut cx.buffers);
        active.request_cut = false;
        active.head_sent = false;
        active.fresh = true;
        self.engage(active, cx)
    }

    pub(super) fn engage(&mut self, mut active: Box<Active>, cx: &mut Context) -> Step {
        let connected = self.connect(&mut active, cx);
        self.stage = Stage::Exchange(active);
        match connected {
            Ok(()) => Step::Again,
            Err(BackFailure::NoRoom) => self.line_up(cx),
            Err(failure) => self.back_failed(failure, cx),
        }
    }

    /// Waits until there is room for a connection, for as long as one may take to be made.
    fn line_up(&mut self, cx: &mut Context) -> Step {
        let Stage::Exchange(active) = &mut self.stage else { return Step::Close };
        active.in_line.get_or_insert(cx.now);
        cx.line_up(self.key);
        Step::Wait
    }

    /// Chooses a backend and takes or makes a connection to it, or waits for it.
    fn connect(&mut self, active: &mut Active, cx: &mut Context) -> Result<(), BackFailure> {
        active.times.connect = cx.now;
        (active.times.reached, active.times.agreed) = (None, None);
        let pick = self.choose(active, cx)?;
        if pick.room != Room::Free {
            return self.wait_in_line(active, &pick, cx);
        }
        active.waits_until = None;
        if pick.fail_open {
            cx.observe.count(Counter::FailOpen);
        }
        let (backend, address) = (pick.key, pick.address);
        let peer = self.peer(active, address.clone(), cx)?;
        let shared = cx.upstream.may_share(&peer);
        let idle = if shared {
            cx.upstream.join(&peer, self.key)
        } else if active.fresh {
            None
        } else {
            self.reusable(active, &peer, cx)
        };
        let key = match idle {
            Some(key) => key,
            None => cx.connect(&peer, self.key)?,
        };
        cx.observe.reached(idle.is_some());
        let sent_before = cx.upstream.socket(key).map_or(0, |socket| socket.sent());
        active.back = Some(Upstreamed { key, backend, sent_before, stream: None });
        active.served_by = active.back;
        active.served_at = Some(address);
        cx.bind(active.cluster, backend);
        // One that is shared may still be in the making.
        match idle {
            Some(key) if cx.upstream.is_made(key) => active.exchange.handle_connected(true),
            Some(_) => {}
            None => cx.connect_begun(active.cluster, backend),
        }
        Ok(())
    }

    /// The connection is for others: chooses again, and nobody is to blame.
    pub(super) fn go_elsewhere(&mut self, cx: &mut Context) -> Step {
        let Some(mut active) = self.take_active() else { return Step::Close };
        detach(&mut active, self.key, None, cx);
        active.exchange.handle_elsewhere();
        self.engage(active, cx)
    }

    /// The connection has no room for a stream.
    pub(super) fn let_others_go_first(&mut self, cx: &mut Context) -> Step {
        let Stage::Exchange(active) = &mut self.stage else { return Step::Close };
        detach(active, self.key, None, cx);
        active.exchange.handle_elsewhere();
        self.line_up(cx)
    }

    /// Opens a stream, when the connection has many.
    pub(super) fn open_stream(&mut self, cx: &mut Context) -> Result<(), Met> {
        let Stage::Exchange(active) = &mut self.stage else { return Ok(()) };
        let Some(mut back) = active.back else { return Ok(()) };
        if cx.upstream.socket(back.key).is_some() {
            return Ok(());
        }
        cx.parse_again(self.key, self.requests, active.head_bytes());
        let websocket =
            active.head.upgrade && websocket::is_asked_for(&cx.request_fields, active.head_bytes());
        if websocket {
            match cx.upstream.takes_protocols(back.key, self.key) {
                Some(true) => {}
                Some(false) => return Err(Met::Back(BackFailure::NoProtocol)),
                None => return Err(Met::Nothing),
            }
            let answer = websocket::answer_to(&cx.request_fields, active.head_bytes());
            active.websocket = Some(answer.unwrap_or_default());
        }
        let head_only = active.head.method == Method::Head;
        let timeout = self.settings.config.back_timeout;
        let opened =
            cx.upstream.open_stream(back.key, self.key, head_only, timeout, &mut cx.buffers);
        back.stream = Some(opened.map_err(|NoBuffers| Met::NoRoom)?.ok_or(Met::Elsewhere)?);
        active.back = Some(back);
        active.served_by = active.back;
        let framing = active.head.framing;
        active.request.pump = Pump::new(framing, framing.towards(Version::Http2));
        Ok(())
    }

    /// How a backend is to be spoken with. With TLS, a connection is for one server name, the
    /// cluster's or the host that the client asked for.
    fn peer(
        &mut self,
        active: &Active,
        address: Address,
        cx: &mut Context,
    ) -> Result<Peer, BackFailure> {
        let cluster = active.cluster.and_then(|key| cx.tables.clusters.get(key));
        let settings = cluster.map(|cluster| Rc::clone(&cluster.settings));
        let Some(settings) = settings else { return Ok(Peer::clear(address, false)) };
        let streams = settings.config.http2 && !active.raw;
        let buffers = for_backend(&settings, streams, &cx.buffers);
        if !self.reserve_for_backend(buffers, cx) {
            return Err(BackFailure::NoRoom);
        }
        let Some(tls) = &settings.tls else { return Ok(Peer::clear(address, streams)) };
        let host = active.destination(active.head_bytes()).0;
        Ok(Peer::tls(address, streams, tls, host))
    }

    /// An idle connection. One that is to carry a request that could not be repeated is looked at
    /// once more before.
    fn reusable(&self, active: &Active, peer: &Peer, cx: &mut Context) -> Option<Key> {
        loop {
            let key = cx.upstream.reuse(peer, self.key)?;
            if active.head.method.is_idempotent() || cx.upstream.is_quiet(key) {
                return Some(key);
            }
            cx.upstream.close(key, &mut cx.buffers);
        }
    }

    /// Writes the request head on a connection that is ready, and what is there of the body.
    pub(super) fn send_request(&mut self, cx: &mut Context) -> Result<(), Stop> {
        let public = self.public_address();
        let Stage::Exchange(active) = &mut self.stage else { return Ok(()) };
        cx.parse_again(self.key, self.requests, active.head_bytes());
        encode::request(
            active,
            (&self.front, self.client, public),
            self.tls.as_deref(),
            &self.settings,
            cx,
        );
        let Some(mut sink) = active.back_in(&mut cx.upstream) else {
            return Ok(());
        };
        active.head_sent = true;
        active.times.sent = cx.now;
        active.times.back = cx.now;
        active.times.front = cx.now;
        // A stream that is to become a pipe does not end with its head.
        let open = active.websocket.is_some();
        let sent = active.request.send_head(&cx.scratch, open, &mut sink, &mut cx.buffers)?;
        active.backend_bytes_out += sent;
        Ok(())
    }

    /// The backend for a request: the one of its sticky cookie, else the policy's choice.
    fn choose(&self, active: &mut Active, cx: &mut Context) -> Result<Pick, BackFailure> {
        let key = active.cluster.ok_or(BackFailure::NoBackend)?;
        let cluster = cx.tables.clusters.get(key).ok_or(BackFailure::NoBackend)?;
        if let Some(pick) = active.promised.take().and_then(|key| cluster.group.pick_known(key)) {
            return Ok(pick);
        }
        if !active.raw {
            cx.parse_again(self.key, self.requests, active.head_bytes());
        }
        let cluster = cx.tables.clusters.get(key).ok_or(BackFailure::NoBackend)?;
        let rng = &mut cx.rng;
        let mut random = || rng.u64(..);
        let sticky = cluster.settings.config.sticky_session && !active.raw;
        let name = self.settings.config.sticky_name.as_bytes();
        let wanted = sticky
            .then(|| policy::sticky_cookie(&cx.request_fields, active.head_bytes(), name))
            .flatten();
        let pick = match wanted.and_then(|id| cluster.group.pick_sticky(cx.now, id)) {
            Some(pick) if !active.tried.contains(&pick.key) => Some(pick),
            _ => {
                active.set_sticky = sticky;
                let affinity = &cluster.settings.config.affinity;
                let hash = affinity_hash(affinity, self.client, active, &cx.request_fields);
                cx.tables.pick(key, hash, cx.now, &mut random, &active.tried)
            }
        };
        pick.ok_or(BackFailure::NoBackend)
    }
}

/// Buffers for the connection to a backend, or a stream of it.
pub(super) fn for_backend(settings: &ClusterSettings, streams: bool, pool: &Buffers) -> usize {
    let tls = if settings.tls.is_some() { PER_TLS } else { 0 };
    tls + if streams { per_stream(pool) } else { 0 }
}

/// The same in every process.
const AFFINITY_SEED: u64 = 0x7765_6972_0000_0001;

/// What a client is known by where a policy goes by a key.
pub(super) fn affinity_hash(
    affinity: &Affinity,
    client: SocketAddr,
    active: &Active,
    fields: &Fields,
) -> u64 {
    let head = active.head_bytes();
    let told = match affinity {
        _ if active.raw => None,
        Affinity::SourceIp => None,
        Affinity::Field(name) => {
            let named = |field: &&Field| field.name.of(head).eq_ignore_ascii_case(name.as_bytes());
            fields.as_slice().iter().find(named).map(|field| field.value.of(head))
        }
        Affinity::Cookie(name) => policy::sticky_cookie(fields, head, name.as_bytes()),
    };
    match told {
        Some(value) => stable_hash(value, AFFINITY_SEED),
        None => address_hash(SocketAddr::new(client.ip(), 0), AFFINITY_SEED),
    }
}
