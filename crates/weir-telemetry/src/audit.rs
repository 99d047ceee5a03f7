//! The audit trail: one line per request of the control socket that was answered.
//!
//! As text, `[- - cluster backend]⇥AUDIT⇥Command(key=value, …)`; or an object of JSON. Keys and
//! their order are those of Sōzu; ours come after them. Words from outside are quoted, escaped and
//! bounded: nothing in them begins another pair or another line.

use std::time::Duration;

use crate::escape::{Json, Quoted, Tag, escape};
use crate::line::LineFormat;
use crate::pen::Pen;
use crate::time::Stamp;

/// Longest texts that are shown, in bytes before escaping.
mod max {
    pub(super) const NAME: usize = 64;
    pub(super) const PATH: usize = 256;
    pub(super) const TARGET: usize = 256;
    pub(super) const REASON: usize = 256;
}

/// A request of the control socket and what became of it. Texts that are unknown are empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditRecord<'a> {
    /// What was asked for.
    pub verb: &'a str,
    /// Who asked.
    pub actor: Actor<'a>,
    /// Number of the connection.
    pub client_id: u64,
    /// When it was made, in nanoseconds since the Unix epoch; 0: unknown.
    pub connected: u64,
    /// What the client calls itself.
    pub client: &'a str,
    /// Path of the socket.
    pub socket: &'a str,
    /// The cluster that it is about.
    pub cluster: &'a str,
    /// The backend of the cluster.
    pub backend: &'a str,
    /// What it is about.
    pub target: &'a str,
    /// It was carried out.
    pub ok: bool,
    /// What the client was told.
    pub reason: &'a str,
    /// From when it was taken to the last answer.
    pub elapsed: Duration,
    /// What workers said; `None`: they were not waited for.
    pub fanout: Option<Fanout>,
    /// Of the request, in hexadecimal.
    pub request_sha256: &'a str,
    /// Whose lease on the detail of metrics it is about.
    pub lease: &'a str,
    /// What the lease is for.
    pub lease_reason: &'a str,
    /// The configuration in use after it.
    pub epoch: u64,
}

/// A process that asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Actor<'a> {
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its number.
    pub pid: i32,
    /// The name of its user.
    pub user: &'a str,
    /// Its program.
    pub comm: &'a str,
}

/// How many workers had a part in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fanout {
    /// They have done what they were told.
    pub ok: u32,
    /// They have refused.
    pub err: u32,
    /// They were told.
    pub expected: u32,
}

impl Fanout {
    /// So many are told.
    pub fn to(workers: usize) -> Self {
        Self { expected: u32::try_from(workers).unwrap_or(u32::MAX), ..Self::default() }
    }

    const fn status(self) -> &'static str {
        match self {
            Self { err: 1.., .. } => "partial",
            Self { ok, expected, .. } if ok < expected => "timeout",
            _ => "ok",
        }
    }
}

