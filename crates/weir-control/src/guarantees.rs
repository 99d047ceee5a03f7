//! What is guaranteed to clusters, and whether a worker can keep it.
//!
//! A guarantee is of sessions and of the buffers that they usually take. A part of both is kept out
//! of guarantees: for clients whose cluster is not known yet.

use weir_balance::Share;
use weir_base::Limits;

use crate::state::{Cluster, State};

/// Buffers of a session with a client that speaks TLS.
const BUFFERS: u64 = 4;
/// With a backend that speaks TLS, or HTTP/2, too.
const MOST_BUFFERS: u64 = 8;

/// Buffers that are guaranteed for each session of a cluster.
pub fn buffers_each(cluster: &Cluster) -> u64 {
    if cluster.tls.is_some() || cluster.http2 { MOST_BUFFERS } else { BUFFERS }
}

/// Of so many connections or buffers, those that are for clients whose cluster is not known yet.
pub fn kept(all: usize) -> u64 {
    all.div_ceil(16) as u64
}

/// More is guaranteed than a worker has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "clusters are guaranteed {sessions} sessions with {buffers} buffers in each worker, which has \
     {most_sessions} and {most_buffers} for that"
)]
pub struct Excess {
    sessions: u64,
    buffers: u64,
    most_sessions: u64,
    most_buffers: u64,
}

impl Excess {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        let enough = |wanted: u64| (wanted * 16).div_ceil(15);
        let keys = [
            (self.sessions > self.most_sessions, "max_connections", enough(self.sessions)),
            (self.buffers > self.most_buffers, "max_buffers", enough(self.buffers)),
        ];
        let raised = keys.iter().filter(|(short, ..)| *short);
        let raised: Vec<_> = raised.map(|(_, key, to)| format!("`{key}` to {to}")).collect();
        format!("lower `min_sessions` of clusters, or raise {}", raised.join(" and "))
    }
}

/// Whether each of so many workers can keep what clusters are guaranteed.
///
/// # Errors
/// When it cannot.
pub fn check(state: &State, limits: &Limits, workers: u16) -> Result<(), Excess> {
    // The first one has the largest part.
    let part = Share { index: 0, count: workers };
    let (mut sessions, mut buffers) = (0, 0);
    for cluster in state.clusters.values() {
        let Some(min) = cluster.min_sessions.filter(|min| *min > 0) else { continue };
        let min = u64::from(part.of(Some(min)));
        sessions += min;
        buffers += min * buffers_each(cluster);
    }
    let most_sessions = limits.sessions as u64 - kept(limits.sessions);
    let most_buffers = limits.buffers as u64 - kept(limits.buffers);
    match sessions > most_sessions || buffers > most_buffers {
        true => Err(Excess { sessions, buffers, most_sessions, most_buffers }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_be_enough_is() {
        let mut state = State::default();
        for (id, min, http2) in [("a", 100, false), ("b", 21, true), ("c", 1, false)] {
            let cluster =
                Cluster { id: id.into(), min_sessions: Some(min), http2, ..Cluster::default() };
            state.clusters.insert(id.into(), cluster);
        }
        let limits = |sessions, buffers| Limits {
            sessions,
            buffers,
            backend_connections: 1,
            idle_backend_connections: 1,
            accept_queue: 1,
            buffers_at_start: 1,
            buffer_bytes: 4096,
            target_bytes: 64,
            fields: 8,
            pipes: 0,
            pipe_bytes: 0,
            log_bytes: 0,
            scopes: 0,
        };
        // 50 + 11 + 1 sessions, and 200 + 88 + 4 buffers.
        let excess = check(&state, &limits(65, 311), 2).expect_err("a session and a buffer short");
        let remedy = excess.remedy();
        assert!(remedy.contains("`max_connections` to 67 and `max_buffers` to 312"), "{remedy}");
        assert_eq!(check(&state, &limits(67, 312), 2), Ok(()));
        let excess = check(&state, &limits(67, 311), 2).expect_err("a buffer short");
        assert!(!excess.remedy().contains("max_connections"), "{}", excess.remedy());
        assert!(check(&state, &limits(67, 312), 1).is_err(), "one has all to keep");
    }
}
