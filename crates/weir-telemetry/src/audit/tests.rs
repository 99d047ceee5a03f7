use serde_json::{Value, json};

use super::*;

const NS: u64 = 1_764_064_721_123_456_789;

fn record() -> AuditRecord<'static> {
    AuditRecord {
        verb: "AddBackend",
        actor: Actor { uid: 1_000, gid: 100, pid: 42, user: "deploy", comm: "weir" },
        client_id: 3,
        connected: NS - 1_000_000,
        client: "ci",
        socket: "/run/weir.sock",
        cluster: "api",
        backend: "api-1",
        target: "api-1",
        ok: true,
        reason: "AddBackend is in use",
        elapsed: Duration::from_millis(12),
        fanout: Some(Fanout { ok: 2, err: 0, expected: 2 }),
        request_sha256: "0011223344556677",
        epoch: 7,
        ..AuditRecord::default()
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
    let expected = format!(
        "[- - api api-1]\tAUDIT\tCommand(ts=2025-11-25T09:58:41.123456Z, verb=\"AddBackend\", \
         actor_uid=1000, actor_gid=100, actor_pid=42, actor_role=user, actor_user=\"deploy\", \
         actor_comm=\"weir\", client_id=3, connect_ts=2025-11-25T09:58:41.122456Z, \
         socket=\"/run/weir.sock\", target=\"api-1\", result=ok, \
         reason=\"AddBackend is in use\", elapsed_ms=12, fanout=ok, workers=2/0/2, \
         request_sha256=0011223344556677, weir_version={VERSION}, client=\"ci\", epoch=7)\n"
    );
    assert_eq!(text(&record()), expected);
}

#[test]
fn an_object_has_the_documented_members() {
    let expected = json!({
        "ts": "2025-11-25T09:58:41.123456Z",
        "actor": { "uid": 1000, "gid": 100, "pid": 42, "user": "deploy", "comm": "weir",
                   "role": "user" },
        "client_id": 3, "connect_ts": "2025-11-25T09:58:41.122456Z", "socket": "/run/weir.sock",
        "verb": "AddBackend", "target": "api-1", "result": "ok", "cluster_id": "api",
        "backend_id": "api-1", "weir_version": VERSION,
        "extras": {
            "elapsed_ms": 12, "reason": "AddBackend is in use",
            "fanout": { "status": "ok", "workers_ok": 2, "workers_err": 0, "workers_expected": 2 },
            "request_sha256": "0011223344556677",
        },
        "client": "ci", "epoch": 7,
    });
    assert_eq!(object(&record()), expected);
}

#[test]
fn a_failure_says_whose_it_is() {
    let failed = |fanout: Option<Fanout>| {
        let record = AuditRecord { ok: false, fanout, lease: "top", ..record() };
        let object = object(&record);
        assert_eq!(object["extras"]["lease_id"], "top");
        let extras = &object["extras"];
        let code = extras["error_code"].as_str().map(str::to_owned);
        let status = extras["fanout"]["status"].as_str().map(str::to_owned);
        assert!(text(&record).contains(&format!(", error_code={}", code.as_deref().expect("one"))));
        (code.expect("a code"), status.expect("a status"))
    };
    let words = |code: &str, status: &str| (code.to_owned(), status.to_owned());
    let part = |ok, err| Some(Fanout { ok, err, expected: 3 });
    assert_eq!(failed(None), words("invalid_input", "local_only"));
    assert_eq!(failed(part(2, 1)), words("worker_failure", "partial"));
    assert_eq!(failed(part(2, 0)), words("worker_timeout", "timeout"));
    assert_eq!(failed(part(3, 0)), words("other", "ok"));
    assert_eq!(Fanout::to(3), Fanout { ok: 0, err: 0, expected: 3 });
}

#[test]
fn who_asks_cannot_forge_a_pair_or_a_line() {
    let evil = "x\", result=ok)\n[- - - -]\tAUDIT\t\u{202e}";
    let actor = Actor { comm: evil, user: evil, ..record().actor };
    let hostile = AuditRecord {
        client: evil,
        target: evil,
        actor,
        cluster: evil,
        lease: evil,
        lease_reason: evil,
        ..record()
    };
    let line = text(&hostile);
    assert_eq!(line.matches('\n').count(), 1);
    assert_eq!(line.matches('\t').count(), 2);
    assert_eq!(line.matches(", result=ok, reason").count(), 1);
    assert!(line.contains(r#"client="x\x22, result=ok)\x0a"#), "{line}");
    assert_eq!(object(&hostile)["result"], "ok");
}
