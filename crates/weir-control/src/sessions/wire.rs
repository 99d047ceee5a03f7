//! Sessions in the control protocol.

use std::net::SocketAddr;
use std::time::Duration;

use weir_base::{Address, Cidr};
use weir_proto::{CloseSessions, LiveSession, SessionFilter, SessionOrder, SessionQuery};

use super::{Filter, LISTED, Live, MOST_LISTED, MOST_WANTED, Order, Query, State, micros};

/// What a client asks for.
///
/// # Errors
/// A sentence about what is not understood.
pub fn query(wanted: &SessionQuery) -> Result<Query, String> {
    let filter = wanted.filter.as_ref().map(filter).transpose()?.unwrap_or_default();
    let limit = match wanted.limit.unwrap_or(0) as usize {
        0 => LISTED,
        limit => limit.min(MOST_LISTED),
    };
    let order = match wanted.order() {
        SessionOrder::Oldest => Order::Oldest,
        SessionOrder::Idlest => Order::Idlest,
        SessionOrder::MostIn => Order::MostIn,
        SessionOrder::MostOut => Order::MostOut,
    };
    Ok(Query { filter, limit, order })
}

/// Which sessions a client means; in which workers is not a part of it.
///
/// # Errors
/// A sentence about what is not understood.
pub fn filter(wanted: &SessionFilter) -> Result<Filter, String> {
    let SessionFilter { ids, clusters, clients, listeners, states, older_than_ms, workers } =
        wanted;
    let lengths = [ids.len(), clusters.len(), clients.len(), listeners.len(), states.len()];
    if lengths.into_iter().chain([workers.len()]).any(|length| length > MOST_WANTED) {
        return Err(format!("a filter has at most {MOST_WANTED} values of a kind"));
    }
    let block = |text: &String| {
        text.parse::<Cidr>().map_err(|error| format!("`{text}` is no client: {error}"))
    };
    let listeners = listeners.iter().map(|address| (*address).try_into());
    let listeners: Result<_, weir_proto::AddressError> = listeners.collect();
    Ok(Filter {
        ids: ids.clone(),
        clusters: clusters.clone(),
        clients: clients.iter().map(block).collect::<Result<_, _>>()?,
        listeners: listeners.map_err(|error| error.to_string())?,
        states: states.iter().map(|word| State::of_word(word)).collect::<Result<_, _>>()?,
        older_than: Duration::from_millis(older_than_ms.unwrap_or(0)),
        backend: None,
        backend_address: None,
    })
}

/// Which sessions use a cluster, one of its backends, or one address of it.
///
/// # Errors
/// A sentence about the address.
pub fn of_cluster(wanted: &CloseSessions) -> Result<Filter, String> {
    let address = wanted.address.map(SocketAddr::try_from).transpose();
    let address = address.map_err(|error| error.to_string())?.map(Address::Ip);
    Ok(Filter {
        clusters: vec![wanted.cluster_id.clone()],
        backend: wanted.backend_id.clone(),
        backend_address: address,
        ..Filter::default()
    })
}

/// A session of the worker of this slot and process.
pub fn tell(live: Live, worker: u16, pid: i32) -> LiveSession {
    let millis = |time| micros(time) / 1_000;
    LiveSession {
        id: live.id,
        worker: worker.into(),
        pid,
        protocol: live.protocol.word().to_owned(),
        tls: live.tls,
        state: live.state.word().to_owned(),
        client: live.client.to_string(),
        listener: live.listener.to_string(),
        cluster: live.cluster,
        backend: live.backend,
        backend_address: live.backend_address.map(|address| address.to_string()),
        age_ms: millis(live.age),
        idle_ms: millis(live.idle),
        bytes_in: live.bytes_in,
        bytes_out: live.bytes_out,
        requests: live.requests,
        streams: live.streams as u64,
        connection: live.connection,
        request: live.request,
        waits_for: live.waits_for.word().to_owned(),
        ends_in_ms: live.ends_in.map(millis),
    }
}