/// The program that audits.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl AuditRecord<'_> {
    /// What kind of user asked.
    const fn role(&self) -> &'static str {
        match self.actor.uid {
            0 => "root",
            1..1_000 => "system",
            _ => "user",
        }
    }

    const fn result(&self) -> &'static str {
        if self.ok { "ok" } else { "err" }
    }

    /// What kind of failure it is; empty when it is none.
    fn error_code(&self) -> &'static str {
        match self.fanout {
            _ if self.ok => "",
            None => "invalid_input",
            Some(Fanout { err: 1.., .. }) => "worker_failure",
            Some(Fanout { ok, expected, .. }) if ok < expected => "worker_timeout",
            Some(_) => "other",
        }
    }

    fn fanout_status(&self) -> &'static str {
        self.fanout.map_or("local_only", Fanout::status)
    }

    /// The record as a line of text. `unix_ns` is the instant in nanoseconds since the Unix epoch.
    pub fn encode_text<'f>(&self, line: &'f mut LineFormat, unix_ns: u64) -> &'f [u8] {
        let (pen, moment) = line.begin_bare(unix_ns);
        pen.text(b"[- - ");
        tag(pen, self.cluster);
        pen.byte(b' ');
        tag(pen, self.backend);
        pen.text(b"]\tAUDIT\tCommand(ts=");
        pen.text(&moment.time);
        quoted(pen, "verb", self.verb, max::NAME);
        number(pen, "actor_uid", self.actor.uid.into());
        number(pen, "actor_gid", self.actor.gid.into());
        number(pen, "actor_pid", self.actor.pid.unsigned_abs().into());
        word(pen, "actor_role", self.role());
        quoted(pen, "actor_user", self.actor.user, max::NAME);
        quoted(pen, "actor_comm", self.actor.comm, max::NAME);
        number(pen, "client_id", self.client_id);
        word(pen, "connect_ts", &stamp(self.connected));
        quoted(pen, "socket", self.socket, max::PATH);
        quoted(pen, "target", self.target, max::TARGET);
        word(pen, "result", self.result());
        self.put_outcome(pen);
        quoted(pen, "client", self.client, max::NAME);
        number(pen, "epoch", self.epoch);
        pen.byte(b')');
        pen.end_line()
    }

    fn put_outcome(&self, pen: &mut Pen) {
        word(pen, "error_code", self.error_code());
        quoted(pen, "reason", self.reason, max::REASON);
        number(pen, "elapsed_ms", millis(self.elapsed));
        word(pen, "fanout", self.fanout_status());
        if let Some(Fanout { ok, err, expected }) = self.fanout {
            number(pen, "workers", ok.into());
            for count in [err, expected] {
                pen.byte(b'/');
                pen.number(count.into());
            }
        }
        word(pen, "request_sha256", self.request_sha256);
        quoted(pen, "lease_id", self.lease, max::NAME);
        quoted(pen, "metric_detail_reason", self.lease_reason, max::REASON);
        word(pen, "weir_version", VERSION);
    }

    /// The record as an object of JSON in a line.
    pub fn encode_json<'f>(&self, line: &'f mut LineFormat, unix_ns: u64) -> &'f [u8] {
        let (pen, moment) = line.begin_bare(unix_ns);
        pen.text(b"{\"ts\":\"");
        pen.text(&moment.time);
        pen.text(b"\",\"actor\":{\"uid\":");
        pen.number(self.actor.uid.into());
        count(pen, "gid", self.actor.gid.into());
        count(pen, "pid", self.actor.pid.unsigned_abs().into());
        member(pen, "user", self.actor.user, max::NAME);
        member(pen, "comm", self.actor.comm, max::NAME);
        member(pen, "role", self.role(), max::NAME);
        pen.byte(b'}');
        count(pen, "client_id", self.client_id);
        member(pen, "connect_ts", &stamp(self.connected), max::NAME);
        member(pen, "socket", self.socket, max::PATH);
        member(pen, "verb", self.verb, max::NAME);
        member(pen, "target", self.target, max::TARGET);
        member(pen, "result", self.result(), max::NAME);
        member(pen, "cluster_id", self.cluster, max::TARGET);
        member(pen, "backend_id", self.backend, max::TARGET);
        member(pen, "weir_version", VERSION, max::NAME);
        self.put_extras(pen);
        member(pen, "client", self.client, max::NAME);
        count(pen, "epoch", self.epoch);
        pen.byte(b'}');
        pen.end_line()
    }

    fn put_extras(&self, pen: &mut Pen) {
        pen.text(b",\"extras\":{\"elapsed_ms\":");
        pen.number(millis(self.elapsed));
        member(pen, "error_code", self.error_code(), max::NAME);
        member(pen, "reason", self.reason, max::REASON);
        pen.text(b",\"fanout\":{\"status\":\"");
        pen.text(self.fanout_status().as_bytes());
        pen.byte(b'"');
        if let Some(Fanout { ok, err, expected }) = self.fanout {
            count(pen, "workers_ok", ok.into());
            count(pen, "workers_err", err.into());
            count(pen, "workers_expected", expected.into());
        }
        pen.byte(b'}');
        member(pen, "request_sha256", self.request_sha256, max::NAME);
        member(pen, "lease_id", self.lease, max::NAME);
        member(pen, "metric_detail_reason", self.lease_reason, max::REASON);
        pen.byte(b'}');
    }
}

fn millis(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000).saturating_add(time.subsec_millis().into())
}

/// The instant, or nothing when it is unknown.
fn stamp(unix_ns: u64) -> String {
    match unix_ns {
        0 => String::new(),
        known => String::from_utf8_lossy(Stamp::default().at(known)).into_owned(),
    }
}

fn tag(pen: &mut Pen, id: &str) {
    match id {
        "" => pen.byte(b'-'),
        id => escape::<Tag>(id.as_bytes(), max::TARGET, pen),
    }
}

fn key(pen: &mut Pen, key: &str) {
    pen.text(b", ");
    pen.text(key.as_bytes());
    pen.byte(b'=');
}

fn number(pen: &mut Pen, name: &str, number: u64) {
    key(pen, name);
    pen.number(number);
}

/// A word of our own; nothing when it is empty.
fn word(pen: &mut Pen, name: &str, word: &str) {
    if !word.is_empty() {
        key(pen, name);
        pen.text(word.as_bytes());
    }
}

/// Nothing when it is empty.
fn quoted(pen: &mut Pen, name: &str, value: &str, max: usize) {
    if !value.is_empty() {
        key(pen, name);
        pen.byte(b'"');
        escape::<Quoted>(value.as_bytes(), max, pen);
        pen.byte(b'"');
    }
}

fn member_key(pen: &mut Pen, key: &str) {
    pen.text(b",\"");
    pen.text(key.as_bytes());
    pen.text(b"\":");
}

fn count(pen: &mut Pen, key: &str, count: u64) {
    member_key(pen, key);
    pen.number(count);
}

/// Nothing when it is empty.
fn member(pen: &mut Pen, key: &str, value: &str, max: usize) {
    if !value.is_empty() {
        member_key(pen, key);
        pen.byte(b'"');
        escape::<Json>(value.as_bytes(), max, pen);
        pen.byte(b'"');
    }
}

#[cfg(test)]
mod tests;
