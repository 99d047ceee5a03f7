//! The audit trail: one line per request of the control socket that was answered.
//!
//! As text, `[- - cluster -]⇥AUDIT⇥Command(key=value, …)`; or an object of JSON. Words from outside
//! are quoted, escaped and bounded: nothing in them begins another pair or another line.

use std::time::Duration;

use crate::escape::{Json, Quoted, Tag, escape};
use crate::line::LineFormat;
use crate::pen::Pen;

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
    /// The user that asked.
    pub uid: u32,
    /// Its process.
    pub pid: i32,
    /// The program of that process.
    pub comm: &'a str,
    /// Number of the connection.
    pub client_id: u64,
    /// What the client calls itself.
    pub client: &'a str,
    /// Path of the socket.
    pub socket: &'a str,
    /// The cluster that it is about.
    pub cluster: &'a str,
    /// What it is about.
    pub target: &'a str,
    /// It was carried out.
    pub ok: bool,
    /// What the client was told.
    pub reason: &'a str,
    /// From when it was taken to the last answer.
    pub elapsed: Duration,
    /// The configuration in use after it.
    pub epoch: u64,
}

/// The program that audits.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl AuditRecord<'_> {
    /// What kind of user asked.
    const fn role(&self) -> &'static str {
        match self.uid {
            0 => "root",
            1..1_000 => "system",
            _ => "user",
        }
    }

    const fn result(&self) -> &'static str {
        if self.ok { "ok" } else { "err" }
    }

    /// The record as a line of text. `unix_ns` is the instant in nanoseconds since the Unix epoch.
    pub fn encode_text<'f>(&self, line: &'f mut LineFormat, unix_ns: u64) -> &'f [u8] {
        let (pen, moment) = line.begin_bare(unix_ns);
        pen.text(b"[- - ");
        match self.cluster {
            "" => pen.byte(b'-'),
            cluster => escape::<Tag>(cluster.as_bytes(), max::TARGET, pen),
        }
        pen.text(b" -]\tAUDIT\tCommand(ts=");
        pen.text(&moment.time);
        quoted(pen, "verb", self.verb, max::NAME);
        number(pen, "actor_uid", self.uid.into());
        number(pen, "actor_pid", self.pid.unsigned_abs().into());
        pen.text(b", actor_role=");
        pen.text(self.role().as_bytes());
        quoted(pen, "actor_comm", self.comm, max::NAME);
        number(pen, "client_id", self.client_id);
        quoted(pen, "client", self.client, max::NAME);
        quoted(pen, "socket", self.socket, max::PATH);
        quoted(pen, "target", self.target, max::TARGET);
        pen.text(b", result=");
        pen.text(self.result().as_bytes());
        quoted(pen, "reason", self.reason, max::REASON);
        number(pen, "elapsed_ms", millis(self.elapsed));
        number(pen, "epoch", self.epoch);
        pen.text(b", weir_version=");
        pen.text(VERSION.as_bytes());
        pen.byte(b')');
        pen.end_line()
    }

    /// The record as an object of JSON in a line.
    pub fn encode_json<'f>(&self, line: &'f mut LineFormat, unix_ns: u64) -> &'f [u8] {
        let (pen, moment) = line.begin_bare(unix_ns);
        pen.text(b"{\"ts\":\"");
        pen.text(&moment.time);
        pen.text(b"\",\"actor\":{\"uid\":");
        pen.number(self.uid.into());
        pen.text(b",\"pid\":");
        pen.number(self.pid.unsigned_abs().into());
        member(pen, "comm", self.comm, max::NAME);
        member(pen, "role", self.role(), max::NAME);
        pen.text(b"},\"client_id\":");
        pen.number(self.client_id);
        member(pen, "client", self.client, max::NAME);
        member(pen, "socket", self.socket, max::PATH);
        member(pen, "verb", self.verb, max::NAME);
        member(pen, "target", self.target, max::TARGET);
        member(pen, "result", self.result(), max::NAME);
        member(pen, "cluster_id", self.cluster, max::TARGET);
        pen.text(b",\"epoch\":");
        pen.number(self.epoch);
        member(pen, "weir_version", VERSION, max::NAME);
        pen.text(b",\"extras\":{\"elapsed_ms\":");
        pen.number(millis(self.elapsed));
        member(pen, "reason", self.reason, max::REASON);
        pen.text(b"}}");
        pen.end_line()
    }
}

