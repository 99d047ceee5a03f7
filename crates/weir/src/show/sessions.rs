//! Live sessions.

use weir_client::proto::{LiveSession, SessionList};

use super::page::{Page, optional, row, yes};

/// A line for each.
pub(super) fn list(page: &mut Page, list: &SessionList) {
    let header = [
        "session", "worker", "protocol", "state", "client", "listener", "cluster", "backend",
        "age", "idle", "in", "out", "ends by", "ends in",
    ];
    let rows = list.sessions.iter().map(|session| {
        row![
            session.id,
            session.worker,
            protocol(session),
            session.state,
            session.client,
            session.listener,
            optional(session.cluster.as_deref()),
            optional(session.backend.as_deref()),
            time(session.age_ms),
            time(session.idle_ms),
            bytes(session.bytes_in),
            bytes(session.bytes_out),
            session.waits_for,
            optional(session.ends_in_ms.map(time)),
        ]
    });
    page.table("", header, rows);
}

/// Everything about each.
pub(super) fn details(page: &mut Page, list: &SessionList) {
    for session in &list.sessions {
        let rows = [
            row!["worker", format!("{}, pid {}", session.worker, session.pid)],
            row!["protocol", protocol(session)],
            row!["state", session.state],
            row!["client", session.client],
            row!["listener", session.listener],
            row!["connection", optional(session.connection.as_deref())],
            row!["request", optional(session.request.as_deref())],
            row!["cluster", optional(session.cluster.as_deref())],
            row!["backend", backend(session)],
            row!["age", time(session.age_ms)],
            row!["idle", time(session.idle_ms)],
            row!["bytes from the client", session.bytes_in],
            row!["bytes to the client", session.bytes_out],
            row!["requests", session.requests],
            row!["open streams", session.streams],
            row!["encrypted", yes(session.tls)],
            row!["ends by", session.waits_for],
            row!["ends in", session.ends_in_ms.map_or_else(|| "never".to_owned(), time)],
        ];
        page.table("", ["session", &session.id], rows);
    }
}

fn protocol(session: &LiveSession) -> String {
    match session.tls && session.protocol != "tls" {
        true => format!("{}+tls", session.protocol),
        false => session.protocol.clone(),
    }
}

fn backend(session: &LiveSession) -> String {
    let parts = [session.backend.as_deref(), session.backend_address.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" at ")
}

/// In the unit that suits it.
fn time(millis: u64) -> String {
    match millis {
        0..10_000 => format!("{}.{}s", millis / 1_000, millis % 1_000 / 100),
        10_000..600_000 => format!("{}s", millis / 1_000),
        600_000..36_000_000 => format!("{}m", millis / 60_000),
        36_000_000..864_000_000 => format!("{}h", millis / 3_600_000),
        _ => format!("{}d", millis / 86_400_000),
    }
}

/// In the unit that suits it.
fn bytes(count: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let power = (count.max(1).ilog2() / 10) as usize;
    match power.checked_sub(1) {
        None => count.to_string(),
        Some(unit) => {
            let tenths = (u128::from(count) * 10) >> (10 * power);
            format!("{}.{} {}", tenths / 10, tenths % 10, units[unit])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_bytes_have_the_unit_that_suits_them() {
        let times = [0, 1_250, 59_999, 600_000, 36_000_000, 864_000_000];
        assert_eq!(times.map(time), ["0.0s", "1.2s", "59s", "10m", "10h", "10d"]);
        let counts = [0, 1_023, 1_024, 1_536, 5 << 20, u64::MAX];
        let shown = ["0", "1023", "1.0 KiB", "1.5 KiB", "5.0 MiB", "15.9 EiB"];
        assert_eq!(counts.map(bytes), shown);
    }
}
