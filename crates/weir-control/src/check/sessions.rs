//! How many sessions a cluster may have.

use super::Problem;
use crate::state::Cluster;

/// What is guaranteed is allowed, and somebody is.
pub(crate) fn sessions(cluster: &Cluster) -> Result<(), Problem> {
    let id = &cluster.id;
    match (cluster.min_sessions, cluster.max_sessions) {
        (_, Some(0)) => {
            let message = format!("cluster `{id}` with a `max_sessions` of 0 would serve nobody");
            Err(Problem::new(message).help("leave it out to serve any number"))
        }
        (Some(min), Some(max)) if min > max => {
            let message = format!(
                "the `min_sessions` of cluster `{id}` are {min}, and its \
                                   `max_sessions` {max}"
            );
            let help = "what is kept for it cannot be more than it may have: lower `min_sessions` \
                        or raise `max_sessions`";
            Err(Problem::new(message).label("more than `max_sessions`").help(help))
        }
        _ => Ok(()),
    }
}