fn millis(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000).saturating_add(time.subsec_millis().into())
}

fn number(pen: &mut Pen, key: &str, number: u64) {
    pen.text(b", ");
    pen.text(key.as_bytes());
    pen.byte(b'=');
    pen.number(number);
}

/// Nothing when it is empty.
fn quoted(pen: &mut Pen, key: &str, value: &str, max: usize) {
    if value.is_empty() {
        return;
    }
    pen.text(b", ");
    pen.text(key.as_bytes());
    pen.text(b"=\"");
    escape::<Quoted>(value.as_bytes(), max, pen);
    pen.byte(b'"');
}

/// Nothing when it is empty.
fn member(pen: &mut Pen, key: &str, value: &str, max: usize) {
    if value.is_empty() {
        return;
    }
    pen.text(b",\"");
    pen.text(key.as_bytes());
    pen.text(b"\":\"");
    escape::<Json>(value.as_bytes(), max, pen);
    pen.byte(b'"');
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NS: u64 = 1_764_064_721_123_456_789;

    fn record() -> AuditRecord<'static> {
        AuditRecord {
            verb: "AddCluster",
            uid: 1_000,
            pid: 42,
            comm: "weir",
            client_id: 3,
            client: "ci",
            socket: "/run/weir.sock",
            cluster: "api",
            target: "cluster api",
            ok: true,
            reason: "AddCluster is in use",
            elapsed: Duration::from_millis(12),
            epoch: 7,
        }
    }

    fn text(record: &AuditRecord<'_>) -> String {
        let mut format = LineFormat::new(1, "MAIN", false);
        String::from_utf8(record.encode_text(&mut format, NS).to_vec()).expect("ASCII")
    }

    fn object(record: &AuditRecord<'_>) -> Value {
        let mut format = LineFormat::new(1, "MAIN", false);
        serde_json::from_slice(record.encode_json(&mut format, NS)).expect("JSON")
    }

    #[test]
    fn a_line_of_text_has_the_documented_layout() {
        let expected = "[- - api -]\tAUDIT\tCommand(ts=2025-11-25T09:58:41.123456Z, \
             verb=\"AddCluster\", actor_uid=1000, actor_pid=42, actor_role=user, \
             actor_comm=\"weir\", client_id=3, client=\"ci\", socket=\"/run/weir.sock\", \
             target=\"cluster api\", result=ok, reason=\"AddCluster is in use\", elapsed_ms=12, \
             epoch=7, weir_version=";
        let line = text(&record());
        assert!(line.starts_with(expected) && line.ends_with(")\n"), "{line}");
    }

    #[test]
    fn an_object_has_the_documented_members() {
        let expected = json!({
            "ts": "2025-11-25T09:58:41.123456Z",
            "actor": { "uid": 1000, "pid": 42, "comm": "weir", "role": "user" },
            "client_id": 3, "client": "ci", "socket": "/run/weir.sock", "verb": "AddCluster",
            "target": "cluster api", "result": "ok", "cluster_id": "api", "epoch": 7,
            "weir_version": VERSION,
            "extras": { "elapsed_ms": 12, "reason": "AddCluster is in use" },
        });
        assert_eq!(object(&record()), expected);
    }

    #[test]
    fn who_asks_cannot_forge_a_pair_or_a_line() {
        let evil = "x\", result=ok)\n[- - - -]\tAUDIT\t\u{202e}";
        let hostile =
            AuditRecord { client: evil, target: evil, comm: evil, cluster: evil, ..record() };
        let line = text(&hostile);
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(line.matches('\t').count(), 2);
        assert_eq!(line.matches(", result=ok, reason").count(), 1);
        assert!(line.contains(r#"client="x\x22, result=ok)\x0a"#), "{line}");
        assert_eq!(object(&hostile)["result"], "ok");
    }
}
