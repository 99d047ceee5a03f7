//! Which sessions are meant.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use weir_base::{Address, CidrSet, Key};
use weir_control::sessions::{Filter, State};
use weir_l4::flows::Flow;

use crate::context::Context;
use crate::departures::Departed;
use crate::session::Session;
use crate::udp::{self, Link};

/// A filter, ready to be applied to many. An empty set means all.
pub(super) struct Wanted {
    ids: HashSet<String>,
    clusters: HashSet<String>,
    clients: CidrSet,
    listeners: HashSet<SocketAddr>,
    states: Vec<State>,
    older_than: Duration,
    backend: Option<String>,
    backend_address: Option<Address>,
    /// Backends that were removed.
    departed: HashSet<Departed>,
}

impl Wanted {
    pub(super) fn new(filter: &Filter, cx: &Context) -> Self {
        let listeners = filter.listeners.iter().copied();
        // Clients may know a listener by the address that it shows.
        let public = cx.tables.listeners.iter().filter_map(|(_, listener)| {
            let config = &listener.settings.config;
            let shown = config.public_address?;
            filter.listeners.contains(&shown).then_some(config.address)
        });
        Self {
            ids: filter.ids.iter().cloned().collect(),
            clusters: filter.clusters.iter().cloned().collect(),
            clients: filter.clients.iter().copied().collect(),
            listeners: listeners.chain(public).collect(),
            states: filter.states.clone(),
            older_than: filter.older_than,
            backend: filter.backend.clone(),
            backend_address: filter.backend_address.clone(),
            departed: HashSet::new(),
        }
    }

    /// What uses backends that were removed.
    pub(super) fn departed(departed: HashSet<Departed>, cx: &Context) -> Self {
        Self { departed, ..Self::new(&Filter::default(), cx) }
    }

    pub(super) fn has_session(&self, session: &Session, cx: &Context) -> bool {
        let address = || {
            let active = session.active().filter(|active| active.back.is_some())?;
            active.served_at.as_ref()
        };
        let backend = || {
            let active = session.active()?;
            let cluster = cx.tables.clusters.get(active.cluster?)?;
            cluster.group.spec(active.back?.backend).map(|spec| &*spec.id)
        };
        (self.ids.is_empty() || self.ids.contains(session.id.as_str()))
            && self.has_client(session.client.ip())
            && self.has_listener(session.settings.config.address)
            && (self.states.is_empty() || self.states.contains(&session.state()))
            && self.older_than <= session.age(cx.observe.unix_millis())
            && self.has_departed(|| {
                session
                    .active()
                    .and_then(|a| a.cluster.zip(a.back))
                    .map(|(cluster, back)| (cluster, back.backend))
            })
            && self.has_cluster(|| session.cluster(&cx.tables))
            && self.has_backend(backend, |wanted| address() == Some(wanted))
    }

    pub(super) fn has_flow(&self, id: Key, flow: &Flow<Link>, cx: &Context) -> bool {
        let link = &flow.data;
        let cluster = cx.tables.clusters.get(link.cluster);
        let named = || self.ids.contains(&udp::name(id, cx.settings.worker));
        let backend = || cluster?.group.spec(link.backend).map(|spec| &*spec.id);
        (self.ids.is_empty() || named())
            && self.has_client(flow.client.ip())
            && self.has_listener(flow.key.listener)
            && (self.states.is_empty() || self.states.contains(&State::Flow))
            && self.older_than <= cx.now.since(flow.begun)
            && self.has_departed(|| Some((link.cluster, link.backend)))
            && self.has_cluster(|| cluster.map(|cluster| &*cluster.settings.config.id))
            && self.has_backend(backend, |wanted| *wanted == link.address())
    }

    fn has_departed(&self, backend: impl Fn() -> Option<Departed>) -> bool {
        self.departed.is_empty()
            || backend().is_some_and(|backend| self.departed.contains(&backend))
    }

    fn has_client(&self, client: IpAddr) -> bool {
        self.clients.is_empty() || self.clients.contains(client)
    }

    fn has_listener(&self, listener: SocketAddr) -> bool {
        self.listeners.is_empty() || self.listeners.contains(&listener)
    }

    fn has_cluster<'a>(&self, cluster: impl Fn() -> Option<&'a str>) -> bool {
        self.clusters.is_empty() || cluster().is_some_and(|id| self.clusters.contains(id))
    }

    fn has_backend<'a>(
        &self,
        id: impl Fn() -> Option<&'a str>,
        is_at: impl Fn(&Address) -> bool,
    ) -> bool {
        (self.backend.is_none() || id() == self.backend.as_deref())
            && self.backend_address.as_ref().is_none_or(is_at)
    }
}
